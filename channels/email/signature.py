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
- below a name that opens the last paragraph: the same, with a mail address or a site in it
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice, pairwise

from channels.email.signature_words import (
    ANTIVIRUS,
    CLEAN,
    DEVICES,
    DISCLAIMERS,
    GET_APP,
    GET_APP_LAST,
    LEGAL,
    MY,
    NOTICES,
    PARTICLES,
    PROGRAM_LINES,
    REFERRING,
    SAID,
    SENT_FROM,
    SENT_FROM_LAST,
    VALEDICTIONS,
)

_LONG_PARAGRAPH = 150
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
_DASHED_NAME = re.compile(r"(?:--?|[—–]\s?)[^\W\d_][\w'’.]*(?:\s[^\W\d_][\w'’.]*){0,2}$")
_ON_BEHALF = re.compile(r"(?:i\.\s?[av]\.|ppa\.|p\.?\s?o\.?|p\.?p\.?)\s", re.IGNORECASE)
_SAID = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, SAID))})(?![\w.-])")
_FOOTER = re.compile(
    r"mailing list|mailman|unsubscribe|subscribed to|liste de diffusion|désabonn|désinscri", re.IGNORECASE
)
_DECORATION = " \t\u00a0*_-–—<>[]()~"
_OPENINGS = (*SENT_FROM, *GET_APP, *PROGRAM_LINES)
_ANTIVIRUS = re.compile("|".join(map(re.escape, ANTIVIRUS)))
_LEGAL_WORDS = frozenset(words.split()[0] for words in DISCLAIMERS)
_UNSPACED = tuple(words for words in _OPENINGS if words[0] >= "\u2e80")
_FIRST_WORDS = frozenset({words.split()[0] for words in (*_OPENINGS, "virus-free.")} | {"outlook", "von", "[https"})
_TELLING_HEADS = frozenset(
    f"{words.split()[0].rstrip(',.:')}{end}"[:3]
    for words in (*_FIRST_WORDS, *_LEGAL_WORDS, *VALEDICTIONS)
    for end in ("", " ", ",", ".", "!", ":", ";")
)
"""The first three letters of all of these: a glance at them spares most lines the closer looks."""
_LONG_VALEDICTIONS = tuple(f"{words} " for words in sorted(VALEDICTIONS) if " " in words and len(words) >= 12)
"""Those that people go on after: 'Mit freundlichen Grüßen aus Köln'."""
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
        gone |= {above for above, index in pairwise(written) if index in gone and _RULE.match(lines[above])}
        written = [index for index in written if index not in gone]
        telling = [index for index in telling if index not in gone]
    for beginning in (_standard, _legal, _ruled, _carded, _named):
        start = beginning(lines, written, telling)
        if start is not None:
            gone.update(index for index in written if index >= start)
            written = [index for index in written if index < start]
            telling = [index for index in telling if index < start]
    if _ends_in_dashed_name(lines, written):
        gone.add(written[-1])
    return gone


def _is_telling(line: str) -> bool:
    """True if a signature may begin with `line`, or if it may be the only line of one."""
    first = line[0]
    return (
        line[:3].casefold() in _TELLING_HEADS
        or line[1:2] in (" ", ",", "")
        or first in _TELLING_LETTERS
        or first >= "\u2e80"
        or not first.isalnum()
        or "@" in line[:60]
        or (len(line) <= 60 and line.endswith(SENT_FROM_LAST))
    )


def says_something(lines: Sequence[str]) -> bool:
    """True if what was taken for a signature holds a sentence: then it is better shown than lost."""
    return any(_is_sentence(line) for line in lines if not is_program_line(line))


def is_program_line(line: str) -> bool:
    """True if a mail program added `line` by itself ('Sent from my iPhone')."""
    head = _head(line)
    if head not in _FIRST_WORDS and not line.endswith(SENT_FROM_LAST):
        if line.startswith("[cid:"):
            return line.find("]") == len(line) - 1
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


def _standard(lines: Sequence[str], written: Sequence[int], telling: Sequence[int]) -> int | None:
    """Where '-- ' stands above what may be a card (RFC 3676 §4.3), or an OpenPGP signature (RFC 9580 §7)."""
    for index in telling:
        line = lines[index]
        if line[0] != "-":
            continue
        if line == "-- " and not (index and lines[index - 1].endswith(":")):
            if sum(other > index for other in written) <= 20:
                return index
        elif line.startswith("-----BEGIN PGP SIGNATURE"):
            return index
    return None


def _legal(lines: Sequence[str], written: Sequence[int], telling: Sequence[int]) -> int | None:
    """Where a paragraph about confidentiality begins that programs of companies put at the end.

    It is long and stands by itself, or speaks like a lawyer: with two of their words.
    """
    for index in telling:
        if index == written[0] or _head(lines[index]) not in _LEGAL_WORDS:
            continue
        if index == written[1] and lines[written[0]].endswith(","):
            continue  # only a greeting stands above: then it is what was written
        if not lines[index][:48].lstrip(_DECORATION).casefold().startswith(DISCLAIMERS):
            continue
        paragraph = " ".join(lines[index : index + 5])[:600].casefold()
        above = lines[index - 1]
        ruled = _RULE.match(above) is not None
        alone = (not above or ruled) and (len(paragraph) > _LONG_PARAGRAPH or paragraph.startswith(NOTICES))
        if _is_legal(paragraph, 1 if alone else 2):
            return index - ruled
    return None


