"""What the database knows that a batch may match on, and what settling the batch makes of it.

`load` takes the locks, then reads everything in a handful of `IN` queries. Deciding changes only these values, in
memory, so a message sees what the ones before it in the batch did. `workers.write` puts the difference back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Acknowledge
from models.contact import hour_of
from models.keys import Address, address_key, hash_key
from workers.said import Lately

CROWD = 50
"""Tickets of one thread key that are loaded, whoever takes part in them. Thousands may answer one newsletter."""
MOST_RECENT = 200
"""Messages of one sender that are counted for rule A18. Whoever floods must not make every batch count the flood."""


@dataclass(slots=True)
class KnownIdentity:
    """An identity, in the database or about to be."""

    address: Address
    id: int = 0
    contact_id: int = 0
    acknowledged_at: datetime | None = None
    blocked_until: datetime | None = None
    blocked_reason: str = ""
    stopped_at: datetime | None = None
    name: str = ""
    language: str = ""
    recent: dict[int, int] = field(default_factory=dict)
    """Bare subject's key → messages within the window (rule A18)."""
    lately: Lately = field(default_factory=Lately)
    person: KnownIdentity | None = None
    """Of a new one: another address of the same person, whose contact it shares."""
    new: bool = True
    changed: bool = False
    consent_changed: bool = False

    @property
    def label(self) -> str:
        """`channel:address`, as it stands in a ticket's participants."""
        return ":".join(self.address)


@dataclass(slots=True)
class KnownTicket:
    """A ticket, in the database or about to be."""

    identity: KnownIdentity | None = None
    id: int = 0
    contact_id: int = 0
    status: str = "open"
    conversation: str = ""
    participants: list[str] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    """Those who may add to it without having been asked in by one who takes part."""
    pipeline: str = "default"
    stage: str = "new"
    snoozed_until: datetime | None = None
    asked: str = ""
    """What its customer was asked and has not answered: solved, satisfaction; '' for nothing."""
    answers: list[tuple[str, str, str, str]] = field(default_factory=list)
    """What they answered: question, answer, comment, channel."""
    merged_into: int | None = None
    continues: int | None = None
    acknowledged: bool = False
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    """Of a resolved or closed ticket: since when."""
    columns: dict[str, Any] = field(default_factory=dict)
    """Of a new ticket: its other columns. Of a young one: those that further lines may change."""
    opening: str = ""
    """Of a young conversation that nobody has taken in hand: all that its customer said so far."""
    judged: set[str] = field(default_factory=set)
    """The columns that further lines changed."""
    events: list[tuple[str, str, str, str]] = field(default_factory=list)
    """actor, kind, old, new."""
    added_messages: int = 0
    added_participants: list[str] = field(default_factory=list)
    added_guests: list[str] = field(default_factory=list)
    new: bool = True

    @property
    def opener(self) -> str:
        """Who opened it; '' where nobody is known to take part."""
        return self.participants[0] if self.participants else ""

    def takes_part(self, label: str) -> bool:
        """Whether `channel:address` wrote in it or was addressed in it."""
        return label != "" and (label in self.participants or label in self.guests)

    def admit(self, labels: Iterable[str], *, most: int = 100) -> None:
        """Let further addresses take part, up to `most`."""
        for label in labels:
            if label not in self.participants and len(self.participants) < most:
                self.participants.append(label)
                self.added_participants.append(label)

    def invite(self, label: str, *, most: int = 100) -> None:
        """Let `label` add to it from now on, as a guest."""
        if label and not self.takes_part(label) and len(self.guests) < most:
            self.guests.append(label)
            self.added_guests.append(label)


