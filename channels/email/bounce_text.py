"""Bounces that follow no standard: who was not reached, and what was said about each, read out of free text.

Enters: the text of a notification. Leaves: its own words apart from the returned message, and the failed addresses
with the words that belong to each. Nothing is known of single mail servers: what counts is where an address stands
(alone on its line, before a colon, behind "RCPT TO:", after "the following recipients") and what stands beside it.
Time is linear: text and candidates are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

import msgspec

from channels.email.bounce_status import enhanced_codes, reply_code
from channels.email.phrases import any_of, expression, fold
from channels.email.report_fields import ADDRESS, MAX_TEXT

MAX_LINES = 2_000
MAX_CANDIDATES = 500
MAX_FAILURES = 50
_DIAGNOSTIC = 1_000

_DIVIDER = """
    (this|here|below|enclosed|attached) …is a copy of
    below this line is
    (the )?headers? of the original
    message headers? (follow|section)
    (a |the |your |copy of )*(original|returned|unsent|undelivered|failed) (e-?)?(mail|message)s? *([-=_*:]+|$)
    (a |the |your )*(original|returned|unsent|undelivered) (mail|message) …(follow|included|attached|below)
    original (mail|message) headers?
    received message:
    ursprungliche nachricht
    message d'origine
    mensaje original
    messaggio originale
    исходное сообщение
    元のメッセージ
    原始邮件
    content-type: *(message/rfc822|text/rfc822-headers)
    received: (from|by|[(])
    return-path: *<
"""
"""How the line begins, after dashes and the like, below which the returned message stands."""

_ANNOUNCEMENT = """
    following (e-?mail )?(recipient|address|user|destination|person|mailbox|final recipient)
    (these|one or more of) recipients or
    address[(]?es[)]? …(had|failed)
    recipients? (were|was) affected
    (not|never|failed|unable|undeliverable|error|problem|trouble) …(to|reach|reached):?[ ]*$
    destinataires? suivants?
    adresses? suivantes?
    folgenden? (empf|adress)
    (destinatarios? siguientes?|siguientes destinatarios|seguenti destinatari|seguintes destinat)
    (следующ|получател|宛先|以下|下列)
"""
"""Words that announce the failed addresses: what stands before them is about other people."""

_SENDER_WORDS = """
    \\b(from|sender|sent by|written by|generated from|reply[- ]to|return-path|contact|mail from|by|message-id)
    \\b(de la part de|expediteur|von|absender|mittente|remitente)
    \\b(assistance|questions?|help|support|please [a-z]+|send (e-?)?mail to)
    помощью
"""
_RECIPIENT_WORDS = """
    \\b(recipients?|rcpt to|user|address|addressed to|mailbox|undeliverable to|delivered to|delivery to)
    \\b(destinataires?|empfanger|destinatario|destinatari|adresse|an)
    (宛先|送信先|получатель)
    [a-z]+ (to|for|attempts)?:
"""
_TOWARDS_WORDS = r"\b(to|for|recipient|user|address|a|an|para|per|на|mailbox|account|at)"
_OPENING = r"[ \t:=]*[<\"'(\[]*$"
"""What may stand between a word and the address that it belongs to."""

_ALONE_BEFORE = re.compile(r"[\s<\"'(\[>*•·–|-]*$")
_ALONE_AFTER = re.compile(
    r"[\s>\"')\],;*.]*(?:[:(\[]|\.\.\.|[-–=;,] |$|<?mailto:|on \w|failed|could|was|host|said)", re.IGNORECASE
)
_KEEPERS = re.compile(r"(?:postmaster|mailer-daemon|abuse|root|helpdesk|hostmaster)@")
"""People who look after mail servers: named as a place to turn to far more often than as a failed recipient."""

_MAIL_FIELD = re.compile(
    r"(?:received|return-path|message-id|mime-version|from|to|subject|date|content-type|x-[\w-]+|dkim-signature"
    r"|user-agent|reply-to|cc|sender)[ \t]*:",
    re.IGNORECASE,
)


@cache
def _divider() -> re.Pattern[str]:
    return re.compile(rf"^[ \t>*=_-]*{expression(_DIVIDER)}", re.MULTILINE)


@cache
def _before(words: str) -> re.Pattern[str]:
    """`words` directly before an address, but for the little words and marks that may stand between."""
    return re.compile(rf"{expression(words)}[ \t]*(?:(?:is|to|at|address|the|:)[ \t]*)*{_OPENING}")


class Failure(msgspec.Struct, frozen=True):
    """One address that was not reached, and the lines that speak of it."""

    recipient: str
    words: str


def split_returned(text: str) -> tuple[str, str]:
    """Cut a notification into its own words and the returned message below them ('' where there is none)."""
    text = text[:MAX_TEXT]
    cut = min(_line_of_divider(text), _header_below(text))
    return (text[:cut], text[cut:]) if text[:cut].strip() else (text, text)


def _line_of_divider(text: str) -> int:
    """Where the line begins that announces the returned message; the end of `text` where none does."""
    position = 0
    divider = _divider()
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        if divider.match(fold(line[:200])):
            return position
        position += len(line) + 1
    return len(text)


def _header_below(text: str) -> int:
    """Where a header block stands in `text` that no line announces: three mail fields in a row; its end where none."""
    position = start = run = 0
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        if _MAIL_FIELD.match(line):
            start = position if not run else start
            run += 1
            if run == 3:
                return start
        elif line[:1] not in " \t" or not line.strip():
            run = 0
        position += len(line) + 1
    return len(text)


def failures(words: str, ours: Collection[str]) -> list[Failure]:
    """The failed recipients that the notification's own words name, best evidence only; never one of `ours`."""
    lines = words.split("\n", MAX_LINES)[:MAX_LINES]
    announced = any_of(_ANNOUNCEMENT).search
    start = next((number for number, line in enumerate(lines) if announced(fold(line[:200]))), 0)
    return _failures(lines, start, ours) or (_failures(lines, 0, ours) if start else [])


def _failures(lines: list[str], start: int, ours: Collection[str]) -> list[Failure]:
    ranks: dict[str, int] = {}
    places: dict[str, int] = {}
    before = ""
    for number, line in enumerate(lines):
        if number >= start and "@" in line and len(ranks) < MAX_CANDIDATES:
            for address, rank in _ranked(line, before):
                if address not in ours and rank > ranks.get(address, 0):
                    ranks[address] = rank
                    places[address] = number
        before = line if line.strip() else before
    best = max(ranks.values(), default=0)
    chosen = sorted((places[address], address) for address, rank in ranks.items() if rank == best)
    chosen = chosen[: 1 if best <= 1 else MAX_FAILURES]
    ends = [*(place for place, _ in chosen[1:]), len(lines)][: len(chosen)]
    return [
        Failure(address, "\n".join(lines[place : max(end, place + 1)])[:_DIAGNOSTIC])
        for (place, address), end in zip(chosen, ends, strict=True)
    ]


def _ranked(line: str, line_before: str) -> list[tuple[str, int]]:
    """The addresses in one line with how surely each is a failed recipient: 4 sure, 1 perhaps; senders are left out."""
    found = []
    for match in list(ADDRESS.finditer(line[:2_000]))[:20]:
        head, tail = fold(line[max(0, match.start() - 80) : match.start()]), line[match.end() : match.end() + 40]
        alone = bool(_ALONE_BEFORE.match(head))
        context = f"{fold(line_before[-60:]).rstrip()} {head}" if alone else head
        if _before(_SENDER_WORDS).search(context):
            continue
        rank = _rank(line, head, tail, alone=alone)
        if _KEEPERS.match(match[0].lower()):
            rank = min(rank, 1)
        found.append((match[0].lower(), rank))
    return found


def _rank(line: str, head: str, tail: str, *, alone: bool) -> int:
    if alone and _ALONE_AFTER.match(tail):
        return 4
    if _before(_RECIPIENT_WORDS).search(head):
        return 3
    if reply_code(line) or enhanced_codes(line) or alone or _before(_TOWARDS_WORDS).search(head):
        return 2
    return 1
