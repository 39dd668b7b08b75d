"""Thread: which ticket does a message belong to? Pure; every decision has its reason. The table: docs/threading.md.

Checked in this order, the first that holds wins:

    1. reply address   our own address with a token sealed for a ticket and one of its participants
    2. our Message-ID  an id that carries our seal, among those that the message answers
    3. ids             of In-Reply-To and References, the latest first, or of the message that is quoted; then the
                       message's own (a root that arrives after its reply)
    4. conversation    on channels of short lines: the sender's open conversation
    5. marks           what the mails of a conversation share beside their ids (Outlook's Thread-Index)
    6. subject token   [#123]
    7. subject         an answer to a subject that its sender is known with

Naming a ticket proves nothing by itself. Only a seal lets anybody in; ids let in who takes part, and as a guest who
demonstrably stands in the conversation (see `_relation`); the rest lets in only who takes part. A sender that is shown
to be somebody else (DMARC) joins by nothing but a seal. A message that names a stranger's ticket opens one of its own,
with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from config.secret import sealed
from config.settings import Threading
from models.envelope import InboundMessage
from models.keys import mark_key, matter_key, message_key
from models.seals import SEAL_LENGTH, sealed_ticket, token_ticket
from workers import answers
from workers.known import Known, KnownTicket
from workers.organisation import is_office, same_organisation
from workers.subject import is_answer, matter

SUBJECT_TOKEN = re.compile(r"\[#(\d{1,18})\]")
PART, GUEST, STRANGER = "part", "guest", "stranger"


@dataclass(frozen=True, slots=True)
class Writer:
    """Whom a message is from and whom it goes to, as labels (`channel:mailbox`)."""

    label: str = ""
    """The sender; '' where nobody can be named."""
    addressed: frozenset[str] = frozenset()
    """Everybody that it was sent to and that is not one of us."""
    desk: tuple[str, ...] = ()
    """Our own addresses that stand in it. Where there are none, an office among `addressed` may be an alias of ours."""
    circle: str = ""
    """The mailing list that it came over; '' for none."""
    aliases: tuple[str, ...] = ()
    """Further addresses that the sender names as theirs."""

    @property
    def everybody(self) -> frozenset[str]:
        """All by whom the message may come to stand in a ticket."""
        return self.addressed.union(self.aliases, filter(None, (self.label, self.circle)))


@dataclass(frozen=True, slots=True)
class Threaded:
    """Where a message goes: a ticket, or None for a new one; and why."""

    ticket: KnownTicket | None
    reason: str
    proved: bool = False
    """True where a seal of ours shows that the sender had a message of this ticket."""
    certain: bool = False
    """True where that seal was made for this very sender."""
    guest: bool = False
    """True where the sender had not taken part before, and nobody who does has asked them in."""
    continues: KnownTicket | None = None
    """Of a new ticket: the ended one that it takes up again."""


@dataclass(slots=True)
class _Case:
    """All that a step may look at, and what it leaves for the last word."""

    message: InboundMessage
    writer: Writer
    known: Known
    secret: bytes
    limits: Threading
    strangers: list[str] = field(default_factory=list)
    """What the message named of tickets in which its sender takes no part."""
    distrust: str = ""
    """Why the sender's address counts for nothing; '' where it counts."""


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


def sought_keys(message: InboundMessage, writer: Writer) -> Iterator[int]:
    """Every thread key that the message may match on: what must be locked and loaded before deciding."""
    if message.message_id:
        yield message_key(message.message_id)
    yield from map(message_key, message.references)
    yield from map(mark_key, message.marks)
    if is_answer(message.subject) and (said := matter(message.subject)):
        yield from (matter_key(label, said) for label in (writer.label, writer.circle) if label)


def thread(message: InboundMessage, writer: Writer, known: Known, secret: bytes, limits: Threading) -> Threaded:
    """Decide which ticket `message` of `writer` belongs to."""
    if message.author:
        return Threaded(None, f"new ticket: {message.author} opened it")
    case = _Case(message, writer, known, secret, limits, distrust=_distrust(message, limits))
    for step in STEPS:
        found = step(case)
        if found is not None:
            return _taken_up(found, case)
    return Threaded(None, _reason_for_a_new_one(case))


def _distrust(message: InboundMessage, limits: Threading) -> str:
    if message.proof == "failed":
        return "its sender is not who it says to be"
    return "its sender is not proved" if limits.require_proof and message.proof == "unproved" else ""


def _reason_for_a_new_one(case: _Case) -> str:
    if not case.strangers:
        return "new ticket: it answers nothing that we know"
    return f"new ticket: it names {case.strangers[0]}, {case.distrust or 'where its sender takes no part'}"


def _taken_up(found: Threaded, case: _Case) -> Threaded:
    """`found`, unless that ticket ended too long ago: then the ticket that continues it, or a new one that will."""
    ticket = found.ticket
    while ticket is not None and ticket.ended_at is not None:
        ended = case.known.now - ticket.ended_at
        if ended <= timedelta(days=case.limits.reopen_days):
            break
        successor = case.known.successors.get(ticket.id)
        if successor is None:
            reason = f"new ticket: it {found.reason}, which ended {ended.days} days ago"
            return replace(found, ticket=None, reason=reason, continues=ticket)
        ticket = case.known.resolve(successor)
    return replace(found, ticket=ticket)


# The steps.