@dataclass(slots=True)
class Known:
    """All that one batch may match on."""

    now: datetime
    """By the database's clock: a worker whose own clock is wrong decides no differently."""
    identities: dict[Address, KnownIdentity] = field(default_factory=dict)
    tickets: dict[int, KnownTicket] = field(default_factory=dict)
    keys: dict[int, dict[int, bool]] = field(default_factory=dict)
    """Message key → tickets by id; True where it is the id of a message in the ticket."""
    new_keys: dict[int, list[tuple[KnownTicket, bool]]] = field(default_factory=dict)
    """The same for what this batch adds."""
    conversations: dict[str, KnownTicket] = field(default_factory=dict)
    successors: dict[int, KnownTicket] = field(default_factory=dict)
    """Ended ticket's id → the newest ticket that continues it."""
    fingerprints: dict[UUID, tuple[int, int | None]] = field(default_factory=dict)
    """Fingerprint → message id, ticket id."""
    newcomers: list[KnownIdentity] = field(default_factory=list)
    """Identities that this batch adds, those without an address included."""
    spent: dict[str, int] = field(default_factory=dict)
    """Budget scope → acknowledgements of this hour (rule A19)."""
    added: dict[str, int] = field(default_factory=dict)
    """The same, for what this batch adds."""
    week: dict[str, float] = field(default_factory=dict)
    """Budget scope → mean acknowledgements an hour over seven days."""

    def tickets_of(self, key: int) -> list[tuple[KnownTicket, bool]]:
        """Tickets that a message key belongs to, the oldest first."""
        stored = [(self.tickets[number], own) for number, own in sorted(self.keys.get(key, {}).items())]
        return [(self.resolve(ticket), own) for ticket, own in stored] + self.new_keys.get(key, [])

    def resolve(self, ticket: KnownTicket) -> KnownTicket:
        """The ticket that `ticket` was merged into, or itself."""
        seen: set[int] = set()
        while ticket.merged_into is not None and ticket.id not in seen and ticket.merged_into in self.tickets:
            seen.add(ticket.id)
            ticket = self.tickets[ticket.merged_into]
        return ticket

    def register(self, key: int, ticket: KnownTicket, *, own: bool) -> None:
        """Make `key` lead to `ticket`."""
        if (
            not ticket.new
            and self.keys.get(key, {}).get(ticket.id, not own) >= own
            and ticket.id in self.keys.get(key, {})
        ):
            return
        rows = self.new_keys.setdefault(key, [])
        for place, (other, was_own) in enumerate(rows):
            if other is ticket:
                rows[place] = (ticket, was_own or own)
                return
        rows.append((ticket, own))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the messages of a batch may match on."""

    addresses: Collection[Address]
    message_keys: Collection[int]
    labels: Collection[str]
    """Who writes and who is written to: of the many tickets of one key, theirs are loaded."""
    fingerprints: Collection[UUID]
    ticket_ids: Collection[int]
    conversations: Collection[str]
    scopes: Collection[str]
    young_seconds: float = 0.0
    """How old a conversation's ticket may be for further lines to belong to its beginning."""


async def load(connection: AsyncConnection, wanted: Wanted, *, limits: Acknowledge) -> Known:
    """Lock all that is wanted, in one order for everybody, then read it in fresh statements.

    Of what a sender wrote lately no more is counted than `limits` ask for.
    """
    locks = sorted({*map(address_key, wanted.addresses), *wanted.message_keys, *map(hash_key, wanted.conversations)})
    now = (await connection.execute(_LOCK, {"keys": locks})).one().now
    known = Known(now=now)
    await _identities(connection, known, wanted.addresses)
    await _threads(connection, known, wanted)
    rows = await connection.execute(_FINGERPRINTS, {"fingerprints": list(wanted.fingerprints)})
    known.fingerprints = {row.fingerprint: (row.id, row.ticket_id) for row in rows}
    await _budgets(connection, known, wanted.scopes, limits)
    return known


async def _identities(connection: AsyncConnection, known: Known, addresses: Collection[Address]) -> None:
    channels, names = zip(*addresses, strict=True) if addresses else ((), ())
    for row in await connection.execute(_IDENTITIES, {"channels": list(channels), "addresses": list(names)}):
        address = (row.channel, row.address)
        known.identities[address] = KnownIdentity(
            address=address,
            id=row.id,
            contact_id=row.contact_id,
            acknowledged_at=row.acknowledged_at,
            blocked_until=row.blocked_until,
            blocked_reason=row.blocked_reason,
            stopped_at=row.stopped_at,
            new=False,
        )


