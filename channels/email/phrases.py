"""A small notation for tables of phrases, so that people who read no regular expressions can read and extend them.

One phrase a line: `…` stands for up to 40 characters in between; `(a|b)`, `x?`, `[ab]` and `$` mean what they mean in
regular expressions. Text is folded before it is compared, so one row covers capitals and accents.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_MARKS = re.compile("[\u0300-\u036f]+")
_PLAIN = str.maketrans({"\u2019": "'", "\u0131": "i", "\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u00e6": "ae"})
"""Letters that have no decomposition, and the apostrophe that word processors put."""


def fold(text: str) -> str:
    """Lower case, accents removed, compatibility forms made plain: 'Réponse' and 'REPONSE' become 'reponse'.

    Only marks on Latin, Greek and Cyrillic letters go; in kana and Hangul they make another syllable.
    """
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _MARKS.sub("", letters)).translate(_PLAIN)


def expression(phrases: str) -> str:
    """The regular expression for any of `phrases`. Escapes with a capital letter would not survive the folding."""
    lines = filter(None, map(str.strip, phrases.split("\n")))
    return "(?:" + "|".join(fold(line.replace("…", ".{0,40}?")) for line in lines) + ")"


@cache
def any_of(phrases: str) -> re.Pattern[str]:
    """`phrases`, compiled when first needed: most processes never read a bounce."""
    return re.compile(expression(phrases), re.MULTILINE)
