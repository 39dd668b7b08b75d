"""Keeps the figures up to what has happened: a batch of changed tickets at a time, in the caller's transaction.

Enters: a connection in a transaction, and the basis by which is counted. Leaves: `figure_fact`, `figure_cell`,
`figure_share` and the cursor, all or none. May fail: with whatever the database raises; then nothing has changed, and
the next call counts the same again.

Every change of a ticket writes an event, and every word a message; so new ids in these two tables name the tickets to
look at. Ids are drawn before they are committed: one that is missing is remembered as a hole, and looked for again
until no transaction can still hold it. A ticket is counted from its whole history; what it added before is taken away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import to_json
from models.statistics.cells import CellKey, Group, ShareKey, Sums
from models.statistics.fact import Basis, fact_of
from models.statistics.tables import DIMENSIONS, MEASURES, FigureFact

LOCK = 0x6775_6963_6815
"""One process counts at a time."""
ROWS, TICKETS = 4_000, 1_000
"""Events and messages that one call looks at, and tickets that it counts, at most."""
HOLE_SECONDS = 300
"""No statement of ours may take longer than a minute, so an id that is still missing then was rolled back."""
SOURCES = ("ticket_event", "message")

Range = tuple[int, int, float]
"""First and last id that were not there, and when that was seen first (seconds since 1970)."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one call did."""

    tickets: int = 0
    more: bool = False
    """Whether there is more to count."""


async def keep(connection: AsyncConnection, basis: Basis, *, wait: bool = False, most: int = TICKETS) -> Counted:
    """Count up to `most` changed tickets. Where another process is counting: nothing, or `wait` for it."""
    if wait:
        await connection.execute(_LOCK)
    elif not await connection.scalar(_TRY_LOCK):
        return Counted()
    if await _begin(connection, basis):
        await forget(connection, basis)
    now = float(await connection.scalar(_NOW))
    dirty: set[int] = set()
    more = False
    for source in SOURCES:
        found, full = await _news(connection, source, now, room=most - len(dirty))
        dirty |= found
        more |= full
    if dirty:
        await recount(connection, sorted(dirty), basis)
        await connection.execute(_COUNTED)
    return Counted(len(dirty), more)


async def _begin(connection: AsyncConnection, basis: Basis) -> bool:
    """Whether all that is counted was counted by another basis, or nothing ever was."""
    return bool((await connection.scalar(_BASIS)) != basis.mark)


async def forget(connection: AsyncConnection, basis: Basis) -> None:
    """Count everything anew from here on. Facts of tickets that are gone stay, and are added up again."""
    for statement in _FORGET:
        await connection.execute(statement)
    for source in (*SOURCES, "basis"):
        await connection.execute(_CURSOR, {"source": source, "basis": basis.mark})
    kept = [dict(row._mapping) for row in await connection.execute(_FACTS_OF_GONE)]
    sums = Sums()
    for fact in kept:
        sums.add(fact)
    await _add(connection, sums)


async def _news(connection: AsyncConnection, source: str, now: float, *, room: int) -> tuple[set[int], bool]:
    """The tickets that new rows of `source` name, and whether there are more rows. Moves the cursor behind them."""
    cursor = (await connection.execute(_AT, {"source": source})).one()
    high = int(cursor.high)
    holes = [
        hole for hole in msgspec.convert(cursor.holes.get("ranges", []), list[Range]) if hole[2] > now - HOLE_SECONDS
    ]
    late = []
    if holes:
        ranges = {"lows": [hole[0] for hole in holes], "highs": [hole[1] for hole in holes]}
        late = list(await connection.execute(_LATE[source], ranges))
    rows = list(await connection.execute(_NEW[source], {"high": high, "limit": ROWS}))
    taken, tickets = 0, {int(row.ticket_id) for row in late if row.ticket_id}
    for row in rows:
        if row.ticket_id and int(row.ticket_id) not in tickets:
            if len(tickets) >= room:
                break
            tickets.add(int(row.ticket_id))
        taken += 1
    ids = [int(row.id) for row in rows[:taken]]
    left = [*_fill(holes, [int(row.id) for row in late]), *_gaps(high, ids, now)]
    if ids or len(left) != len(cursor.holes.get("ranges", [])) or late:
        values = {"source": source, "high": ids[-1] if ids else high, "holes": to_json({"ranges": left})}
        await connection.execute(_MOVE, values)
    return tickets, taken < len(rows) or len(rows) == ROWS


def _gaps(high: int, ids: Sequence[int], now: float) -> list[Range]:
    """The ids between `high` and the last of `ids` (ascending) that are not among them."""
    return [(before + 1, after - 1, now) for before, after in pairwise([high, *ids]) if after > before + 1]