async def _threads(connection: AsyncConnection, known: Known, wanted: Wanted) -> None:
    numbers = set(wanted.ticket_ids)
    for row in await connection.execute(_KEYS, {"keys": list(wanted.message_keys), "most": CROWD}):
        known.keys.setdefault(row.key, {})[row.ticket_id] = row.own
        numbers.add(row.ticket_id)
    crowded = [key for key, rows in known.keys.items() if len(rows) >= CROWD]
    if crowded:
        for row in await connection.execute(_CROWDED, {"keys": crowded, "labels": list(wanted.labels), "most": CROWD}):
            known.keys[row.key][row.ticket_id] = row.own
            numbers.add(row.ticket_id)
    await load_tickets(connection, known, numbers, wanted.conversations)
    if wanted.conversations and wanted.young_seconds:
        await _openings(connection, known, wanted)
    merged = {t.merged_into for t in known.tickets.values() if t.merged_into} - known.tickets.keys()
    while merged:
        await load_tickets(connection, known, merged, ())
        merged = {t.merged_into for t in known.tickets.values() if t.merged_into} - known.tickets.keys()
    for conversation, ticket in list(known.conversations.items()):
        if ticket.merged_into is not None:
            survivor = known.conversations[conversation] = known.resolve(ticket)
            if survivor.ended_at:
                del known.conversations[conversation]
    await _successors(connection, known)


async def _successors(connection: AsyncConnection, known: Known) -> None:
    """Load what continues the ended tickets, and what continues that."""
    ended = {ticket.id for ticket in known.tickets.values() if ticket.ended_at}
    while ended:
        rows = await connection.execute(_CONTINUING, {"ids": list(ended)})
        numbers = {row.id for row in rows}
        await load_tickets(connection, known, numbers - known.tickets.keys(), ())
        for number in sorted(numbers):
            ticket = known.tickets[number]
            known.successors[ticket.continues or 0] = ticket
        ended = {number for number in numbers if known.tickets[number].ended_at}


async def load_tickets(
    connection: AsyncConnection, known: Known, numbers: Collection[int], conversations: Collection[str]
) -> None:
    """Lock and load tickets by number, and open ones by conversation."""
    if not numbers and not conversations:
        return
    found = await connection.execute(_TICKETS, {"ids": list(numbers), "conversations": list(conversations)})
    for row in found:
        ticket = KnownTicket(
            id=row.id,
            contact_id=row.contact_id,
            status=row.status,
            conversation=row.conversation,
            participants=list(row.participants),
            guests=list(row.guests),
            pipeline=row.pipeline,
            stage=row.stage,
            snoozed_until=row.snoozed_until,
            asked=row.asked,
            merged_into=row.merged_into,
            continues=row.continues,
            acknowledged=row.acknowledged_at is not None,
            updated_at=row.updated_at,
            ended_at=row.ended_at,
            new=False,
        )
        known.tickets[row.id] = ticket
        if row.conversation and (row.merged_into is None or row.conversation not in known.conversations):
            known.conversations[row.conversation] = ticket


async def _openings(connection: AsyncConnection, known: Known, wanted: Wanted) -> None:
    values = {"conversations": list(wanted.conversations), "seconds": wanted.young_seconds}
    for row in await connection.execute(_OPENINGS, values):
        if ticket := known.tickets.get(row.id):
            ticket.opening = row.opening
            ticket.columns = {name: getattr(row, name) for name in JUDGED}


async def _budgets(connection: AsyncConnection, known: Known, scopes: Collection[str], limits: Acknowledge) -> None:
    by_id = {identity.id: identity for identity in known.identities.values()}
    if by_id:
        since = known.now - timedelta(minutes=limits.window_minutes)
        most = min(max(limits.same_subject, limits.any_subject), MOST_RECENT)
        for row in await connection.execute(_RECENT, {"ids": list(by_id), "since": since, "most": most}):
            by_id[row.identity_id].recent[row.subject_key] = row.times
    hour = hour_of(known.now)
    for row in await connection.execute(_SPENT, {"scopes": list(scopes), "hour": hour, "week": hour - 168}):
        known.spent[row.scope] = row.spent
        if row.first <= hour - 167:
            known.week[row.scope] = row.total / 168


