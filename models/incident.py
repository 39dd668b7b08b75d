"""Incidents: many customers who write of one matter in a short time, and the one answer that all of them get.

    suspected ──an agent──▶ confirmed ──an agent, or nobody joins for long──▶ over
        └──────────────────────────────────────────────────────────────────────▲
    a ticket   joined ⇄ detached

Nothing but a link is made by itself: no ticket is changed, and nobody is written to, before an agent says so. Every
function takes an `Actor`, sees only the tickets that the actor may see, works inside the caller's transaction, and
raises `NoIncidentError`, `NotAllowedError`, or what the database raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from config.database import to_json
from models.actor import Actor, visible
from models.columns import Moment, document, key, link, moment, one_of, words

INCIDENT_STATES = ("suspected", "confirmed", "over")
BASES = ("words", "subject", "category", "hand")
MEMBER_STATES = ("joined", "detached")


def _member(target: str) -> Any:
    """Half of a primary key that links to `target`."""
    column = Column(BigInteger, ForeignKey(target, ondelete="CASCADE"), primary_key=True, autoincrement=False)
    return Field(sa_column=column)


class Incident(SQLModel, table=True):
    """One matter of many customers."""

    __tablename__: ClassVar[str] = "incident"
    __table_args__ = (one_of("state", INCIDENT_STATES), one_of("basis", BASES))

    id: int = key()
    state: str = words("suspected")
    basis: str = words("words")
    """What its tickets have in common: their words, their subject, their category; or an agent put them together."""
    subject: str = words()
    """Of its first ticket."""
    category: str = words()
    product: str = words()
    subject_key: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    sketch: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """What its tickets say, as hashes of words; NULL where that is not what they have in common."""
    parent_id: int | None = link("ticket.id")
    """The ticket in which the matter itself is worked on."""
    raised_at: Moment = moment(now=True)
    confirmed_at: Moment = moment(nullable=True)
    over_at: Moment = moment(nullable=True)
    told_at: Moment = moment(nullable=True)
    """When supervisors were told; NULL: they are not yet."""
    last_at: Moment = moment(now=True)
    """When the last ticket joined."""


class IncidentTicket(SQLModel, table=True):
    """A ticket of an incident."""

    __tablename__: ClassVar[str] = "incident_ticket"
    __table_args__ = (one_of("state", MEMBER_STATES), Index("incident_ticket_ticket", "ticket_id"))

    incident_id: int = _member("incident.id")
    ticket_id: int = _member("ticket.id")
    state: str = words("joined")
    replied_id: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """The latest of the incident's replies that its customer got."""
    trouble: str = words()
    """Why one could not be sent."""
    at: Moment = moment(now=True)


class IncidentReply(SQLModel, table=True):
    """Words to all customers of an incident."""

    __tablename__: ClassVar[str] = "incident_reply"
    __table_args__ = (Index("incident_reply_once", "incident_id", "once", unique=True),)

    id: int = key()
    incident_id: int = link("incident.id", nullable=False, delete="CASCADE")
    once: str = words()
    said: dict[str, object] = document()
    """Language to text."""
    actor: str = words()
    actor_name: str = words()
    later: bool = False
    """Whether those get it too who join afterwards."""
    at: Moment = moment(now=True)


class NoIncidentError(LookupError):
    """There is no such incident, or it is over."""


class NotAllowedError(PermissionError):
    """Only who may see all tickets may write to all of an incident's customers."""


