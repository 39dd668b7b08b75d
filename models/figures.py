"""The figures of the ledger that a page shows while messages flow: rates, latency, failures, the server itself.

Enters: a connection, in one snapshot where figures must agree. Leaves: frozen values. May fail: with whatever the
database raises.

What each costs (rows read):
    depths      the pending and dead rows, by partial index             models/balance.py
    flow        the rows of the last minute or two, by primary key      models/tally.py
    latency     at most 20,000 of the last five minutes, by primary key
    failures    at most 500 dead and 500 pending rows of each queue, by partial index
    balance     the sums of closed blocks, and the rows of open ones    models/blocks.py
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.balance import Depth, depths
from models.tally import Marks, Source, Tally

SLOT, HOUR, DAY = 10, 3600, 86_400
RULE_SLOT = 600
LATENCY_SECONDS = 300
MOST_RULES = 200_000
"""So many messages the first count of rules goes back, at most: it reads documents, which is slower."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """From accepted to settled as a ticket or in one, seconds; None where there was no message."""

    messages: int
    p50: float | None
    p99: float | None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One item whose last attempt failed, with the error as it was noted: it may hold personal content."""

    queue: str
    id: int
    channel: str
    dead: bool
    attempts: int
    error: str
    at: datetime
    """When it was buried, or when it is tried again."""
    trace_id: str


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """PostgreSQL as it sees itself."""

    version: str
    connections: int
    allowed: int
    bytes: int


class Flow:
    """What came in, was settled, went out and was acknowledged. One for each process; not for two tasks at once."""

    def __init__(self) -> None:
        self._inbox, self._outbox = Marks("inbox", "received_at"), Marks("outbox", "created_at")
        self._message = Marks("message", "created_at")
        hour = {"slot": SLOT, "span": HOUR}
        self.received = Tally(Source("inbox", "received_at"), self._inbox, **hour)
        self.settled = Tally(Source("inbox", "settled_at", "state <> 'pending'"), self._inbox, **hour)
        self.delivered = Tally(Source("outbox", "settled_at", "state = 'done'"), self._outbox, **hour)
        day = {"slot": RULE_SLOT, "span": DAY, "most": MOST_RULES}
        self.acknowledged = Tally(Source("outbox", "created_at", "kind = 'acknowledgement'"), self._outbox, **day)
        self.rules = Tally(
            Source("message", "created_at", "reasons ? 'acknowledge'", "split_part(reasons->>'acknowledge', ':', 1)"),
            self._message,
            **day,
        )
        self.now = 0.0
        self._reach: dict[str, list[tuple[float, float]]] = {}

    async def count(self, connection: AsyncConnection, now: float, queues: list[Depth]) -> None:
        """Bring every tally up to `now`. `queues` says how old the oldest items are."""
        reach = {depth.queue: self._reached(depth, now) for depth in queues}
        inbox = await self._inbox.note(connection, now, keep=2 * HOUR)
        outbox = await self._outbox.note(connection, now, keep=2 * HOUR)
        message = await self._message.note(connection, now, keep=HOUR)
        await self.received.count(connection, now, highest=inbox)
        await self.settled.count(connection, now, highest=inbox, reach=reach["inbox"])
        await self.delivered.count(connection, now, highest=outbox, reach=reach["outbox"])
        await self.acknowledged.count(connection, now, highest=outbox)
        await self.rules.count(connection, now, highest=message)
        self.now = now

    def _reached(self, depth: Depth, now: float) -> float:
        """The greatest age of an item that may have left its queue in the time that is counted again, up to an hour.

        An item that waited longer is in the balance and not in the chart.
        """
        seen = [(at, age) for at, age in self._reach.get(depth.queue, []) if at >= now - 3 * 60]
        seen.append((now, depth.oldest_seconds))
        self._reach[depth.queue] = seen
        return min(max(age for _at, age in seen), HOUR)

    async def latency(self, connection: AsyncConnection) -> Latency:
        """Of the last five minutes, after `count`."""
        reach = max((age for _at, age in self._reach.get("inbox", [])), default=0.0)
        below = await self._inbox.below(connection, self.now - LATENCY_SECONDS - min(reach, HOUR))
        row = (await connection.execute(_LATENCY, {"below": below, "seconds": LATENCY_SECONDS})).one()
        p50, p99 = (None, None) if row.parts is None else (float(part) for part in row.parts)
        return Latency(messages=row.messages, p50=p50, p99=p99)


async def clock(connection: AsyncConnection) -> float:
    """The time of this transaction by the database's clock, seconds since 1970."""
    return float((await connection.execute(_CLOCK)).scalar_one())


async def failures(connection: AsyncConnection) -> list[Failure]:
    """The newest dead items and, among the oldest pending ones, those that failed before; newest first."""
    rows = [_failure(row) for statement in _FAILURES for row in await connection.execute(statement)]
    return sorted(rows, key=lambda failure: failure.at, reverse=True)


def _failure(row: Any) -> Failure:
    return Failure(
        queue=row.queue,
        id=row.id,
        channel=row.channel,
        dead=row.state == "dead",
        attempts=row.attempts,
        error=row.last_error,
        at=row.at,
        trace_id=row.trace_id,
    )


async def server(connection: AsyncConnection) -> Server:
    """Version, connections and size of the database that we are in."""
    row = (await connection.execute(_SERVER)).one()
    return Server(version=row.version, connections=row.connections, allowed=row.allowed, bytes=row.bytes)


__all__ = ["Failure", "Flow", "Latency", "Server", "clock", "depths", "failures", "server"]

_CLOCK = text("SELECT extract(epoch FROM now())")
_LATENCY = text(
    """
    SELECT count(*) AS messages, percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY seconds) AS parts
    FROM (
        SELECT extract(epoch FROM settled_at - received_at)::float8 AS seconds FROM inbox
        WHERE id > :below AND outcome IN ('ticket', 'appended')
          AND settled_at >= now() - make_interval(secs => :seconds)
        ORDER BY id DESC LIMIT 20000
    ) AS recent
    """
)
_FAILURES = [
    text(
        f"""
        SELECT '{table}' AS queue, id, channel, state, attempts, last_error, {at} AS at, trace_id
        FROM (SELECT * FROM {table} WHERE state = '{state}' ORDER BY id {order} LIMIT 500) AS last
        WHERE last_error <> ''
        """
    )
    for table in ("inbox", "outbox")
    for state, order, at in (("dead", "DESC", "coalesce(settled_at, due_at)"), ("pending", "ASC", "due_at"))
]
_SERVER = text(
    """
    SELECT current_setting('server_version') AS version,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
        current_setting('max_connections')::int AS allowed, pg_database_size(current_database()) AS bytes
    """
)