_LOCK = text(
    "SELECT count(pg_advisory_xact_lock(key)), clock_timestamp() AS now FROM unnest(cast(:keys AS bigint[])) AS key"
)
_IDENTITIES = text(
    """
    SELECT identity.id, contact_id, channel, address, acknowledged_at, blocked_until, blocked_reason, stopped_at
    FROM identity JOIN unnest(cast(:channels AS text[]), cast(:addresses AS text[])) AS given (channel, address)
    USING (channel, address)
    """
)
_KEYS = text(
    """
    SELECT given.key, found.ticket_id, found.own FROM unnest(cast(:keys AS bigint[])) AS given (key)
    CROSS JOIN LATERAL (
        SELECT ticket_id, own FROM thread_key WHERE thread_key.key = given.key ORDER BY ticket_id LIMIT :most
    ) AS found
    """
)
_CROWDED = text(
    """
    SELECT given.key, found.ticket_id, found.own FROM unnest(cast(:keys AS bigint[])) AS given (key)
    CROSS JOIN LATERAL (
        SELECT ticket_id, own FROM thread_key JOIN ticket ON ticket.id = thread_key.ticket_id
        WHERE thread_key.key = given.key
          AND (participants && cast(:labels AS text[]) OR guests && cast(:labels AS text[]))
        ORDER BY ticket_id DESC LIMIT 10 * :most
    ) AS found
    """
)
ASKED = """
    CASE WHEN status = 'resolved' AND EXISTS (
            SELECT FROM solved_question WHERE ticket_id = ticket.id AND answer = '' AND solved_question.asked)
        THEN 'solved'
        WHEN status = 'closed' AND EXISTS (
            SELECT FROM satisfaction
            WHERE ticket_id = ticket.id AND satisfaction.asked AND score IS NULL AND open_until > now())
        THEN 'satisfaction' ELSE '' END
"""
# NO KEY: whoever merely refers to a ticket (an incident, a clock, a figure) neither waits for us nor we for them.
_TICKETS = text(
    f"""
    SELECT id, contact_id, status, pipeline, stage, snoozed_until, conversation, participants, guests, merged_into,
        continues, acknowledged_at, updated_at,
        CASE WHEN status IN ('resolved', 'closed') THEN coalesce(resolved_at, updated_at) END AS ended_at,
        {ASKED} AS asked
    FROM ticket
    WHERE id = ANY(:ids)
       OR (conversation <> '' AND conversation = ANY(:conversations)
           AND (status NOT IN ('resolved', 'closed') OR merged_into IS NOT NULL OR {ASKED} <> ''))
    ORDER BY id FOR NO KEY UPDATE
    """
)
_CONTINUING = text("SELECT id FROM ticket WHERE continues = ANY(:ids)")
JUDGED = ("priority", "commitment_hours", "category", "product", "language")
"""What triage says of a ticket, and may say anew."""
_OPENINGS = text(
    f"""
    SELECT ticket.id, {", ".join(f"ticket.{name}" for name in JUDGED)},
        (SELECT string_agg(message.text, E'\\n' ORDER BY message.id) FROM message
         WHERE message.ticket_id = ticket.id AND message.direction = 'in') AS opening
    FROM ticket
    WHERE conversation <> '' AND conversation = ANY(:conversations) AND status = 'open'
      AND created_at > now() - make_interval(secs => :seconds)
      AND NOT EXISTS (SELECT FROM ticket_event WHERE ticket_id = ticket.id AND actor LIKE 'agent:%')
    """
)
_FINGERPRINTS = text("SELECT fingerprint, id, ticket_id FROM message WHERE fingerprint = ANY(:fingerprints)")
_RECENT = text(
    """
    SELECT identity_id, subject_key, count(*) AS times
    FROM unnest(cast(:ids AS bigint[])) AS given (id) CROSS JOIN LATERAL (
        SELECT identity_id, subject_key FROM message
        WHERE identity_id = given.id AND created_at > :since AND direction IN ('in', 'machine')
        ORDER BY created_at DESC LIMIT :most
    ) AS recent
    GROUP BY identity_id, subject_key
    """
)
_SPENT = text(
    """
    SELECT scope, sum(count) FILTER (WHERE hour = :hour) AS spent, sum(count) AS total, min(hour) AS first
    FROM acknowledgement_count WHERE scope = ANY(:scopes) AND hour > :week GROUP BY scope
    """
)
