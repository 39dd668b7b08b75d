"""Thread: which ticket does a message belong to? Pure; every decision has its reason.

Checked in this order, the first that holds wins:

    1. reply address   our own address with a token sealed for a ticket and one of its participants
    2. message ids     In-Reply-To and References, the latest first; then the message's own id (a root that arrives
                       after its reply); each only if the sender takes part in that ticket, or the id carries our seal
    3. conversation    on channels of short lines: the sender's open conversation
    4. subject token   [#123], only if the sender takes part in that ticket

Naming a ticket proves nothing by itself. A message that names a stranger's ticket opens one of its own, with a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from config.secret import seal, sealed
from models.envelope import InboundMessage
from workers.known import Known, KnownTicket, message_key

SEAL_LENGTH = 16
SUBJECT_TOKEN = re.compile(r"\[#(\d{1,18})\]")
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
"""Base 32 as in RFC 4648 §6, lower case: what survives in a local part that somebody reads out on the phone."""


@dataclass(frozen=True, slots=True)
class Threaded:
    """Where a message goes: a ticket, or None for a new one; and why."""

    ticket: KnownTicket | None
    reason: str
    proved: bool = False
    """True where a seal of ours shows that the sender had a message of this ticket."""


def reply_token(secret: bytes, ticket_id: int, label: str) -> str:
    """The token of a reply address: the ticket in base 32, then the seal that binds it to `label`."""
    return _base32(ticket_id) + seal(secret, "reply", str(ticket_id), label)


def own_message_id(secret: bytes, ticket_id: int, nonce: str, domain: str) -> str:
    """A Message-ID of ours that names its ticket and carries our seal."""
    return f"{_base32(ticket_id)}.{nonce}.{seal(secret, 'message', str(ticket_id), nonce)}@{domain}"


def token_ticket(token: str) -> int | None:
    """The ticket that a reply token claims to be for; None where it is none of ours."""
    return _number(token[:-SEAL_LENGTH]) if len(token) > SEAL_LENGTH else None


def sealed_ticket(secret: bytes, message_id: str) -> int | None:
    """The ticket of one of our own Message-IDs, if its seal is right."""
    parts = message_id.partition("@")[0].split(".")
    if len(parts) != 3:
        return None
    number = _number(parts[0])
    return number if number and sealed(secret, parts[2], "message", str(number), parts[1]) else None


def subject_ticket(subject: str) -> int | None:
    """The ticket that a subject names, `[#123]`."""
    found = SUBJECT_TOKEN.search(subject)
    return int(found.group(1)) if found else None


def claimed_tickets(secret: bytes, message: InboundMessage) -> Iterator[int]:
    """Every ticket that the message names, rightly or not: what must be loaded before deciding."""
    yield from filter(
        None,
        (
            token_ticket(message.reply_token),
            subject_ticket(message.subject),
            *(sealed_ticket(secret, reference) for reference in message.references),
        ),
    )


def thread(message: InboundMessage, label: str, known: Known, secret: bytes) -> Threaded:
    """Decide which ticket `message`, from `label` (channel:address), belongs to."""
    strangers: list[str] = []
    for found in (
        _by_reply_address(message, known, secret),
        _by_ids(message, label, known, secret, strangers),
        _by_conversation(message, known),
        _by_subject(message, label, known, strangers),
    ):
        if found is not None:
            return found
    if strangers:
        return Threaded(None, f"new ticket: it names {strangers[0]}, where its sender takes no part")
    return Threaded(None, "new ticket: it answers nothing that we know")


def _by_reply_address(message: InboundMessage, known: Known, secret: bytes) -> Threaded | None:
    number = token_ticket(message.reply_token)
    ticket = known.tickets.get(number) if number else None
    if ticket is None:
        return None
    mark = message.reply_token[-SEAL_LENGTH:]
    for label in ticket.participants:
        if sealed(secret, mark, "reply", str(ticket.id), label):
            return Threaded(
                known.resolve(ticket), f"reply address of ticket {ticket.id}, made for {label}", proved=True
            )
    return None


def _by_conversation(message: InboundMessage, known: Known) -> Threaded | None:
    ticket = known.conversations.get(message.conversation) if message.conversation else None
    return Threaded(known.resolve(ticket), "the sender's open conversation") if ticket else None


def _by_ids(message: InboundMessage, label: str, known: Known, secret: bytes, strangers: list[str]) -> Threaded | None:
    for reference in reversed(message.references):
        number = sealed_ticket(secret, reference)
        if number is not None and number in known.tickets:
            return Threaded(known.resolve(known.tickets[number]), f"answers our message <{reference}>", proved=True)
        for ticket, _own in known.tickets_of(message_key(reference)):
            if ticket.takes_part(label):
                return Threaded(ticket, f"answers <{reference}>, and {label} takes part in that ticket")
            strangers.append(f"<{reference}>")
    if message.message_id:
        for ticket, own in known.tickets_of(message_key(message.message_id)):
            if ticket.takes_part(label):
                return Threaded(ticket, f"is <{message.message_id}>, which {'stands' if own else 'is answered'} there")
    return None


def _by_subject(message: InboundMessage, label: str, known: Known, strangers: list[str]) -> Threaded | None:
    number = subject_ticket(message.subject)
    ticket = known.tickets.get(number) if number else None
    if ticket is None:
        return None
    if ticket.takes_part(label):
        return Threaded(known.resolve(ticket), f"names [#{number}], and {label} takes part in that ticket")
    strangers.append(f"[#{number}]")
    return None


def _base32(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 32)
        text = _DIGITS[digit] + text
    return text or "a"


def _number(text: str) -> int | None:
    if not 0 < len(text) <= 12 or any(letter not in _DIGITS for letter in text):
        return None
    number = 0
    for letter in text:
        number = number * 32 + _DIGITS.index(letter)
    return number