def _by_reply_address(case: _Case) -> Threaded | None:
    number = token_ticket(case.message.reply_token)
    ticket = case.known.tickets.get(number) if number else None
    if ticket is None:
        return None
    mark = case.message.reply_token[-SEAL_LENGTH:]
    for label in (*ticket.participants, *ticket.guests):
        if sealed(case.secret, mark, "reply", str(ticket.id), label):
            reason = f"came to the reply address of ticket {ticket.id}, made for {label}"
            return _sealed(case, ticket, reason, certain=label == case.writer.label)
    return None


def _by_our_id(case: _Case) -> Threaded | None:
    for reference in reversed(case.message.references):
        number = sealed_ticket(case.secret, reference)
        if number is not None and number in case.known.tickets:
            return _sealed(case, case.known.tickets[number], f"answers our message <{reference}>")
    return None


def _sealed(case: _Case, ticket: KnownTicket, reason: str, *, certain: bool = False) -> Threaded:
    ticket = case.known.resolve(ticket)
    guest = not ticket.takes_part(case.writer.label)
    return Threaded(ticket, reason, proved=True, certain=certain and not case.distrust, guest=guest)


def _by_conversation(case: _Case) -> Threaded | None:
    name = case.message.conversation
    ticket = case.known.conversations.get(name) if name else None
    if ticket is None or (ticket.asked == "satisfaction" and answers.score(case.message.reply_text) is None):
        return None  # a closed conversation takes the answer that it waits for; anything else is another matter
    return Threaded(case.known.resolve(ticket), "is in the sender's open conversation")


def _by_ids(case: _Case) -> Threaded | None:
    """Who takes part joins by the latest id; a guest only where all ids lead to one ticket (against spraying)."""
    guests: list[Threaded] = []
    named: set[int] = set()
    for reference, key, answered in _ids(case):
        for ticket, own in sorted(case.known.tickets_of(key), key=lambda row: not row[1]):
            relation, why = _relation(case, ticket, knows_own=own or not answered, itself=not answered)
            reason = f"{'answers' if answered else 'is'} <{reference}>, and {why}"
            if relation == PART:
                return Threaded(ticket, reason)
            named.add(id(ticket))
            if relation == GUEST:
                guests.append(Threaded(ticket, reason, guest=True))
            elif answered:
                case.strangers.append(f"<{reference}>")
    return guests[0] if guests and len(named) == 1 else None


def _ids(case: _Case) -> Iterator[tuple[str, int, bool]]:
    """Id, its key, and whether the message answers it; its own comes last."""
    for reference in reversed(case.message.references):
        yield reference, message_key(reference), True
    if case.message.message_id:
        yield case.message.message_id, message_key(case.message.message_id), False


def _relation(case: _Case, ticket: KnownTicket, *, knows_own: bool, itself: bool = False) -> tuple[str, str]:
    """How the writer stands to `ticket`, and in which words.

    `knows_own`: the message names one that stands in the ticket, not merely one that some message there answers: many
    people have the newsletter that a customer answered, few have the customer's own mail. `itself`: it is the one that
    is answered there, and may have been answered from where it said that answers should go.
    """
    writer = case.writer
    if case.distrust:
        return STRANGER, case.distrust
    if ticket.takes_part(writer.label):
        return PART, f"{writer.label} takes part in that ticket"
    if ticket.takes_part(writer.circle):
        return GUEST, "it came over the same mailing list"
    if not knows_own:
        return STRANGER, ""
    people = writer.addressed.union(writer.aliases) if itself else writer.addressed
    present = people.intersection(ticket.participants)
    if present and (writer.desk or ticket.opener in present or len(present) > 1 or not is_office(min(present))):
        return GUEST, f"it goes to {min(present)} as well, who takes part in that ticket"
    if case.message.proof == "aligned" and same_organisation(writer.label, ticket.opener):
        return GUEST, "its proven sender is of the same organisation as the one who opened that ticket"
    return STRANGER, ""


def _by_marks(case: _Case) -> Threaded | None:
    for mark in case.message.marks:
        for ticket, _own in case.known.tickets_of(mark_key(mark)):
            relation, why = _relation(case, ticket, knows_own=False)
            if relation != STRANGER:
                reason = f"carries the mark of a conversation ({mark.partition(':')[0]}), and {why}"
                return Threaded(ticket, reason, guest=relation == GUEST)
    return None


def _by_subject_token(case: _Case) -> Threaded | None:
    number = subject_ticket(case.message.subject)
    ticket = case.known.tickets.get(number) if number else None
    if ticket is None:
        return None
    if ticket.takes_part(case.writer.label) and not case.distrust:
        return Threaded(
            case.known.resolve(ticket), f"names [#{number}], and {case.writer.label} takes part in that ticket"
        )
    case.strangers.append(f"[#{number}]")
    return None


def _by_subject(case: _Case) -> Threaded | None:
    """An answer without ids, or to a mail that we never saw: the newest ticket of this sender with that subject.

    Ids that lead nowhere are believed to lead elsewhere where the ticket itself began with an answer: two answers to
    two notices with one subject are two matters.
    """
    message, writer = case.message, case.writer
    if case.distrust or case.strangers or not is_answer(message.subject):
        return None
    said = matter(message.subject)
    for label in (writer.label, writer.circle):
        for ticket, began in reversed(case.known.tickets_of(matter_key(label, said)) if label and said else []):
            recent = ticket.updated_at is None or case.known.now - ticket.updated_at <= timedelta(
                days=case.limits.subject_days
            )
            if recent and (began or not message.references) and ticket.takes_part(label):
                return Threaded(ticket, f"answers the subject of {label}'s ticket", guest=label != writer.label)
    return None


STEPS = (_by_reply_address, _by_our_id, _by_ids, _by_conversation, _by_marks, _by_subject_token, _by_subject)
"""In order; the first that finds a ticket has decided."""
