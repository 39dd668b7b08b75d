"""Recognising the line or the block that mail programs put above a quote, in many languages.

What enters is one line, or a few lines joined by spaces, never more than `LONGEST` characters; what leaves is a yes,
a role or a position. Nothing fails, and every expression is linear in its input or runs on a bounded piece of it.

Three shapes are known:

- attribution   'On 3 March 2025 at 10:12, Ann <ann@example.org> wrote:' (word order and language vary)
- label block   'From: … / Sent: … / To: … / Subject: …', a label a line, or all on one line
- divider       '-----Original Message-----', 'Begin forwarded message:'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from channels.email.quote_words import (
    DETERMINERS,
    FORM_LABELS,
    FORWARDED,
    FORWARDED_BY,
    LABELS,
    OPENINGS,
    ORIGINAL,
    PRONOUNS,
    QUOTING,
    SHARED_OPENINGS,
    WROTE,
    WROTE_UNSPACED,
)
from channels.email.signature_words import PARTICLES

LONGEST = 400
"""Characters of a joined header that are looked at."""

_DASHES = "-=—–―‐_"
_DECORATION = " \t\u00a0*~#|•" + _DASHES


def _any_of(words: Iterable[str]) -> str:
    """An alternation, longest first, in which a blank is any run of blanks (headers are wrapped anywhere)."""
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return "|".join(re.escape(word).replace("\\ ", r"\s+") for word in ordered)


_WROTE = rf"(?:(?<!\w)(?:{_any_of(WROTE)})(?!\w)|{_any_of(WROTE_UNSPACED)})"
_IN_DATES = frozenset({"a", "o", "as", "os", "i", "de", "la", "las", "het"})
"""Little words that also stand between the numbers of a date."""
_WROTE_ANYWHERE = re.compile(_WROTE)
_WROTE_LAST = re.compile(_WROTE + r"(?:\s?\(\w{1,3}\)|/\w{1,3})?$")
_PRONOUN_LAST = re.compile(rf"(?:(?<!\w)(?:{_any_of(PRONOUNS)})\s+|['’])$")
_SPEAKERS = PRONOUNS - {"on", "il", "as", "as i"}
"""Pronouns that open no attribution in another language; 'je' closes one in Croatian."""
_WROTE_BY_SPEAKER = re.compile(rf"{_WROTE}\s(?:{_any_of(_SPEAKERS - {'je'})})(?!\w)")
_SPEAKER = re.compile(rf"\s(?:{_any_of(_SPEAKERS - {'je', 'ja'})})\s")
_SPEAKER_FIRST = re.compile(rf"(?:{_any_of(_SPEAKERS)})(?!\w)")
_SENTENCE_SUBJECT = re.compile(rf"\d\S{{0,3}}(?:\s[AP]M)?,?\s(?:{_any_of(DETERMINERS - _IN_DATES)})\s")
_WROTE_THEN = re.compile(_WROTE + r"\s?:(?=\s)")
_RULE_LONGEST = 160
_QUOTING = re.compile(rf"(?:{_any_of(QUOTING)})(?!\w)")
_OPENING = re.compile(rf"(?:{OPENINGS})(?=[\s:,\d])")
_SHARED_OPENING = re.compile(rf"(?:(?<=\s)|(?<=--))(?:{SHARED_OPENINGS})\s(?=[^\d]{{0,24}}\d)")
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,@\"]@[^\s<>()\[\]:;,@\"]")
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?!\d)"
    r"|(?<![\d.])\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{2}(?!\d)"
    r"|(?<!\d)\d{1,2}[./]\d{1,2}[./](?:19|20)\d\d"
)
_TIME = re.compile(
    r"(?<![\d.:])\d{1,2}\s?(?:[:h：时時시点點]|\u00a0h\u00a0)\s?\d{2}(?!\d)|(?<![\d.:])\d{1,2}\.\d{2}(?![.\d])"
    r"|(?<!\d)\d{1,2}\s?[ap]\.?m"
)
_EARLY_DIGIT = re.compile(r"[^\d]{0,24}\d")
_WORD = re.compile(r"\w{2,}")
_WROTE_WORDS = frozenset(_WORD.findall(words)[-1] for words in WROTE)
LAST_WORDS = frozenset(word.split()[-1] for word in WROTE)
"""Last words of attributions that lack their colon."""


def may_say_wrote(line: str) -> bool:
    """True if a word of `line` may be a verb of writing, in any of the languages."""
    lowered = line.casefold()
    return not _WROTE_WORDS.isdisjoint(_WORD.findall(lowered)) or any(word in lowered for word in WROTE_UNSPACED)


def opens_attribution(line: str) -> bool:
    """True if `line` begins as attributions do, with a digit soon after ('On Mon, 3 March', 'Le lun. 3')."""
    bare = line.lstrip(_DECORATION)
    return _OPENING.match(bare) is not None and _EARLY_DIGIT.match(bare) is not None


def shared_opening(line: str) -> int:
    """Where an attribution begins behind other words of `line`: 'Thanks! On Mon, 3 March'. -1 for nowhere."""
    last = -1
    for found in _SHARED_OPENING.finditer(line):
        last = found.start()
    return last


def is_complete(text: str) -> bool:
    """True if an attribution names day and time already, so that no earlier line belongs to it."""
    return _DATE.search(text) is not None and _TIME.search(text) is not None


def is_dated(text: str) -> bool:
    """True if `text` names a day or a time."""
    return _DATE.search(text) is not None or _TIME.search(text) is not None


def carries_quote(line: str) -> bool:
    """True if `line` is an attribution with the quote behind it: 'On 3 March 2025, Ann <ann@…> wrote: Hello …'."""
    if not opens_attribution(line):
        return False
    found = _WROTE_THEN.search(line.casefold())
    return found is not None and is_attribution(line[: found.end()], quoted=False) and "@" in line[: found.end()]


_RULE = re.compile(r"[-_=—–―‐*~#\s]{3,}$")


def is_rule(line: str) -> bool:
    """True for a line of dashes, or the bare words of a divider, which count directly above a header."""
    if _RULE.match(line[:_RULE_LONGEST]):
        return True
    words = " ".join(line[:_RULE_LONGEST].strip(_DECORATION + "[]:：").casefold().split())
    return words in ORIGINAL or words in FORWARDED


def is_attribution(text: str, *, quoted: bool) -> bool:
    """True if `text` (lines joined by a space) is all of an attribution.

    `quoted` says that what follows is marked as a quote: then less has to be said for it.
    """
    if len(text) > LONGEST:
        return False
    bare = text.strip(_DECORATION).casefold()
    body = bare.rstrip(" \u00a0:：*_")
    colon = (
        len(body) < len(bare)
        and not body.endswith("<mailto")
        and (":" in bare[len(body) :] or "：" in bare[len(body) :])
    )
    date, time = _DATE.search(body) is not None, _TIME.search(body) is not None
    mail = "@" in body and _ADDRESS.search(body) is not None
    opens = opens_attribution(text) or body[:1].isdigit()
    verb = _WROTE_LAST.search(body)
    if not (quoted or (mail and "<" in body)) and _is_sentence(text, body):
        return False
    if verb:
        colon = colon or (text.startswith("---") and text.endswith("---"))
        quoted = quoted or (colon and text.startswith("---"))
        if not (quoted or mail) and _PRONOUN_LAST.search(body[: verb.start()]):
            return False
        return _verb_last(body, date=date, time=time, mail=mail, opens=opens, colon=colon, quoted=quoted)
    if not colon:
        return quoted and mail and date and body[:1].isdigit() and body.endswith((">", ")"))
    if _QUOTING.match(body):
        return mail or quoted
    if verb := _WROTE_ANYWHERE.search(body):
        if _WROTE_BY_SPEAKER.match(body, verb.start()):
            return False
        if (mail and (date or time or quoted)) or (date and opens and (time or quoted)):
            return True
        return date and (time or quoted) and _names_writer(text, body, verb)
    if quoted:
        return mail and (date or time)
    return mail and date and time and _EARLY_DIGIT.match(body) is not None and not _SPEAKER.search(body)


def _is_sentence(text: str, body: str) -> bool:
    """True for what people say: 'Ich habe am 3.3.2025 geschrieben:', 'On 3/3/2025 at 10:12 the display said:'."""
    return (
        body.endswith(("said:", "said"))
        or _SPEAKER_FIRST.match(body) is not None
        or _SPEAKER.search(body) is not None
        or _WROTE_BY_SPEAKER.search(body) is not None
        or _SENTENCE_SUBJECT.search(text) is not None
    )


def _names_writer(text: str, body: str, verb: re.Match[str]) -> bool:
    """True for 'Ann Lee wrote on 03/03/2025 10:12:', where a name and no sentence stands before the verb.

    `verb` is where it stands in `body`, the folded form of `text`.
    """
    names = text.strip(_DECORATION + "\"'").split()[: len(body[: verb.start()].split())]
    if not 0 < len(names) <= 6 or len(body) > 120 or names[0].casefold() in DETERMINERS:
        return False
    if _PRONOUN_LAST.search(body[: verb.start()]) or len(body[verb.end() :].split()) > 8:
        return False
    return all(name[0].isupper() or name in (*PARTICLES, "via") for name in names)


_NAME_PARTICLES = frozenset(
    {"de", "du", "la", "le", "von", "van", "der", "den", "di", "da", "dos", "via", "y", "e", "&"}
)


def _verb_last(body: str, *, date: bool, time: bool, mail: bool, opens: bool, colon: bool, quoted: bool) -> bool:
    if mail and (date or time or "<" in body or "(" in body or "[" in body or quoted):
        return True
    if date and (opens or time):
        return colon or quoted or time
    if time and opens:
        return colon or quoted
    return quoted and colon and len(body) <= 120


_OPENS_DIVIDER = _DASHES + "*<>[#~"


def divider(line: str) -> str:
    """What a line between dashes announces: 'original', 'forwarded' or ''.

    'Begin forwarded message:' needs no dashes, its colon is enough; other words without dashes are prose.
    """
    bare = line.strip(_DECORATION + "[]<>：:").casefold()
    words = " ".join(bare.split())
    kind = "original" if words in ORIGINAL else "forwarded" if words in FORWARDED else ""
    if kind:
        return kind if line[0] in _OPENS_DIVIDER or (kind == "forwarded" and line[-1] in ":：") else ""
    return "forwarded" if line[0] in _DASHES and line[-1] in _DASHES and words.startswith(FORWARDED_BY) else ""


def is_marked_divider(line: str) -> bool:
    """True for headers marked with '>' whose text below is not: those of French providers and of GroupWise.

    '> Message du 03/03/25 10:12', '>>> Ann Lee <ann@example.org> 3/3/2025 10:12 AM >>>', '>>> On … Ann Lee wrote:'.
    """
    if line.startswith("> Message du "):
        return _DATE.search(line[:40]) is not None
    if not line.startswith(">>> ") or len(line) > LONGEST:
        return False
    return (line.endswith(">>>") and is_complete(line)) or is_attribution(line[4:], quoted=False)


_TABLE_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: [AP]M)?(?: [A-Z]{3,4})?")


def table_end(lines: Sequence[str], start: int) -> int:
    """Where the header that Lotus Notes sets as a table ends, `start` where there is none.

    `start` is its line with the date and nothing else; 'To', 'cc' and 'Subject' follow on lines of their own.
    """
    if not _TABLE_DATE.fullmatch(lines[start][:40]):
        return start
    roles: set[str] = set()
    for index in range(start + 1, min(len(lines), start + 16)):
        role = LABELS.get(lines[index].casefold(), "") if len(lines[index]) < 16 else ""
        roles.add(role)
        if role == "subject" and "to" in roles:
            return min(len(lines), index + 2)
    return start


def label(line: str) -> str:
    """The role of a header label that opens `line` (from, sent, to, cc, subject, other), or ''."""
    head, colon, _ = line[:48].replace("：", ":").partition(":")
    return LABELS.get(head.strip(" \t\u00a0*_").casefold(), "") if colon else ""


_INNER_LABEL = re.compile(
    rf"(?<=[\s>;])\*?({_any_of(word for word in LABELS if len(word) > 1)}|à)\s?\*?\s?[:：](?=\s|\*)"
)


def block_end(lines: Sequence[str], start: int, *, announced: bool = False) -> int:
    """Where the label block that begins at `start` ends: the index after its last line, or `start` for no block.

    `lines` are stripped. One blank line between labels is allowed (paragraphs made into text), as are wrapped values.
    `announced` says that a divider stands above. 'From: Paris / To: Lyon / Date: 3 May' is not a block: it takes an
    address, or a subject and a date.
    """
    roles: set[str] = set()
    evidence = dated = pending = False
    end, index, loose = start, start, 0
    while index < min(len(lines), start + 24) and loose < 4:
        line = lines[index][:LONGEST]
        role = label(line) if line else ""
        if role in roles and role != "other":
            break
        index += 1
        if role:
            inner = [LABELS[word] for word in _INNER_LABEL.findall(line.casefold())] if len(line) > 30 else []
            roles.update((role, *inner))
            dated = dated or ("sent" in (role, *inner) and any(map(str.isdigit, line)))
            evidence = evidence or pending or ("@" in line and role in ("from", "to", "cc"))
            end, loose, pending = index, 0, False
        elif not roles or (loose and not line):
            break
        elif _is_form_label(line) and (not loose or roles.isdisjoint(("sent", "to"))):
            return start
        else:
            loose += 1 if line else 2
            pending = pending or "@" in line
    whole = end - start == 4 and {"from", "sent", "to", "subject"} <= roles
    return end if whole or _is_block(roles, evidence=evidence, dated=dated, announced=announced) else start


def _is_form_label(line: str) -> bool:
    """True for 'Message: …', 'Phone: …': the block is what a contact form sent, and is what was written."""
    head, colon, _ = line[:40].replace("：", ":").partition(":")
    return bool(colon) and head.strip(" *_-\u00a0").casefold() in FORM_LABELS


def _is_block(roles: set[str], *, evidence: bool, dated: bool, announced: bool) -> bool:
    named = roles - {"other"}
    if announced and "from" in named:
        return True
    if len(named) >= 3 and ("from" in named or {"sent", "subject"} <= named):
        return evidence or ("subject" in named and dated)
    return evidence and "from" in named and (dated or "subject" in named) and len(named) >= 2
