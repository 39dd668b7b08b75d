"""Periods: which days a figure is about, and those that it is compared with. Pure.

A period is whole days of the desk's zone, both ends included. It falls apart into whole months and the days at its
edges, as the sums stand in the tables; no day is in two parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

NAMES = ("today", "7d", "30d", "90d", "month", "last_month", "year")
DEFAULT = "30d"
LENGTHS = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
FIRST, LAST = date(2000, 1, 1), date(2200, 1, 1)
MOST_DAYS_APART = 124
"""A chart of more days than this has a point a month."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From `first` to `last`, both included."""

    name: str
    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def grain(self) -> str:
        """What a point of its chart is: a day, or a month."""
        return "day" if self.days <= MOST_DAYS_APART else "month"

    @property
    def before(self) -> Period:
        """What it is compared with: the month before, up to the same day, or as many days before it."""
        end = self.first - DAY
        if self.name == "last_month":
            return Period("before", end.replace(day=1), end)
        if self.name == "month":
            return Period("before", end.replace(day=1), min(end, end.replace(day=1) + (self.last - self.first)))
        return Period("before", self.first - self.days * DAY, end)

    def parts(self) -> dict[str, date]:
        """Bounds of the months wholly inside, and of the days before and after them; an empty span ends first."""
        start = self.first if self.first.day == 1 else _month_end(self.first) + DAY
        end = self.last if self.last == _month_end(self.last) else self.last.replace(day=1) - DAY
        if end < start:
            return {"m1": LAST, "m2": FIRST, "d1": self.first, "d2": self.last, "d3": LAST, "d4": FIRST}
        edges = {"d1": self.first, "d2": start - DAY, "d3": end + DAY, "d4": self.last}
        return {"m1": start, "m2": end.replace(day=1), **edges}


PARTS = """((grain = 'month' AND start BETWEEN :m1 AND :m2)
        OR (grain = 'day' AND start BETWEEN :d1 AND :d2) OR (grain = 'day' AND start BETWEEN :d3 AND :d4))"""
"""The rows of a period among the sums; `Period.parts` binds it."""


def period_of(asked: Mapping[str, Any], today: date) -> Period:
    """The period that a query names (`period`, or `from` and `to`); the default one for anything else."""
    first, last = _date(asked.get("from")), _date(asked.get("to"))
    if first and last and asked.get("period", "custom") in ("custom", ""):
        first, last = min(first, last), max(first, last)
        return Period("custom", max(first, FIRST), min(last, LAST - DAY))
    name = str(asked.get("period") or DEFAULT)
    return named(name if name in NAMES else DEFAULT, today)


def named(name: str, today: date) -> Period:
    """One of NAMES, seen from `today`."""
    if name in LENGTHS:
        return Period(name, today - (LENGTHS[name] - 1) * DAY, today)
    if name == "month":
        return Period(name, today.replace(day=1), today)
    if name == "last_month":
        end = today.replace(day=1) - DAY
        return Period(name, end.replace(day=1), end)
    first = date(today.year - 1, today.month + 1, 1) if today.month < 12 else date(today.year, 1, 1)
    return Period("year", first, today)


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _month_end(day: date) -> date:
    return (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY
