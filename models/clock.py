"""The clocks of tickets as they stand in the database: what is due when, and what was told about it.

A row a ticket, reckoned anew by `workers.clock` whenever the ticket's history has grown: nobody who changes a ticket
need think of it. `due_at` is the next instant at which a promise breaks, `tell_at` the next one at which somebody is
told. All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, ForeignKey, Index, Integer, SmallInteger, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.calendars import Calendars
from models.columns import Moment, moment, one_of, words
from models.reckoning import BROKEN, NOTHING, WARNED, Hand, Move, Reckoning, Story, reckon

CLOCK_STATES = ("running", "stopped", "ended")
RESPONSE, RESOLUTION = "first_response", "resolution"
"""The two promises, as events name them."""
WARNING, BREACH = "commitment_warning", "commitment_breach"
"""The kinds of events."""
STALE = timedelta(hours=1)
"""A promise that broke longer ago, on a ticket that ended since, is history, and no news."""
OLD = timedelta(days=1)
"""A promise that broke longer ago, before its ticket had clocks at all: it came from elsewhere, and is no news."""
SETTLING = timedelta(minutes=2)
"""No transaction takes longer: events older than this are there, or will never be."""
POSITION = "clock"


def _count(kind: Any = Integer) -> Any:
    return Field(default=0, sa_column=Column(kind, nullable=False, server_default="0"))


class TicketClock(SQLModel, table=True):
    """Where the clocks of a ticket stand."""

    __tablename__: ClassVar[str] = "ticket_clock"
    __table_args__ = (
        one_of("state", CLOCK_STATES),
        Index("ticket_clock_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ticket_clock_tell", "tell_at", postgresql_where=text("tell_at IS NOT NULL")),
        Index("ticket_clock_responded", "responded_at", postgresql_where=text("responded_at IS NOT NULL")),
    )

    ticket_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    calendar: str = words()
    state: str = words("running")
    event_id: int = _count(BigInteger)
    """The newest line of the ticket's history that was reckoned with."""
    due_at: Moment = moment(nullable=True)
    """When the next promise breaks; NULL: none runs."""
    tell_at: Moment = moment(nullable=True)
    """When there is something to be told; NULL: nothing more."""
    response_due: Moment = moment(nullable=True)
    resolution_due: Moment = moment(nullable=True)
    responded_at: Moment = moment(nullable=True)
    ended_at: Moment = moment(nullable=True)
    response_promised: int = _count()
    """Seconds of business time, as the rest."""
    resolution_promised: int = _count()
    response_spent: int = _count()
    resolution_spent: int = _count()
    response_late: bool = False
    resolution_late: bool = False
    response_told: int = _count(SmallInteger)
    """0: nothing, 1: that it is at risk, 2: that it is broken."""
    resolution_told: int = _count(SmallInteger)
    reckoned_at: Moment = moment(now=True)