def _is_legal(paragraph: str, words: int) -> bool:
    """True if `paragraph` has so many different `words` of lawyers."""
    return next(islice((word for word in LEGAL if word in paragraph), words - 1, None), None) is not None


def _ruled(lines: Sequence[str], written: Sequence[int], telling: Sequence[int]) -> int | None:
    """Where a rule above a card begins, '--' among them."""
    for index in telling:
        line = lines[index]
        if line.strip(_RULE_LETTERS):
            continue
        below = [lines[other] for other in written if other > index]
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
    if not (_is_full_name(below[0]) or _is_valediction(below[0])):
        return False
    quotations = [line for line in below if len(below) <= 4 and line[0] in "\"“„«'*"]
    return not any(_is_sentence(line) for line in below if line not in quotations)


def _is_card(below: Sequence[str]) -> bool:
    """True if the lines below a rule are a card or the footer of a mailing list."""
    if len(below) > 10:
        return False
    if any(_FOOTER.search(line[:200]) for line in below) and len(below) <= 6:
        return True
    return _is_full_name(below[0]) and any(map(_is_contact, below)) and not any(map(_is_sentence, below))


def _carded(lines: Sequence[str], written: Sequence[int], telling: Sequence[int]) -> int | None:
    """Where the card below a valediction and a name begins; the valediction and the name stay."""
    last = written[-14:][0] if written else 0
    for index in telling:
        if index < last or not _is_valediction(lines[index]):
            continue
        below = [other for other in written if other > index]
        card = [lines[other] for other in below[1:]]
        plausible = len(card) >= 2 and _is_name(lines[below[0]]) and any(map(_is_contact, card))
        if plausible and not any(map(_is_sentence, card)) and not _refers_below(lines[:index]):
            return below[1]
    return None


def _named(lines: Sequence[str], written: Sequence[int], _telling: Sequence[int]) -> int | None:
    """Where the card below a name begins that is a paragraph of its own; the name stays.

    It takes two ways to reach somebody, one of them a mail address or a site: an address to deliver to has none.
    """
    start = written[-1] if written else 0
    while start and lines[start - 1]:
        start -= 1
    card = [lines[index] for index in written if index >= start]
    if not 3 <= len(card) <= 8:
        return None
    above = [index for index in written if index < start]
    if not above or lines[above[-1]].endswith(":") or not _is_full_name(card[0]):
        return None
    online = any("@" in line or "www." in line or "http" in line for line in card)
    if not online or sum(map(_is_contact, card)) < 2 or any(map(_is_sentence, card)):
        return None
    return None if _refers_below(lines[:start]) else start + 1


def _refers_below(lines: Sequence[str]) -> bool:
    """True if the text speaks of an address, a number or what stands below: a card may be the answer."""
    text = "\n".join(line[:400] for line in lines[-_TAIL:]).casefold()
    return any(word in text for word in REFERRING)


def _ends_in_dashed_name(lines: Sequence[str], written: Sequence[int]) -> bool:
    """True for '-Ann' below a blank line, unless it may be the end of a list."""
    if len(written) < 2 or not _DASHED_NAME.match(lines[written[-1]][:60] if len(lines[written[-1]]) < 60 else ""):
        return False
    above = written[-2]
    return above < written[-1] - 1 and not lines[above].startswith(("-", "*", "•", "–"))


def _is_valediction(line: str) -> bool:
    if len(line) >= 60 or line[-1] in "?)>":
        return False
    bare = line.strip(" \t\u00a0,.!;:*_-–—。").casefold()
    return bare in VALEDICTIONS or (bare.startswith(_LONG_VALEDICTIONS) and len(bare.split()) <= 6)


def _is_name(line: str) -> bool:
    bare = _ON_BEHALF.sub("", line.strip(" \t\u00a0*_|,"))
    return (
        0 < len(bare) <= 60
        and len(bare.split()) <= 6
        and bare[-1] not in ".?!:;"
        and (bare[0].isupper() or not bare[0].isascii())
        and not any(map(str.isdigit, bare))
    )


def _is_full_name(line: str) -> bool:
    """True for up to four words, each with a capital or a particle: 'Marie de la Tour', 'NORD Ltd'."""
    words = line.strip(_DECORATION + ",|.").split(None, 4)
    return 1 <= len(words) <= 4 and _is_name(line) and all(_opens_name(word) for word in words)


def _opens_name(word: str) -> bool:
    return word[0].isupper() or not word[0].isalpha() or word[0] >= "\u0590" or word in PARTICLES


def _is_contact(line: str) -> bool:
    return _CONTACT.search(line[:200]) is not None


def _is_sentence(line: str) -> bool:
    """True if `line` reads like something said rather than like a line of a card."""
    if line.endswith("?") or line[:3].casefold() in ("ps ", "ps:", "p.s") or _SAID.search(line[:200].casefold()):
        return True
    words = len(line.split(None, 12))
    if words > 6 and line[-1] in ".!:":
        return True
    return words > 9 and "|" not in line and not _is_contact(line)
