"""The balance: what was received is what became of it, at any moment (requirement W9).

    received = ticket + appended + duplicate + machine + quarantined + pending

`received` is counted apart from the outcomes, so that an item which is in no known state shows as a difference.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's account of what it received."""

    channel: str
    received: int
    ticket: int = 0
    appended: int = 0
    duplicate: int = 0
    machine: int = 0
    quarantined: int = 0
    pending: int = 0
    difference: int = 0
    """Received less all others: anything but 0 is an alarm."""


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """One queue: how much waits, how long already, what failed."""

    queue: str
    pending: int
    due: int
    dead: int
    oldest_seconds: float
    retried: int


async def balance(connection: AsyncConnection) -> list[Balance]:
    """The balance of every channel that ever received anything, in one snapshot."""
    return [_balance(row) for row in await connection.execute(_BALANCE)]


def _balance(row: Any) -> Balance:
    parts = {name: getattr(row, name) for name in _PARTS}
    return Balance(channel=row.channel, received=row.received, difference=row.received - sum(parts.values()), **parts)


async def depths(connection: AsyncConnection) -> list[Depth]:
    """Every queue as it stands."""
    return [
        Depth(
            queue=queue,
            pending=row.pending,
            due=row.due,
            dead=row.dead,
            oldest_seconds=float(row.oldest or 0),
            retried=row.retried,
        )
        for queue, statement in _DEPTHS.items()
        for row in await connection.execute(statement)
    ]


_PARTS = ("ticket", "appended", "duplicate", "machine", "quarantined", "pending")
_BALANCE = text(
    """
    SELECT channel, count(*) AS received,
        count(*) FILTER (WHERE state = 'done' AND outcome = 'ticket' AND ticket_id IS NOT NULL) AS ticket,
        count(*) FILTER (WHERE state = 'done' AND outcome = 'appended' AND ticket_id IS NOT NULL) AS appended,
        count(*) FILTER (WHERE state = 'done' AND outcome = 'duplicate') AS duplicate,
        count(*) FILTER (WHERE state = 'done' AND outcome = 'machine') AS machine,
        count(*) FILTER (WHERE state = 'dead' AND outcome = 'quarantined') AS quarantined,
        count(*) FILTER (WHERE state = 'pending') AS pending
    FROM inbox GROUP BY channel ORDER BY channel
    """
)
_DEPTHS = {
    # One sub-select a state, each of which a partial index serves; `state IN (…)` would read the whole table.
    table: text(
        f"""
        SELECT waiting.*, (SELECT count(*) FROM {table} WHERE state = 'dead') AS dead
        FROM (
            SELECT count(*) AS pending, count(*) FILTER (WHERE due_at <= now()) AS due,
                count(*) FILTER (WHERE attempts > 1) AS retried, extract(epoch FROM now() - min({since})) AS oldest
            FROM {table} WHERE state = 'pending'
        ) AS waiting
        """
    )
    for table, since in (("inbox", "received_at"), ("outbox", "created_at"), ("media", "created_at"))
}
