"""The balance: what was received is what became of it, at any moment (requirement W9).

    received = ticket + appended + duplicate + machine + quarantined + pending

`received` is counted apart from the outcomes, so that an item which is in no known state shows as a difference. What
`models.blocks` has counted for good is added up, the rest is counted; `disagreements` reads everything, as the proof.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import blocks


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


class AccountBalance(Balance, frozen=True, kw_only=True):
    """The same for one of our addresses or numbers."""

    account: str


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """One queue: how much waits, how long already, what failed."""

    queue: str
    pending: int
    due: int
    dead: int
    oldest_seconds: float
    retried: int


async def balance(connection: AsyncConnection, day: date | None = None) -> list[Balance]:
    """The balance of every channel that ever received anything (or on that day, UTC), in one snapshot."""
    return [Balance(**_parts(row)) for row in await connection.execute(_BALANCE["channel"], {"day": day})]


async def accounts(connection: AsyncConnection, day: date | None = None) -> list[AccountBalance]:
    """The same for every account of every channel."""
    rows = await connection.execute(_BALANCE["channel, account"], {"day": day})
    return [AccountBalance(account=row.account, **_parts(row)) for row in rows]


async def disagreements(connection: AsyncConnection) -> list[tuple[Balance, Balance]]:
    """Where the sums that are kept and the items alone differ: as added up, as recounted. Reads the whole inbox.

    The transaction must not have begun: both must see the same moment.
    """
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    kept = {row.channel: row for row in await balance(connection)}
    found = {row.channel: Balance(**_parts(row)) for row in await connection.execute(_RECOUNT)}
    nothing = Balance(channel="", received=0)
    pairs = [(kept.get(channel, nothing), found.get(channel, nothing)) for channel in sorted(kept | found)]
    return [(one, other) for one, other in pairs if one != other]


def _parts(row: Any) -> dict[str, Any]:
    parts = {name: int(getattr(row, name)) for name in _OUTCOMES}
    received = int(row.received)
    return {"channel": row.channel, "received": received, "difference": received - sum(parts.values()), **parts}


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


_OUTCOMES = ("ticket", "appended", "duplicate", "machine", "quarantined", "pending")
_PENDING = "count(*) FILTER (WHERE state = 'pending') AS pending"
_BALANCE = {
    # Names, not values: which columns the sums are kept apart by.
    group: text(
        f"""
        SELECT {group}, sum(pending) AS pending, {", ".join(f"sum({part}) AS {part}" for part in blocks.PARTS)}
        FROM (
            SELECT channel, account, day, {", ".join(blocks.PARTS)}, 0 AS pending FROM inbox_block
            UNION ALL
            SELECT counted.* FROM ({blocks.OPEN}) AS open CROSS JOIN LATERAL (
                SELECT channel, account, {blocks.DAY} AS day, {blocks.COUNTS}, {_PENDING} FROM inbox
                WHERE id >= block * {blocks.SIZE} AND id < (block + 1) * {blocks.SIZE} GROUP BY 1, 2, 3
            ) AS counted
        ) AS together
        WHERE cast(:day AS date) IS NULL OR day = :day
        GROUP BY {group} ORDER BY {group}
        """
    )
    for group in ("channel", "channel, account")
}
_RECOUNT = text(f"SELECT channel, {blocks.COUNTS}, {_PENDING} FROM inbox GROUP BY channel ORDER BY channel")
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