class ClockPosition(SQLModel, table=True):
    """How far a clock has read the history of all tickets."""

    __tablename__: ClassVar[str] = "clock_position"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    position: int = _count(BigInteger)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is to be told."""

    ticket_id: int
    kind: str
    """`commitment_warning` or `commitment_breach`."""
    promise: str
    """`first_response` or `resolution`."""
    due_at: datetime


async def grown(connection: AsyncConnection, *, most: int) -> list[int]:
    """Up to `most` tickets whose history has grown since their clocks were reckoned, the oldest change first."""
    rows = await connection.execute(_GROWN, {"name": POSITION, "most": most})
    return [row.ticket_id for row in rows]


async def advance(connection: AsyncConnection) -> None:
    """Note that the history was read. Call it when `grown` found everything that there was."""
    await connection.execute(_ADVANCE, {"name": POSITION, "settling": SETTLING})


async def unwound(connection: AsyncConnection, *, most: int) -> list[int]:
    """Unresolved tickets that have no clocks: those whose history was written in a very long transaction."""
    return [row.id for row in await connection.execute(_UNWOUND, {"most": most})]


async def ringing(connection: AsyncConnection, *, most: int) -> list[int]:
    """Tickets of which there is something to tell now; locks them, and leaves out what others have locked."""
    return [row.id for row in await connection.execute(_RINGING, {"most": most})]


async def wind(
    connection: AsyncConnection, calendars: Calendars, numbers: Collection[int], telling: Collection[int]
) -> list[Told]:
    """Reckon the clocks of the tickets `numbers` anew; write the events that are due for those of them in `telling`."""
    if not numbers:
        return []
    rows = (await connection.execute(_STORIES, {"ids": sorted(numbers)})).all()
    wound = [_wound(row, calendars, may_tell=row.id in telling) for row in rows]
    told = [one for _columns, tells in wound for one in tells]
    newest = await _tell(connection, told)
    columns = [row for row, _tells in wound]
    for row in columns:
        row["event_id"] = max(row["event_id"], newest.get(row["ticket_id"], 0))
    if columns:
        await connection.execute(_WIND, {name: [row[name] for row in columns] for name in columns[0]})
    return told


def _wound(row: Any, calendars: Calendars, *, may_tell: bool) -> tuple[dict[str, Any], list[Told]]:
    """The row of a ticket's clocks, and what is to be told of them."""
    calendar = calendars.of(row.pipeline, row.team)
    promised = calendars.promised(row.priority, row.commitment_hours)
    story = Story(
        opened_at=row.created_at,
        moves=[Move(at, status) for at, status in zip(row.moved_at, row.moved_to, strict=True)],
        responded_at=row.responded_at,
        merged=row.merged_into is not None,
    )
    stand = reckon(story, calendar, promised, warning=calendars.warning, now=row.now)
    told: list[Told] = []
    levels: dict[str, int] = {}
    for name, hand, seconds, before, level in (
        (RESPONSE, stand.response, promised[0], row.response_promised, row.response_told),
        (RESOLUTION, stand.resolution, promised[1], row.resolution_promised, row.resolution_told),
    ):
        now_at = _level(hand, row.now)
        known = _known(hand, row.now, level, another=before not in (None, int(seconds.total_seconds())))
        if may_tell and now_at > known and (due := _news(hand, row.now)):
            kind = BREACH if now_at == BROKEN else WARNING
            told.append(Told(ticket_id=row.id, kind=kind, promise=name, due_at=due))
            known = now_at
        levels[name] = known
    return _columns(row, stand, calendar.name, promised, levels), told


def _known(hand: Hand, now: datetime, level: int | None, *, another: bool) -> int:
    """What was told of a clock already: `level`, None where it is new. `another` promise may break anew."""
    if level is None:
        return BROKEN if hand.broken_at and now - hand.broken_at > OLD else NOTHING
    return min(level, _level(hand, now)) if another else level


def _level(hand: Hand, now: datetime) -> int:
    if hand.broken_at is not None:
        return BROKEN
    return WARNED if hand.warn_at is not None and hand.warn_at <= now else NOTHING


def _news(hand: Hand, now: datetime) -> datetime | None:
    """The due instant of what is news; None where it is history."""
    if hand.due_at is not None:
        return hand.due_at
    return hand.broken_at if hand.broken_at and now - hand.broken_at < STALE else None


def _columns(
    row: Any, stand: Reckoning, calendar: str, promised: tuple[timedelta, timedelta], levels: dict[str, int]
) -> dict[str, Any]:
    hands = {RESPONSE: stand.response, RESOLUTION: stand.resolution}
    tells = [at for name, hand in hands.items() if (at := _tell_at(hand, levels[name], row.now)) is not None]
    dues = [hand.due_at for hand in hands.values() if hand.due_at is not None]
    return {
        "ticket_id": row.id,
        "calendar": calendar,
        "state": stand.state,
        "event_id": row.event_id or 0,
        "due_at": min(dues, default=None),
        "tell_at": min(tells, default=None),
        "response_due": stand.response.due_at,
        "resolution_due": stand.resolution.due_at,
        "responded_at": row.responded_at,
        "ended_at": stand.ended_at,
        "response_promised": int(promised[0].total_seconds()),
        "resolution_promised": int(promised[1].total_seconds()),
        "response_spent": int(stand.response.spent.total_seconds()),
        "resolution_spent": int(stand.resolution.spent.total_seconds()),
        "response_late": stand.response.broken_at is not None,
        "resolution_late": stand.resolution.broken_at is not None,
        "response_told": levels[RESPONSE],
        "resolution_told": levels[RESOLUTION],
    }


def _tell_at(hand: Hand, level: int, now: datetime) -> datetime | None:
    """When there is something more to tell than `level`; None where that is never."""
    if level < _level(hand, now):
        return _news(hand, now) and now
    return hand.warn_at if level == NOTHING else hand.due_at if level == WARNED else None


