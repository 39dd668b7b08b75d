"""The proof of the figures: all histories read again, and compared with what is kept, to the last unit.

Enters: a connection outside a transaction. Leaves: every disagreement; none where all is right. May fail: with whatever
the database raises. While it runs nobody else counts, and all is seen as it stood at one moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.statistics.cells import Sums
from models.statistics.fact import Basis
from models.statistics.keep import LOCK, facts, keep
from models.statistics.tables import DIMENSIONS, MEASURES

AT_ONCE = 2_000
"""Tickets that are read together."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Something that is kept otherwise than it is counted again."""

    what: str
    kept: Any
    found: Any


async def disagreements(connection: AsyncConnection, basis: Basis) -> list[Disagreement]:
    """Count up to now, then compare. Facts of tickets that are gone are taken as they are."""
    await connection.execute(_LOCK)
    await connection.commit()
    try:
        await connection.execute(_SNAPSHOT)
        while (await keep(connection, basis, wait=True)).more:
            pass
        found = await _compare(connection, basis)
        await connection.commit()
    finally:
        await connection.rollback()
        await connection.execute(_UNLOCK)
        await connection.commit()
    return found


async def _compare(connection: AsyncConnection, basis: Basis) -> list[Disagreement]:
    sums, wrong = Sums(), []
    async for kept, found in _chunks(connection, basis):
        for number in sorted(kept.keys() | found.keys()):
            if kept.get(number) != found.get(number):
                wrong.append(Disagreement(f"ticket {number}", kept.get(number), found.get(number)))
            if number in found:
                sums.add(found[number])
    cells, shares = sums.changed()
    for row in await connection.execute(_CELLS):
        key = (row.grain, row.start, tuple(getattr(row, name) for name in DIMENSIONS))
        there = {name: getattr(row, name) for name in MEASURES if getattr(row, name)}
        if (found_cell := cells.pop(key, {})) != there:
            wrong.append(Disagreement(f"sums of {key}", there, found_cell))
    for row in await connection.execute(_SHARES):
        key = (row.grain, row.start, tuple(getattr(row, name) for name in DIMENSIONS))
        if (count := shares.pop((*key, row.aspect, row.value), 0)) != row.count_:
            wrong.append(Disagreement(f"{row.aspect} {row.value} of {key}", row.count_, count))
    wrong += [Disagreement(f"sums of {key}", {}, found_cell) for key, found_cell in cells.items()]
    wrong += [Disagreement(f"share {key}", 0, count) for key, count in shares.items()]
    return wrong


async def _chunks(
    connection: AsyncConnection, basis: Basis
) -> AsyncIterator[tuple[Mapping[int, Mapping[str, Any]], Mapping[int, Mapping[str, Any]]]]:
    """Facts as they are kept and as they are found, some tickets at a time."""
    low = 0
    while True:
        high = await connection.scalar(_NEXT, {"low": low, "most": AT_ONCE})
        if high is None:
            return
        span = {"low": low, "high": high}
        kept = {row.ticket_id: dict(row._mapping) for row in await connection.execute(_FACTS, span)}
        numbers = [row.id for row in await connection.execute(_NUMBERS, span)]
        found, merged = await facts(connection, numbers, basis)
        gone = {number: kept[number] for number in kept.keys() - found.keys() - merged}
        yield kept, found | gone
        low = high


_LOCK = text(f"SELECT pg_advisory_lock({LOCK})")
_UNLOCK = text(f"SELECT pg_advisory_unlock({LOCK})")
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_NEXT = text(
    """
    SELECT max(id) FROM (
        (SELECT id FROM ticket WHERE id > :low ORDER BY id LIMIT :most)
        UNION ALL (SELECT ticket_id FROM figure_fact WHERE ticket_id > :low ORDER BY ticket_id LIMIT :most)
        ORDER BY id LIMIT :most
    ) AS next
    """
)
_FACTS = text("SELECT * FROM figure_fact WHERE ticket_id > :low AND ticket_id <= :high")
_NUMBERS = text("SELECT id FROM ticket WHERE id > :low AND id <= :high")
_CELLS = text("SELECT figure_cell.*, figure_group.* FROM figure_cell JOIN figure_group ON figure_group.id = group_id")
_SHARES = text(
    """
    SELECT grain, start, aspect, value, count AS count_, figure_group.*
    FROM figure_share JOIN figure_group ON figure_group.id = group_id
    """
)