def _fill(holes: Iterable[Range], ids: Sequence[int]) -> list[Range]:
    """What is left of the holes once `ids` were found in them."""
    left = []
    for low, high, since in holes:
        inside = sorted(number for number in ids if low <= number <= high)
        left += [(first, last, since) for first, last, _ in _gaps(low - 1, [*inside, high + 1], since)]
    return left


async def recount(connection: AsyncConnection, numbers: Sequence[int], basis: Basis) -> None:
    """Count these tickets anew, whatever they were counted as."""
    before = {int(row.ticket_id): dict(row._mapping) for row in await connection.execute(_FACTS, {"ids": numbers})}
    after, gone = await facts(connection, numbers, basis)
    sums = Sums()
    changed = []
    for number, fact in after.items():
        old = before.get(number)
        if old == fact:
            continue
        if old is not None:
            sums.add(old, -1)
        sums.add(fact)
        changed.append(fact)
    dropped = [number for number in gone if number in before]
    for number in dropped:
        sums.add(before[number], -1)
    if dropped:
        await connection.execute(_DROP, {"ids": dropped})
    if changed:
        await connection.execute(_PUT, {name: [fact[name] for fact in changed] for name in _COLUMNS})
    await _add(connection, sums)


async def facts(
    connection: AsyncConnection, numbers: Sequence[int], basis: Basis
) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """The facts of these tickets as their histories have them, and those that are merged into others: no tickets."""
    given = {"ids": list(numbers)}
    tickets = list(await connection.execute(_TICKETS, given))
    events: dict[int, list[Any]] = defaultdict(list)
    for row in await connection.execute(_EVENTS, given):
        events[row.ticket_id].append(row._mapping)
    messages: dict[int, list[Any]] = defaultdict(list)
    for row in await connection.execute(_MESSAGES, given):
        messages[row.ticket_id].append(row._mapping)
    found = {
        int(ticket.id): fact_of(ticket, events[ticket.id], messages[ticket.id], basis)
        for ticket in tickets
        if ticket.merged_into is None
    }
    return found, {int(ticket.id) for ticket in tickets if ticket.merged_into is not None}


async def _add(connection: AsyncConnection, sums: Sums) -> None:
    """Add these amounts to the rows that are there."""
    cells, shares = sums.changed()
    if not cells and not shares:
        return
    groups = await _groups(connection, {key[2] for key in cells} | {key[2] for key in shares})
    await connection.execute(_ADD_CELLS, _cell_columns(cells, groups))
    await connection.execute(_ADD_SHARES, _share_columns(shares, groups))


async def _groups(connection: AsyncConnection, wanted: set[Group]) -> dict[Group, int]:
    """The numbers of these groups; new ones get theirs."""
    columns = dict(zip(DIMENSIONS, map(list, zip(*sorted(wanted), strict=True)), strict=True))
    await connection.execute(_NEW_GROUPS, columns)
    return {tuple(row[:-1]): int(row[-1]) for row in await connection.execute(_GROUPS, columns)}


def _cell_columns(cells: Mapping[CellKey, Mapping[str, int]], groups: Mapping[Group, int]) -> dict[str, Any]:
    rows = sorted((grain, start, groups[group], sums) for (grain, start, group), sums in cells.items())
    columns: dict[str, Any] = {
        "grain": [r[0] for r in rows],
        "start": [r[1] for r in rows],
        "group": [r[2] for r in rows],
    }
    return columns | {name: [row[3].get(name, 0) for row in rows] for name in MEASURES}


def _share_columns(shares: Mapping[ShareKey, int], groups: Mapping[Group, int]) -> dict[str, Any]:
    rows = sorted((grain, start, groups[group], *rest, count) for (grain, start, group, *rest), count in shares.items())
    names = ("grain", "start", "group", "aspect", "value", "count")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


_TABLE: Table = FigureFact.__table__  # type: ignore[attr-defined]
_COLUMNS = [column.name for column in _TABLE.columns]
_TYPES = {column.name: column.type.compile() for column in _TABLE.columns}
_TYPES |= dict.fromkeys(("created_at", "first_at", "resolved_at"), "timestamptz")

_LOCK = text(f"SELECT pg_advisory_xact_lock({LOCK})")
_TRY_LOCK = text(f"SELECT pg_try_advisory_xact_lock({LOCK})")
_NOW = text("SELECT extract(epoch FROM clock_timestamp())")
_BASIS = text("SELECT basis FROM figure_cursor WHERE source = 'basis'")
_FORGET = [
    text("DELETE FROM figure_fact USING ticket WHERE ticket.id = ticket_id"),
    text("DELETE FROM figure_cell"),
    text("DELETE FROM figure_share"),
]
_FACTS_OF_GONE = text("SELECT * FROM figure_fact")
_CURSOR = text(
    """
    INSERT INTO figure_cursor (source, basis) VALUES (:source, :basis)
    ON CONFLICT (source) DO UPDATE SET high = 0, holes = '{}', basis = excluded.basis, counted_at = now()
    """
)
_COUNTED = text("UPDATE figure_cursor SET counted_at = now(), high = high + 1 WHERE source = 'basis'")
_AT = text("SELECT high, holes FROM figure_cursor WHERE source = :source")
_MOVE = text("UPDATE figure_cursor SET high = :high, holes = cast(:holes AS jsonb) WHERE source = :source")
_NEW = {
    source: text(f"SELECT id, ticket_id FROM {source} WHERE id > :high ORDER BY id LIMIT :limit") for source in SOURCES
}
_LATE = {
    source: text(
        f"""
        SELECT {source}.id, ticket_id FROM unnest(cast(:lows AS bigint[]), cast(:highs AS bigint[])) AS hole (low, high)
        JOIN {source} ON {source}.id BETWEEN hole.low AND hole.high
        """
    )
    for source in SOURCES
}
_FACTS = text("SELECT * FROM figure_fact WHERE ticket_id = ANY(:ids)")
_TICKETS = text(
    """
    SELECT id, pipeline, channel, team, assignee_id, product, perimeter, category, priority, status, stage, language,
        level, contact_id, created_at, updated_at, resolved_at, commitment_hours, merged_into
    FROM ticket WHERE id = ANY(:ids)
    """
)
_EVENTS = text(
    """
    SELECT ticket_id, at, actor, kind, old, new FROM ticket_event
    WHERE ticket_id = ANY(:ids) AND kind IN ('status', 'team', 'assignee', 'satisfaction', 'article')
    ORDER BY ticket_id, id
    """
)
_MESSAGES = text(
    """
    SELECT ticket_id, direction = 'in' AS incoming, sender,
        CASE WHEN direction = 'in' THEN coalesce(received_at, created_at) ELSE created_at END AS at
    FROM message WHERE ticket_id = ANY(:ids) AND direction IN ('in', 'out') ORDER BY ticket_id, id
    """
)
_DROP = text("DELETE FROM figure_fact WHERE ticket_id = ANY(:ids)")
_PUT = text(
    f"""
    INSERT INTO figure_fact ({", ".join(_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"cast(:{name} AS {_TYPES[name]}[])" for name in _COLUMNS)})
    ON CONFLICT (ticket_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}
    """
)
_DIMENSION_TYPES = {name: "bigint" if name == "agent" else "text" for name in DIMENSIONS}
_GIVEN = "unnest(" + ", ".join(f"cast(:{name} AS {kind}[])" for name, kind in _DIMENSION_TYPES.items()) + ")"
_NEW_GROUPS = text(
    f"""
    INSERT INTO figure_group ({", ".join(DIMENSIONS)})
    SELECT * FROM {_GIVEN} AS given ({", ".join(DIMENSIONS)})
    WHERE NOT EXISTS (SELECT FROM figure_group AS known
        WHERE {" AND ".join(f"known.{name} = given.{name}" for name in DIMENSIONS)})
    ON CONFLICT DO NOTHING
    """
)
_GROUPS = text(
    f"""
    SELECT {", ".join(f"given.{name}" for name in DIMENSIONS)}, figure_group.id
    FROM {_GIVEN} AS given ({", ".join(DIMENSIONS)}) JOIN figure_group USING ({", ".join(DIMENSIONS)})
    """
)
_ADD_CELLS = text(
    f"""
    INSERT INTO figure_cell (grain, start, group_id, {", ".join(MEASURES)})
    SELECT * FROM unnest(cast(:grain AS text[]), cast(:start AS date[]), cast(:group AS bigint[]),
        {", ".join(f"cast(:{name} AS bigint[])" for name in MEASURES)})
    ON CONFLICT (grain, start, group_id)
    DO UPDATE SET {", ".join(f"{name} = figure_cell.{name} + excluded.{name}" for name in MEASURES)}
    """
)
_ADD_SHARES = text(
    """
    INSERT INTO figure_share (grain, start, group_id, aspect, value, count)
    SELECT * FROM unnest(cast(:grain AS text[]), cast(:start AS date[]), cast(:group AS bigint[]),
        cast(:aspect AS text[]), cast(:value AS text[]), cast(:count AS int[]))
    ON CONFLICT (grain, start, group_id, aspect, value) DO UPDATE SET count = figure_share.count + excluded.count
    """
)