async def _tell(connection: AsyncConnection, told: Sequence[Told]) -> dict[int, int]:
    """Write the events. Returns the newest one's id by ticket."""
    if not told:
        return {}
    values = {
        "tickets": [one.ticket_id for one in told],
        "kinds": [one.kind for one in told],
        "promises": [one.promise for one in told],
        "dues": [one.due_at.isoformat(timespec="seconds") for one in told],
    }
    rows = await connection.execute(_TELL, values)
    newest: dict[int, int] = {}
    for row in rows:
        newest[row.ticket_id] = max(newest.get(row.ticket_id, 0), row.id)
    return newest


_GROWN = text(
    """
    SELECT event.ticket_id FROM ticket_event AS event LEFT JOIN ticket_clock AS clock USING (ticket_id)
    WHERE event.id > coalesce((SELECT position FROM clock_position WHERE name = :name), 0)
      AND (clock.ticket_id IS NULL OR clock.event_id < event.id)
    GROUP BY event.ticket_id ORDER BY min(event.id) LIMIT :most
    """
)
_ADVANCE = text(
    """
    INSERT INTO clock_position (name, position)
    SELECT :name, max(id) FROM (
        SELECT id, at FROM ticket_event
        WHERE id > coalesce((SELECT position FROM clock_position WHERE name = :name), 0) ORDER BY id LIMIT 50000
    ) AS ahead
    WHERE at < now() - cast(:settling AS interval) HAVING max(id) IS NOT NULL
    ON CONFLICT (name) DO UPDATE SET position = excluded.position
    """
)
_UNWOUND = text(
    """
    SELECT id FROM ticket WHERE status NOT IN ('resolved', 'closed')
      AND NOT EXISTS (SELECT FROM ticket_clock WHERE ticket_id = ticket.id) ORDER BY id LIMIT :most
    """
)
_RINGING = text(
    """
    SELECT ticket.id FROM ticket
    WHERE id = ANY(ARRAY(SELECT ticket_id FROM ticket_clock WHERE tell_at <= now() ORDER BY tell_at LIMIT :most))
    ORDER BY id FOR UPDATE SKIP LOCKED
    """
)
_STORIES = text(
    """
    SELECT ticket.id, ticket.created_at, priority, commitment_hours, pipeline, team, merged_into,
        clock_timestamp() AS now, clock.response_promised, clock.resolution_promised, clock.response_told,
        clock.resolution_told, history.event_id, coalesce(history.moved_at, '{}') AS moved_at,
        coalesce(history.moved_to, '{}') AS moved_to, answer.responded_at
    FROM ticket LEFT JOIN ticket_clock AS clock ON clock.ticket_id = ticket.id
    LEFT JOIN LATERAL (
        SELECT max(id) AS event_id, array_agg(at ORDER BY id) FILTER (WHERE kind = 'status') AS moved_at,
            array_agg(new ORDER BY id) FILTER (WHERE kind = 'status') AS moved_to
        FROM ticket_event WHERE ticket_id = ticket.id
    ) AS history ON true
    LEFT JOIN LATERAL (
        SELECT min(created_at) AS responded_at FROM message
        WHERE ticket_id = ticket.id AND direction = 'out' AND sender LIKE 'agent:%'
    ) AS answer ON true
    WHERE ticket.id = ANY(:ids) ORDER BY ticket.id
    """
)
_TELL = text(
    """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT ticket_id, 'clock', kind, promise, due FROM unnest(
        cast(:tickets AS bigint[]), cast(:kinds AS text[]), cast(:promises AS text[]), cast(:dues AS text[])
    ) AS given (ticket_id, kind, promise, due)
    RETURNING ticket_id, id
    """
)
_TYPES = {
    "ticket_id": "bigint", "calendar": "text", "state": "text", "event_id": "bigint", "due_at": "timestamptz",
    "tell_at": "timestamptz", "response_due": "timestamptz", "resolution_due": "timestamptz",
    "responded_at": "timestamptz", "ended_at": "timestamptz", "response_promised": "int", "resolution_promised": "int",
    "response_spent": "int", "resolution_spent": "int", "response_late": "boolean", "resolution_late": "boolean",
    "response_told": "smallint", "resolution_told": "smallint",
}  # fmt: skip
_WIND = text(
    f"""
    INSERT INTO ticket_clock ({", ".join(_TYPES)})
    SELECT * FROM unnest({", ".join(f"cast(:{name} AS {kind}[])" for name, kind in _TYPES.items())})
    ON CONFLICT (ticket_id) DO UPDATE SET reckoned_at = now(),
        {", ".join(f"{name} = excluded.{name}" for name in _TYPES if name != "ticket_id")}
    """
)
