"""Finding the signature at the end of what somebody wrote.

What enters is a run of stripped lines; what leaves is the indices of those that are signature. Nothing fails; only the
last lines are looked at, so the cost does not grow with the run.

Losing a customer's words is worse than keeping a signature. A line goes when it is one of:

- all from a '-- ' line (RFC 3676 §4.3) to the end; from a '--' line where a few short lines follow
- a rule of dashes and the short card below it: a name first, an address, number or link somewhere
- what a program adds by itself: 'Sent from my iPhone', 'Obtenez Outlook pour iOS', 'Virus-free. www.avast.com'
- a last paragraph about confidentiality, or about not printing the mail
- a last line '-Ann'
- below 'Kind regards,' and a name: a card of several short lines with an address, number or link in it
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from channels.email.signature_words import (
    ANTIVIRUS,
    CLEAN,
    DEVICES,
    DISCLAIMERS,
    GET_APP,
    GET_APP_LAST,
    LEGAL,
    MY,
    PROGRAM_LINES,
    SENT_FROM,
    SENT_FROM_LAST,
    VALEDICTIONS,
)

_TAIL = 40
"""Lines at the end that are looked at."""

_RULE = re.compile(r"[-_—–―=*~─━]{3,}$|[—–―─━]{2,}$|_{2}$")
_RULE_LETTERS = "-_—–―=*~─━ "
_CONTACT = re.compile(
    r"[^\s@]@[^\s@]|https?://|www\.|\+\d|\(?\d{2,4}\)?[ .\-/]\d{2,4}[ .\-/]?\d|(?<!\d)\d{8,12}(?!\d)|[📧📱📞☎✉🌐]"
    r"|\b(?:tel|tél|phone|mobile|mob|fax|cell)\b\.?\s?:?",
    re.IGNORECASE,
)
_LINK = re.compile(r"\s*(?:[<(\[]?https?://\S*|[<(\[]mailto:\S*)")
_ONLY_LINK = re.compile(r"[<(\[]https?://\S{1,400}$")
_DASHED_NAME = re.compile(r"(?:-|[—–]\s?)[^\W\d_][\w'’.]*(?:\s[^\W\d_][\w'’.]*){0,2}$")
_FOOTER = re.compile(
    r"mailing list|mailman|unsubscribe|subscribed to|liste de diffusion|désabonn|désinscri", re.IGNORECASE
)
_DECORATION = " \t\u00a0*_-–—<>[]()~"
_OPENINGS = (*SENT_FROM, *GET_APP, *PROGRAM_LINES)
_ANTIVIRUS = re.compile("|".join(map(re.escape, ANTIVIRUS)))
_LEGAL_WORDS = frozenset(words.split()[0] for words in DISCLAIMERS)
_UNSPACED = tuple(words for words in _OPENINGS if words[0] >= "\u2e80")
_FIRST_WORDS = frozenset({words.split()[0] for words in (*_OPENINGS, "virus-free.")} | {"outlook", "von", "[https"})
_TELLING_WORDS = frozenset(word.rstrip(",.:") for word in (*_FIRST_WORDS, *_LEGAL_WORDS)) | frozenset(
    words.split()[0].rstrip(",.:") for words in VALEDICTIONS
)
_TELLING_LETTERS = frozenset(_RULE_LETTERS + "<[(w")


def find(lines: Sequence[str]) -> set[int]:
    """The indices in `lines` that are signature. `lines` are stripped (but for '-- '), without invisible characters."""
    first = max(0, len(lines) - _TAIL)
    written = [index for index in range(first, len(lines)) if lines[index]]
    telling = [index for index in written if _is_telling(lines[index])]
    if not telling:
        return set()
    last = written[-10:][0]
    gone = {index for index in telling if index >= last and is_program_line(lines[index])}
    if gone:
        gone |= {after for index, after in pairwise(written) if index in gone and _ONLY_LINK.match(lines[after])}
        written = [index for index in written if index not in gone]
    for beginning in (_legal, _delimited, _carded):
        start = beginning(lines, written, [index for index in telling if index not in gone])
        if start is not None:
            gone.update(index for index in written if index >= start)
            written = [index for index in written if index < start]
    if _ends_in_dashed_name(lines, written):
        gone.add(written[-1])
    return gone


def _is_telling(line: str) -> bool:
    """True if a signature may begin with `line`: one glance at its ends spares most lines the closer looks."""
    first = line[0]
    if first in _TELLING_LETTERS or first >= "\u2e80":
        return True
    word = line[:24].partition(" ")[0].casefold().rstrip(",.!;:")
    return word in _TELLING_WORDS or not first.isalnum() or line.endswith(SENT_FROM_LAST)


def says_something(lines: Sequence[str]) -> bool:
    """True if what was taken for a signature holds a sentence: then it is better shown than lost."""
    return any(_is_sentence(line) for line in lines if not is_program_line(line))


def is_program_line(line: str) -> bool:
    """True if a mail program added `line` by itself ('Sent from my iPhone')."""
    head = _head(line)
    if head not in _FIRST_WORDS and not line.endswith(SENT_FROM_LAST):
        if line[0] in "<[w" and _ANTIVIRUS.search(line[:160]):
            return len(line.split()) <= 8
        if line.isascii() or not head.startswith(_UNSPACED):
            return False
    if len(line) > 200:
        return False
    bare = _LINK.sub("", line).strip(_DECORATION + ".。!").casefold()
    if not bare or len(bare) > 110:
        return False
    if bare.startswith(PROGRAM_LINES) or bare in CLEAN:
        return True
    words = bare.split()
    if bare.startswith(GET_APP) or (words[0] == "outlook" and bare.endswith(GET_APP_LAST)):
        return len(words) <= 8
    if bare.endswith(SENT_FROM_LAST):
        return len(words) <= 9 and _names_device(bare)
    opening = next((start for start in SENT_FROM if bare.startswith(start)), "")
    return bool(opening) and _is_sender(bare[len(opening) :].strip(), line)


def _head(line: str) -> str:
    """The first word, folded, without what decorates it."""
    return line[:24].lstrip(_DECORATION).partition(" ")[0].casefold()


def _is_sender(rest: str, line: str) -> bool:
    """True if what follows 'Sent from' is a device or a program, and not a place or a reason."""
    words = rest.split()
    if not words or len(words) > 14:
        return False
    spelt_as_name = any(letter.isupper() for letter in line[1:])
    if _names_device(rest):
        return words[0] in MY or spelt_as_name or not rest.isascii()
    return len(words) <= 3 and spelt_as_name and line[-1] not in ".?!:"


def _names_device(rest: str) -> bool:
    return any(device in rest for device in DEVICES)


def _legal(lines: Sequence[str], written: Sequence[int], telling: Sequence[int]) -> int | None:
    """Where a paragraph about confidentiality begins that programs of companies put at the end.

    It stands by itself, or speaks like a lawyer: with two of their words.
    """
    for index in telling:
        if index == written[0] or _head(lines[index]) not in _LEGAL_WORDS:
            continue
        if not lines[index][:48].lstrip(_DECORATION).casefold().startswith(DISCLAIMERS):
            continue
        paragraph = " ".join(lines[index : index + 5])[:600].casefold()
        above = lines[index - 1]
        ruled = _RULE.match(above) is not None
        if len(paragraph) > 40 and sum(word in paragraph for word in LEGAL) > (above != "" and not ruled):
            return index - ruled
    return None


def _delimited(lines: Sequence[str], written: Sequence[int], telling: Sequence[int]) -> int | None:
    """Where '-- ' or a rule above a card begins."""
    for index in telling:
        line = lines[index]
        if line.strip(_RULE_LETTERS):
            continue
        below = [lines[other] for other in written if other > index]
        if line == "-- " and len(below) <= 20:
            return index
        if line == "--" and _is_plain_card(below):
            return index
        if _RULE.match(line) and below and _is_card(below):
            return index
    return None


def _is_plain_card(below: Sequence[str]) -> bool:
    """True if the lines below a bare '--' are few and short: a name, a footer, and not an answer."""
    if not 0 < len(below) <= 12:
        return not below
    if any(_FOOTER.search(line[:200]) for line in below):
        return True
    if len(below) <= 4 and _is_full_name(below[0]):
        return not any(line.endswith("?") for line in below)
    return len(below[0].split()) <= 6 and below[0][-1] not in ".?!:`" and not any(map(_is_sentence, below))


def _is_card(below: Sequence[str]) -> bool:
    """True if the lines below a rule are a card or the footer of a mailing list."""
    if len(below) > 10:
        return False
    if any(_FOOTER.search(line[:200]) for line in below) and len(below) <= 6:
        return True
    return _is_name(below[0]) and any(map(_is_contact, below)) and not any(map(_is_sentence, below))


def _carded(lines: Sequence[str], written: Sequence[int], telling: Sequence[int]) -> int | None:
    """Where the card below a valediction and a name begins; the valediction and the name stay."""
    last = written[-14:][0] if written else 0
    for index in telling:
        if index < last or not _is_valediction(lines[index]):
            continue
        below = [other for other in written if other > index]
        card = [lines[other] for other in below[1:]]
        plausible = len(card) >= 2 and _is_name(lines[below[0]]) and any(map(_is_contact, card))
        if plausible and not any(map(_is_sentence, card)):
            return below[1]
    return None


def _ends_in_dashed_name(lines: Sequence[str], written: Sequence[int]) -> bool:
    """True for '-Ann' below a blank line, unless it may be the end of a list."""
    if len(written) < 2 or not _DASHED_NAME.match(lines[written[-1]][:60] if len(lines[written[-1]]) < 60 else ""):
        return False
    above = written[-2]
    return above < written[-1] - 1 and not lines[above].startswith(("-", "*", "•", "–"))


def _is_valediction(line: str) -> bool:
    return len(line) < 60 and line[-1] not in "?)>" and line.strip(" \t\u00a0,.!;:*_-–—。").casefold() in VALEDICTIONS


def _is_name(line: str) -> bool:
    bare = line.strip(" \t\u00a0*_|,")
    return (
        0 < len(bare) <= 60
        and len(bare.split()) <= 6
        and bare[-1] not in ".?!:;"
        and (bare[0].isupper() or not bare[0].isascii())
        and not any(map(str.isdigit, bare))
    )


def _is_full_name(line: str) -> bool:
    """True for two to four words, each with a capital."""
    words = line.split(None, 4)
    return 2 <= len(words) <= 4 and _is_name(line) and all(word[0].isupper() for word in words)


def _is_contact(line: str) -> bool:
    return _CONTACT.search(line[:200]) is not None


def _is_sentence(line: str) -> bool:
    """True if `line` reads like something said rather than like a line of a card."""
    if line.endswith("?") or line[:3].casefold() in ("ps ", "ps:", "p.s"):
        return True
    words = len(line.split(None, 12))
    if words > 6 and line[-1] in ".!:":
        return True
    return words > 9 and "|" not in line and not _is_contact(line)
