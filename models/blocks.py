"""Blocks: the inbox counted once and for all, ten thousand items at a time, so that the balance need not read it all.

An item that is done or dead changes no more, so a block of ids in which nothing is pending is counted once, and its
sums are kept by channel, account and day. Whoever adds up takes the sums of the closed blocks and counts the items of
the others. Replay is the one thing that makes an ended item pending again: it opens the blocks that it touches.

    open ──close: nothing pending, and nobody can still add to it──▶ closed ──replay──▶ open

All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from sqlalchemy import BigInteger, Date, Integer, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

SIZE = 10_000
"""Ids in a block."""
AT_ONCE = 20
"""Blocks that one call closes: a first count of years of mail is a work of many short statements."""
GRACE_MINUTES = 10
"""A block is left open until an item behind it was settled so long ago. An id that was drawn and is not committed yet
may still come; no statement of ours may take longer than a minute."""
LOCK = 0x6775_6963_6803
"""Closing and opening exclude each other: a count must not overlook a replay that is about to commit."""


class InboxBlock(SQLModel, table=True):
    """What one block holds of one channel, account and day."""

    __tablename__: ClassVar[str] = "inbox_block"

    block: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    channel: str = Field(sa_column=Column(Text, primary_key=True))
    account: str = Field(sa_column=Column(Text, primary_key=True))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    """Of receiving, UTC."""
    received: int = Field(sa_column=Column(Integer, nullable=False))
    ticket: int = Field(sa_column=Column(Integer, nullable=False))
    appended: int = Field(sa_column=Column(Integer, nullable=False))
    duplicate: int = Field(sa_column=Column(Integer, nullable=False))
    machine: int = Field(sa_column=Column(Integer, nullable=False))
    quarantined: int = Field(sa_column=Column(Integer, nullable=False))


PARTS = ("received", "ticket", "appended", "duplicate", "machine", "quarantined")
COUNTS = """
    count(*) AS received,
    count(*) FILTER (WHERE state = 'done' AND outcome = 'ticket' AND ticket_id IS NOT NULL) AS ticket,
    count(*) FILTER (WHERE state = 'done' AND outcome = 'appended' AND ticket_id IS NOT NULL) AS appended,
    count(*) FILTER (WHERE state = 'done' AND outcome = 'duplicate') AS duplicate,
    count(*) FILTER (WHERE state = 'done' AND outcome = 'machine') AS machine,
    count(*) FILTER (WHERE state = 'dead' AND outcome = 'quarantined') AS quarantined
"""
DAY = "(received_at AT TIME ZONE 'UTC')::date"
OPEN = f"""
    SELECT block FROM generate_series(
        (SELECT min(id) / {SIZE} FROM inbox), (SELECT max(id) / {SIZE} FROM inbox)
    ) AS given (block) EXCEPT SELECT block FROM inbox_block
"""
"""The blocks whose items must be looked at."""


async def close(connection: AsyncConnection) -> int:
    """Close up to AT_ONCE blocks in which nothing changes any more. Returns how many rows of sums that made."""
    await connection.execute(_LOCK)
    return int((await connection.execute(_CLOSE)).rowcount)


async def reopen(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Forget the sums of the blocks that hold these items: their outcome is about to change."""
    await connection.execute(_LOCK)
    await connection.execute(_REOPEN, {"blocks": sorted({number // SIZE for number in ids})})


_LOCK = text(f"SELECT pg_advisory_xact_lock({LOCK})")
_CLOSE = text(
    f"""
    INSERT INTO inbox_block (block, channel, account, day, {", ".join(PARTS)})
    SELECT block, counted.* FROM (
        SELECT block FROM ({OPEN}) AS open
        WHERE NOT EXISTS (
            SELECT FROM inbox WHERE state = 'pending' AND id >= block * {SIZE} AND id < (block + 1) * {SIZE})
          AND (SELECT settled_at FROM inbox WHERE id >= (block + 1) * {SIZE} ORDER BY id LIMIT 1)
            < now() - make_interval(mins => {GRACE_MINUTES})
        ORDER BY block LIMIT {AT_ONCE}
    ) AS ended CROSS JOIN LATERAL (
        SELECT channel, account, {DAY}, {COUNTS} FROM inbox
        WHERE id >= block * {SIZE} AND id < (block + 1) * {SIZE} GROUP BY 1, 2, 3
    ) AS counted
    """
)
_REOPEN = text("DELETE FROM inbox_block WHERE block = ANY(:blocks)")
