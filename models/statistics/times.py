"""Times as people want them: the median, and the value that nine in ten stay below.

Enters: a connection, a period, a choice, how many tickets there are. Leaves: seconds. May fail: with what the database
raises. Means come from the sums and are exact always. Medians are exact up to EXACT tickets; above, they are those of
a fixed, evenly dealt part of the tickets (about SAMPLE of them: the rank is right to 1.5 % in 99 of 100 cases).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.statistics.choice import CREATED, RESOLVED, Choice
from models.statistics.period import Period
from models.statistics.read import Totals
from models.statistics.tables import LOTS

EXACT, SAMPLE = 20_000, 8_000
TIMES = ("first", "response", "resolution")
"""Until the first answer; until any answer, a ticket's mean; until resolved."""
CLOCKS = ("seconds", "worked")
"""All time, and opening hours."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, seconds; None where it did not happen."""

    mean: float | None = None
    median: float | None = None
    p90: float | None = None


Times = dict[tuple[str, str], Spread]
"""(what, clock) → spread."""


async def times(connection: AsyncConnection, period: Period, choice: Choice, totals: Totals) -> Times:
    """How long everything took."""
    chosen, values = choice.condition("fact")
    given = {"first": period.first, "last": period.last, **values}
    found: Times = {}
    for measures, counted, condition, tickets in (
        (("first", "response"), totals["answered"], CREATED, totals["created"]),
        (("resolution",), totals["resolved"], RESOLVED, totals["resolved"]),
    ):
        if not counted:
            continue
        lots = LOTS if tickets <= EXACT else min(LOTS, math.ceil(LOTS * SAMPLE / tickets))
        sample = "" if lots == LOTS else "fact.lot = ANY(:lots) AND"
        columns = ", ".join(_part(what, clock) for what in measures for clock in CLOCKS)
        sql = f"SELECT {columns} FROM figure_fact AS fact WHERE {sample} {condition} AND {chosen}"
        row = (await connection.execute(text(sql), given | ({"lots": list(range(lots))} if sample else {}))).one()
        for what in measures:
            for clock in CLOCKS:
                middle, high = getattr(row, f"{what}_{clock}") or (None, None)
                found[what, clock] = Spread(mean(totals, what, clock), _number(middle), _number(high))
    return {(what, clock): found.get((what, clock), Spread()) for what in TIMES for clock in CLOCKS}


def means(totals: Totals) -> Times:
    """The means alone, which cost nothing."""
    return {(what, clock): Spread(mean(totals, what, clock)) for what in TIMES for clock in CLOCKS}


def mean(totals: Totals, what: str, clock: str) -> float | None:
    """The mean of a time, from the sums."""
    number = totals[{"first": "answered", "response": "responses", "resolution": "resolved"}[what]]
    return totals[f"{what}_{clock}"] / number if number else None


def _part(what: str, clock: str) -> str:
    value = f"{what}_{clock}" if what != "response" else f"response_{clock} / nullif(responses, 0)"
    return f"percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY {value}) AS {what}_{clock}"


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
