"""How near what was read comes to what was expected. Pure; every measure is between 0 and 1."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

SIGNATURE_LINES, SIGNATURE_LETTERS = 4, 160
"""What a signature may have to be forgiven: at the end, on either side."""
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of `text`, in lower case; characters of scripts without blanks count one by one."""
    return [
        part
        for word in _WORD.findall(text.casefold())
        for part in ((word,) if word < "\u2e80" else tuple(word))  # CJK
    ]


def similarity(read: str, expected: str) -> float:
    """Share of words that both have in the same order (2 x matches / all words)."""
    one, other = words(read), words(expected)
    return SequenceMatcher(None, one, other, autojunk=False).ratio() if one or other else 1.0


def token_f1(read: str, expected: str) -> float:
    """Harmonic mean of precision and recall over words, repetitions counted; two empty texts agree."""
    one, other = Counter(words(read)), Counter(words(expected))
    common = (one & other).total()
    if not one and not other:
        return 1.0
    return 2 * common / (one.total() + other.total())


def is_exact(read: str, expected: str) -> bool:
    """Whether both say the same, however spaced, a short signature at the end of one of them forgiven."""
    one, other = _lines(read), _lines(expected)
    if "".join(one).split() == "".join(other).split() or " ".join(one).split() == " ".join(other).split():
        return True
    shorter, longer = sorted((one, other), key=len)
    return _is_forgiven(longer[len(shorter) :]) and longer[: len(shorter)] == shorter and bool(shorter)


def loses_words(read: str, expected: str) -> bool:
    """Whether a word that the customer wrote is missing, a short signature forgiven."""
    return bool(Counter(words(expected)) - Counter(words(read))) and not is_exact(read, expected)


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _is_forgiven(lines: list[str]) -> bool:
    return len(lines) <= SIGNATURE_LINES and sum(map(len, lines)) <= SIGNATURE_LETTERS