class IncidentLine(msgspec.Struct, frozen=True, kw_only=True):
    """An incident in a list."""

    id: int
    state: str
    basis: str
    subject: str
    category: str
    product: str
    tickets: int
    contacts: int
    parent: int | None
    raised_at: datetime
    last_at: datetime
    over_at: datetime | None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply to all, and how far it has got."""

    id: int
    said: Mapping[str, str]
    """Language to words."""
    by: str
    later: bool
    at: datetime
    sent: int
    waiting: int
    failed: int


async def incidents(
    connection: AsyncConnection, actor: Actor, *, state: str = "", number: int = 0
) -> list[IncidentLine]:
    """Incidents with tickets that the actor may see, the newest first; `number`: that one alone."""
    condition, values = visible(actor)
    rows = await connection.execute(
        text(_INCIDENTS.format(visible=condition)), {"state": state, "id": number, **values}
    )
    return [IncidentLine(**row._mapping) for row in rows]


async def members(connection: AsyncConnection, actor: Actor, incident_id: int) -> list[int]:
    """The tickets of an incident that the actor may see."""
    condition, values = visible(actor)
    rows = await connection.execute(text(_MEMBERS.format(visible=condition)), {"id": incident_id, **values})
    return [row.id for row in rows]


async def replies(connection: AsyncConnection, incident_id: int) -> list[Reply]:
    """What was said to all, the oldest first."""
    return [Reply(**row._mapping) for row in await connection.execute(_REPLIES, {"id": incident_id})]


async def confirm(connection: AsyncConnection, actor: Actor, incident_id: int, *, parent: int | None = None) -> None:
    """It is one matter. `parent`: the ticket in which it is worked on."""
    await _locked(connection, actor, incident_id)
    if parent is not None:
        await _seen(connection, actor, parent)
    await connection.execute(_CONFIRM, {"id": incident_id, "parent": parent})


async def begin(connection: AsyncConnection, actor: Actor, numbers: Sequence[int]) -> int:
    """Make an incident of tickets by hand: of the first one, to which the others join. Returns its id."""
    for number in numbers:
        await _seen(connection, actor, number)
    incident_id = int((await connection.execute(_BEGIN, {"ticket": numbers[0]})).scalar_one())
    await join(connection, incident_id, numbers, actor=actor.label)
    return incident_id


async def attach(connection: AsyncConnection, actor: Actor, incident_id: int, number: int) -> None:
    """Let a ticket be one of it."""
    await _locked(connection, actor, incident_id)
    await _seen(connection, actor, number)
    await join(connection, incident_id, [number], actor=actor.label)


async def detach(connection: AsyncConnection, actor: Actor, incident_id: int, number: int) -> None:
    """A ticket is of another matter: it gets no further replies of this one, and does not join again by itself."""
    await _locked(connection, actor, incident_id)
    await _seen(connection, actor, number)
    values = {"id": incident_id, "ticket": number, "actor": actor.label}
    if (await connection.execute(_DETACH, values)).rowcount:
        await connection.execute(_EVENT, {**values, "tickets": [number], "old": str(incident_id), "new": ""})


async def reply_to_all(
    connection: AsyncConnection,
    actor: Actor,
    incident_id: int,
    said: Mapping[str, str],
    *,
    once: str,
    later: bool = False,
) -> int:
    """Queue words (language → text) to the customers of all its tickets, each in their language if it is there.

    Workers send them on each ticket's own channel. The same `once` is the same reply. With `later` those get it too who
    join afterwards, unless all that its tickets have in common is a category. Returns the reply's id. Raises
    `ValueError` where nothing is said.
    """
    if not any(words.strip() for words in said.values()):
        raise ValueError("there is nothing to send")
    if not actor.may("all_tickets"):
        raise NotAllowedError("only a supervisor may answer all customers of an incident")
    await _locked(connection, actor, incident_id)
    values = {
        "id": incident_id,
        "once": once,
        "said": to_json({language: words for language, words in said.items() if words.strip()}),
        "actor": actor.label,
        "name": actor.name,
        "later": later,
    }
    await connection.execute(_CONFIRM, {"id": incident_id, "parent": None})
    return int((await connection.execute(_REPLY, values)).scalar_one())


async def over(connection: AsyncConnection, actor: Actor, incident_id: int) -> None:
    """Nobody joins it any more."""
    await _locked(connection, actor, incident_id)
    await connection.execute(_OVER, {"id": incident_id})


async def join(connection: AsyncConnection, incident_id: int, numbers: Sequence[int], *, actor: str) -> int:
    """Add tickets that are not of it yet, with a line in the history of each. Returns how many were added."""
    rows = await connection.execute(_JOIN, {"id": incident_id, "tickets": sorted(numbers), "hand": actor != "surge"})
    added = [row.ticket_id for row in rows]
    if added:
        values = {"tickets": added, "actor": actor, "old": "", "new": str(incident_id)}
        await connection.execute(_EVENT, values)
        await connection.execute(_JOINED, {"id": incident_id})
    return len(added)


async def _locked(connection: AsyncConnection, actor: Actor, incident_id: int) -> Any:
    """An incident that is not over, and that the actor may see a ticket of; locked."""
    row = (await connection.execute(_LOCKED, {"id": incident_id})).one_or_none()
    if row is None or not await incidents(connection, actor, number=incident_id):
        raise NoIncidentError(f"there is no incident {incident_id} that is not over")
    return row


async def _seen(connection: AsyncConnection, actor: Actor, number: int) -> None:
    condition, values = visible(actor)
    if await connection.scalar(text(_SEEN.format(visible=condition)), {"id": number, **values}) is None:
        raise NoIncidentError(f"there is no ticket {number}")


_INCIDENTS = """
    SELECT incident.id, incident.state, basis, incident.subject, incident.category, incident.product,
        count(ticket.id) AS tickets, count(DISTINCT ticket.contact_id) AS contacts, parent_id AS parent, raised_at,
        last_at, over_at
    FROM incident
    JOIN incident_ticket AS member ON member.incident_id = incident.id AND member.state = 'joined'
    JOIN ticket ON ticket.id = member.ticket_id
    WHERE {visible} AND (:state = '' OR incident.state = :state) AND (:id = 0 OR incident.id = :id)
    GROUP BY incident.id ORDER BY incident.id DESC LIMIT 200
    """
_MEMBERS = """
    SELECT ticket.id FROM incident_ticket AS member JOIN ticket ON ticket.id = member.ticket_id
    WHERE member.incident_id = :id AND member.state = 'joined' AND {visible} ORDER BY ticket.id
    """
_SEEN = "SELECT id FROM ticket WHERE id = :id AND {visible}"
_REPLIES = text(
    """
    SELECT reply.id, reply.said, reply.actor_name AS by, reply.later, reply.at,
        count(*) FILTER (WHERE member.replied_id >= reply.id AND member.trouble = '') AS sent,
        count(*) FILTER (WHERE member.replied_id < reply.id AND (reply.later OR member.at <= reply.at)) AS waiting,
        count(*) FILTER (WHERE member.replied_id >= reply.id AND member.trouble <> '') AS failed
    FROM incident_reply AS reply
    JOIN incident_ticket AS member ON member.incident_id = reply.incident_id AND member.state = 'joined'
    WHERE reply.incident_id = :id GROUP BY reply.id ORDER BY reply.id
    """
)
_LOCKED = text("SELECT id FROM incident WHERE id = :id AND state <> 'over' FOR UPDATE")
_CONFIRM = text(
    """
    UPDATE incident SET state = 'confirmed', confirmed_at = coalesce(confirmed_at, now()),
        parent_id = coalesce(:parent, parent_id) WHERE id = :id
    """
)
_BEGIN = text(
    """
    INSERT INTO incident (state, basis, subject, category, product, confirmed_at, told_at)
    SELECT 'confirmed', 'hand', subject, category, product, now(), now() FROM ticket WHERE id = :ticket RETURNING id
    """
)
_OVER = text("UPDATE incident SET state = 'over', over_at = now() WHERE id = :id")
_JOIN = text(
    """
    INSERT INTO incident_ticket (incident_id, ticket_id)
    SELECT :id, ticket_id FROM unnest(cast(:tickets AS bigint[])) AS given (ticket_id)
    ON CONFLICT (incident_id, ticket_id) DO UPDATE SET state = 'joined', at = now()
    WHERE incident_ticket.state = 'detached' AND :hand
    RETURNING ticket_id
    """
)
_JOINED = text("UPDATE incident SET last_at = now() WHERE id = :id")
_DETACH = text(
    """
    UPDATE incident_ticket SET state = 'detached'
    WHERE incident_id = :id AND ticket_id = :ticket AND state = 'joined'
    """
)
_EVENT = text(
    """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT ticket_id, :actor, 'incident', :old, :new FROM unnest(cast(:tickets AS bigint[])) AS given (ticket_id)
    """
)
_REPLY = text(
    """
    INSERT INTO incident_reply (incident_id, once, said, actor, actor_name, later)
    SELECT id, :once, cast(:said AS jsonb), :actor, :name, :later AND basis <> 'category' FROM incident WHERE id = :id
    ON CONFLICT (incident_id, once) DO UPDATE SET once = excluded.once RETURNING id
    """
)
