"""Reads the figures of a period under any filter: from the sums, so that it costs the same at a million tickets.

Enters: a connection, a period, a choice. Leaves: `Figures`, all counts exact. May fail: with what the database raises.
Medians and the like come from `times.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.statistics.choice import Choice
from models.statistics.period import PARTS, Period
from models.statistics.tables import DIMENSIONS, MEASURES

Totals = Mapping[str, int]
"""Measure → sum."""
WANTED = {"agent": MEASURES, "channel": ("created", "resolved", "answers")}
"""The measures that are asked for by the values of a dimension; of the others, how many were created."""
MOST_COMPLAINING = 5


@dataclass(frozen=True, slots=True)
class Point:
    """One day or month of a chart."""

    start: date
    created: int
    resolved: int


@dataclass(frozen=True, slots=True)
class Complaining:
    """A customer, and how often they complained in the period."""

    contact_id: int
    name: str
    complaints: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in a period to the tickets of a choice."""

    period: Period
    totals: Totals
    by: Mapping[str, Mapping[Any, Totals]] = field(default_factory=dict)
    """Dimension → value → sums."""
    shares: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Aspect → value → tickets."""
    points: Sequence[Point] = ()
    open: Mapping[int, int] = field(default_factory=dict)
    """Agent (0: nobody) → tickets that are unresolved now, whenever they were created."""
    complaining: Sequence[Complaining] = ()


async def figures(connection: AsyncConnection, period: Period, choice: Choice) -> Figures:
    """Everything about a period."""
    by = await _by_dimension(connection, period, choice)
    chosen, values = _groups(choice)
    rows = await connection.execute(text(_SHARES.format(chosen=chosen)), period.parts() | values)
    shares: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        shares[row.aspect][row.value] = int(row.tickets)
    points = await connection.execute(
        text(_POINTS.format(chosen=chosen)),
        {"grain": period.grain, "first": _floor(period), "last": period.last, **values},
    )
    chosen, values = choice.condition("figure_group")
    waiting = await connection.execute(text(_OPEN.format(chosen=chosen)), values)
    return Figures(
        period=period,
        totals=_total(by["agent"].values()),
        by=by,
        shares=shares,
        points=_filled(period, [Point(row.start, int(row.created), int(row.resolved)) for row in points]),
        open={int(row.agent): int(row.tickets) for row in waiting},
        complaining=await _complaining(connection, period, choice),
    )


async def sums(connection: AsyncConnection, period: Period, choice: Choice) -> Figures:
    """The sums alone, for comparison: nothing else of `Figures` is filled in."""
    by = await _by_dimension(connection, period, choice)
    return Figures(period=period, totals=_total(by["agent"].values()), by=by)


async def counted(connection: AsyncConnection) -> tuple[int, datetime | None]:
    """A number that grows with every change of the figures, and when the last one was."""
    row = (await connection.execute(_COUNTED)).one_or_none()
    return (int(row.high), row.counted_at) if row else (0, None)


async def values_of(connection: AsyncConnection) -> dict[str, list[Any]]:
    """The values that each dimension has anywhere, for the filters."""
    row = (await connection.execute(_VALUES)).one()
    return {name: list(getattr(row, name) or []) for name in DIMENSIONS}


async def names_of(connection: AsyncConnection) -> dict[int, str]:
    """Agents by their numbers."""
    return {int(row.id): row.name or row.email for row in await connection.execute(_NAMES)}


async def _by_dimension(
    connection: AsyncConnection, period: Period, choice: Choice
) -> dict[str, dict[Any, dict[str, int]]]:
    chosen, values = _groups(choice)
    found: dict[str, dict[Any, dict[str, int]]] = {name: {} for name in DIMENSIONS}
    for row in await connection.execute(text(_CELLS.format(chosen=chosen)), period.parts() | values):
        amounts = dict(zip(MEASURES, row[len(DIMENSIONS) :], strict=True))
        for name, value in zip(DIMENSIONS, row, strict=False):
            wanted = WANTED.get(name, ("created",))
            there = found[name].setdefault(value, dict.fromkeys(wanted, 0))
            for measure in wanted:
                there[measure] += amounts[measure]
    return found


def _groups(choice: Choice) -> tuple[str, dict[str, Any]]:
    """SQL that keeps the rows of the chosen groups, '' where all are, and what it binds."""
    chosen, values = choice.condition("figure_group")
    return (f"AND group_id = ANY(ARRAY(SELECT id FROM figure_group WHERE {chosen}))" if values else ""), values


async def _complaining(connection: AsyncConnection, period: Period, choice: Choice) -> list[Complaining]:
    chosen, values = choice.condition("fact")
    given = {"first": period.first, "last": period.last, "most": MOST_COMPLAINING, **values}
    rows = await connection.execute(text(_COMPLAINING.format(chosen=chosen)), given)
    return [Complaining(int(row.contact_id), row.name or "", int(row.complaints)) for row in rows]


def _total(parts: Any) -> dict[str, int]:
    whole = dict.fromkeys(MEASURES, 0)
    for part in parts:
        for name, amount in part.items():
            whole[name] += amount
    return whole


def _floor(period: Period) -> date:
    return period.first if period.grain == "day" else period.first.replace(day=1)


def _filled(period: Period, points: Sequence[Point]) -> list[Point]:
    """The points with those between them at which nothing happened."""
    there = {point.start: point for point in points}
    start, filled = _floor(period), []
    while start <= period.last:
        filled.append(there.get(start, Point(start, 0, 0)))
        start = date.fromordinal(start.toordinal() + 1) if period.grain == "day" else _next_month(start)
    return filled


def _next_month(start: date) -> date:
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in MEASURES)
_CELLS = f"""
    SELECT {", ".join(DIMENSIONS)}, {", ".join(f"together.{name}" for name in MEASURES)}
    FROM (
        SELECT group_id, {_SUMS} FROM figure_cell
        WHERE {PARTS} {{chosen}}
        GROUP BY group_id
    ) AS together JOIN figure_group ON id = group_id
"""
_SHARES = f"""
    SELECT aspect, value, sum(count) AS tickets FROM figure_share
    WHERE {PARTS} {{chosen}}
    GROUP BY aspect, value HAVING sum(count) <> 0
"""
_POINTS = """
    SELECT start, sum(created) AS created, sum(resolved) AS resolved FROM figure_cell
    WHERE grain = :grain AND start BETWEEN :first AND :last {chosen}
    GROUP BY start ORDER BY start
"""
_OPEN = """
    SELECT agent, sum(created - settled) AS tickets FROM figure_cell JOIN figure_group ON id = group_id
    WHERE grain = 'month' AND {chosen} GROUP BY agent HAVING sum(created - settled) <> 0
"""
_COMPLAINING = """
    SELECT most.contact_id, contact.name, complaints FROM (
        SELECT contact_id, count(*) AS complaints FROM figure_fact AS fact
        WHERE complaint AND created_day BETWEEN :first AND :last AND contact_id IS NOT NULL AND {chosen}
        GROUP BY contact_id ORDER BY count(*) DESC, contact_id LIMIT :most
    ) AS most LEFT JOIN contact ON contact.id = most.contact_id ORDER BY complaints DESC, most.contact_id
"""
_COUNTED = text("SELECT high, counted_at FROM figure_cursor WHERE source = 'basis'")
_VALUES = text(
    "SELECT "
    + ", ".join(
        f"(SELECT array_agg(DISTINCT {name} ORDER BY {name}) FROM figure_group) AS {name}" for name in DIMENSIONS
    )
)
_NAMES = text("SELECT id, name, email FROM agent")
