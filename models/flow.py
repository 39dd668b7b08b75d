"""Flow: what came in, was settled and went out, by minute and channel, kept for five weeks.

The ledger is too large to be asked for a week while messages pour in, so a clock of the workers counts each minute
once it is over, and the last few again as long as items of theirs may still end. A page then adds up some thousand
small rows.

Enters: a minute. Leaves: its rows. Latency is kept as a histogram (`EDGES`), since percentiles do not add up and counts
do. All functions work inside the caller's transaction; they raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, ClassVar

import msgspec
from sqlalchemy import ARRAY, DateTime, Index, Integer, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.tally import Marks

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
KEPT_DAYS = 36
"""Four weeks for what is usual at this hour, and one more."""
EDGES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
"""Upper bounds of the histogram's slots, seconds; one more slot holds what took longer."""
COUNTS = ("received", "settled", "quarantined", "retried", "delivered", "failed")
LOCK = 0x6775_6963_6806
"""Held by the one worker that counts at a time."""
PERIODS = {"hour": (HOUR, MINUTE), "day": (DAY, 15 * MINUTE), "week": (WEEK, 2 * HOUR)}
"""What a page shows: how long, in slots of how many seconds."""


def _count() -> Any:
    return Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))


def _histogram() -> Any:
    return Field(default_factory=list, sa_column=Column(ARRAY(Integer), nullable=False, server_default="{}"))


class Flow(SQLModel, table=True):
    """One channel in one minute."""

    __tablename__: ClassVar[str] = "flow"
    __table_args__ = (Index("flow_channel", "channel", "at"),)

    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    """When the minute begins."""
    channel: str = Field(sa_column=Column(Text, primary_key=True))
    received: int = _count()
    settled: int = _count()
    """Left the inbox, whatever became of them."""
    quarantined: int = _count()
    """Of these, gave up."""
    retried: int = _count()
    """Of these, needed more than one attempt; deliveries too."""
    delivered: int = _count()
    failed: int = _count()
    """Deliveries that were refused or given up."""
    settling: list[int] = _histogram()
    """From accepted to settled in a ticket, of those that were settled in this minute."""
    answering: list[int] = _histogram()
    """From an agent's answer to handed over."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one slot of time, all channels together."""

    at: float
    """When it begins, seconds since 1970."""
    received: int = 0
    settled: int = 0
    quarantined: int = 0
    retried: int = 0
    delivered: int = 0
    failed: int = 0


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """An hour, a day or a week."""

    name: str
    slot: int
    """Seconds."""
    slots: tuple[Slot, ...]
    by_channel: dict[str, dict[str, int]]
    """Channel → counts by their name."""
    settling: tuple[int, ...]
    answering: tuple[int, ...]

    def total(self, count: str) -> int:
        """Over the whole period."""
        return sum(getattr(slot, count) for slot in self.slots)


def percentile(histogram: Sequence[int], part: float) -> float | None:
    """The value below which `part` of what was counted lies, seconds; between two edges as a straight line.

    None where nothing was counted; the last edge where it lies beyond.
    """
    total = sum(histogram)
    if not total:
        return None
    wanted, below = part * total, 0
    for count, (low, high) in zip(histogram, pairwise((0.0, *EDGES)), strict=False):
        if count and below + count >= wanted:
            return low + (high - low) * (wanted - below) / count
        below += count
    return EDGES[-1]


class Counter:
    """Counts minutes. One for each process, since it remembers where in the tables a time lies."""

    def __init__(self) -> None:
        self._inbox, self._outbox = Marks("inbox", "received_at"), Marks("outbox", "created_at")

    async def count(self, connection: AsyncConnection, minute: int, *, reach: float) -> int:
        """Count the minute that begins at `minute` (seconds since 1970) anew. Returns how many channels moved.

        `reach`: how old the oldest item was that may have ended in it, seconds.
        """
        inbox = await self._inbox.below(connection, minute - reach)
        outbox = await self._outbox.below(connection, minute - reach)
        values = {"at": minute, "inbox": inbox, "outbox": outbox, "edges": list(EDGES), "slots": len(EDGES) + 1}
        await connection.execute(_FORGET, {"at": minute})
        return int((await connection.execute(_COUNT, values)).rowcount)

    async def note(self, connection: AsyncConnection, now: float) -> None:
        """Remember where in the tables this moment lies."""
        await self._inbox.note(connection, now, keep=2 * HOUR)
        await self._outbox.note(connection, now, keep=2 * HOUR)


async def alone(connection: AsyncConnection) -> bool:
    """Take the counting for this transaction. False where another worker counts right now."""
    return bool((await connection.execute(_ALONE)).scalar_one())


async def counted_until(connection: AsyncConnection) -> float | None:
    """When the newest minute that was counted begins; None before the first."""
    found = (await connection.execute(_NEWEST)).scalar_one()
    return None if found is None else float(found)


async def mark(connection: AsyncConnection, minute: int) -> None:
    """Note that `minute` was counted, though nothing moved in it; and forget what is too old."""
    await connection.execute(_MARK, {"at": minute})
    await connection.execute(_OLD, {"days": KEPT_DAYS})


async def period(connection: AsyncConnection, name: str, now: float) -> Period:
    """The hour, day or week up to `now`."""
    length, slot = PERIODS[name]
    end = (int(now) // slot + 1) * slot
    begin = end - length
    values = {"begin": begin, "end": end, "slot": slot}
    found = {int(row.at): row for row in await connection.execute(_SLOTS, values)}
    slots = tuple(_slot(at, found.get(at)) for at in range(begin, end, slot))
    channels = {
        row.channel: {name: int(getattr(row, name)) for name in COUNTS}
        for row in await connection.execute(_CHANNELS, values)
    }
    sums = {name: [0] * (len(EDGES) + 1) for name in ("settling", "answering")}
    for row in await connection.execute(_HISTOGRAMS, values):
        sums[row.name][row.place - 1] = int(row.sum)
    return Period(
        name=name,
        slot=slot,
        slots=slots,
        by_channel=channels,
        settling=tuple(sums["settling"]),
        answering=tuple(sums["answering"]),
    )


def _slot(at: int, row: Any) -> Slot:
    return (
        Slot(at=float(at)) if row is None else Slot(at=float(at), **{name: int(getattr(row, name)) for name in COUNTS})
    )


_ALONE = text(f"SELECT pg_try_advisory_xact_lock({LOCK})")
_NEWEST = text("SELECT extract(epoch FROM max(at)) FROM flow WHERE channel = ''")
_FORGET = text("DELETE FROM flow WHERE at = to_timestamp(:at) AND channel <> ''")
_MARK = text("INSERT INTO flow (at, channel) VALUES (to_timestamp(:at), '') ON CONFLICT DO NOTHING")
_OLD = text("DELETE FROM flow WHERE at < now() - make_interval(days => :days)")


def _buckets(seconds: str, where: str) -> str:
    """A histogram of `seconds` over the rows that satisfy `where`, as an aggregate of one element a slot."""
    slot = f"width_bucket(({seconds})::float8, cast(:edges AS float8[])) + 1"
    return f"coalesce(array_agg({slot}) FILTER (WHERE {where}), '{{}}')"


_SETTLED = "settled_at >= to_timestamp(:at) AND settled_at < to_timestamp(:at + 60)"
_COUNT = text(
    f"""
    WITH came AS (
        SELECT channel, count(*) AS received FROM inbox
        WHERE id > :inbox AND received_at >= to_timestamp(:at) AND received_at < to_timestamp(:at + 60) GROUP BY 1
    ), settled AS (
        SELECT channel, count(*) AS settled, count(*) FILTER (WHERE state = 'dead') AS quarantined,
            count(*) FILTER (WHERE attempts > 1) AS retried,
            {_buckets("extract(epoch FROM settled_at - received_at)", "outcome IN ('ticket', 'appended')")} AS times
        FROM inbox WHERE id > :inbox AND state <> 'pending' AND {_SETTLED} GROUP BY 1
    ), sent AS (
        SELECT channel, count(*) FILTER (WHERE state = 'done') AS delivered,
            count(*) FILTER (WHERE state = 'dead') AS failed, count(*) FILTER (WHERE attempts > 1) AS retried,
            {_buckets("extract(epoch FROM settled_at - created_at)", "kind = 'reply' AND state = 'done'")} AS times
        FROM outbox WHERE id > :outbox AND state <> 'pending' AND {_SETTLED} GROUP BY 1
    )
    INSERT INTO flow (at, channel, received, settled, quarantined, retried, delivered, failed, settling, answering)
    SELECT to_timestamp(:at), channel, coalesce(received, 0), coalesce(settled, 0), coalesce(quarantined, 0),
        coalesce(settled.retried, 0) + coalesce(sent.retried, 0), coalesce(delivered, 0), coalesce(failed, 0),
        ARRAY(SELECT (SELECT count(*) FROM unnest(settled.times) AS took (slot) WHERE took.slot = place)::int
              FROM generate_series(1, :slots) AS place ORDER BY place),
        ARRAY(SELECT (SELECT count(*) FROM unnest(sent.times) AS took (slot) WHERE took.slot = place)::int
              FROM generate_series(1, :slots) AS place ORDER BY place)
    FROM came FULL JOIN settled USING (channel) FULL JOIN sent USING (channel)
    WHERE channel <> ''
    """
)
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in COUNTS)
_WITHIN = "at >= to_timestamp(:begin) AND at < to_timestamp(:end)"
_SLOTS = text(
    f"""
    SELECT floor(extract(epoch FROM at) / :slot)::bigint * :slot AS at, {_SUMS} FROM flow WHERE {_WITHIN} GROUP BY 1
    """
)
_CHANNELS = text(f"SELECT channel, {_SUMS} FROM flow WHERE {_WITHIN} AND channel <> '' GROUP BY 1 ORDER BY 1")
_HISTOGRAMS = text(
    f"""
    SELECT name, place, sum(count) AS sum
    FROM flow CROSS JOIN LATERAL (
        SELECT 'settling' AS name, * FROM unnest(settling) WITH ORDINALITY AS given (count, place)
        UNION ALL
        SELECT 'answering', * FROM unnest(answering) WITH ORDINALITY AS given (count, place)
    ) AS histogram
    WHERE {_WITHIN} GROUP BY 1, 2
    """
)
