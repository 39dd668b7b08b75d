"""What the statistics pages show: addresses, the selects of the filters, the chart's points. Pure.

Enters: words for an answer, the query. Leaves: what the templates draw.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from config import numerals
from models.statistics.choice import NARROWER, Tickets
from models.statistics.period import NAMES, Period
from models.statistics.rows import PAGE
from models.statistics.tables import DIMENSIONS
from models.statistics.times import CLOCKS, EXACT, TIMES, Spread
from models.statistics.wording import SLICES, Bar, Labels, Wording, address

KEPT = ("period", "from", "to", "clock", "lang", *DIMENSIONS)
"""What of a query goes along to other pages."""


class Option(NamedTuple):
    """One entry of a select."""

    value: str
    label: str
    chosen: bool


class Slice(NamedTuple):
    """One slice of a pie: an SVG path in a circle of radius 50 around (50, 50)."""

    bar: Bar
    path: str
    colour: int


class Shown:
    """Everything that the page of the figures shows."""

    def __init__(self, wording: Wording, query: Mapping[str, str], period: Period) -> None:
        self.wording, self.query, self.period = wording, query, period
        self.answer, self.text, self.language = wording.answer, wording.text, wording.language
        self.clock = query.get("clock", "seconds") if query.get("clock") in CLOCKS else "seconds"
        self.kpis = {kpi.name: kpi for kpi in self.answer.kpis}
        self.empty = not any(self.answer.now.totals.values())
        self.sampled = max(self.answer.now.totals["created"], self.answer.now.totals["resolved"]) > EXACT

    def list_of(self, figure: str, **narrower: str) -> str:
        """The address of the tickets behind a number."""
        return "/statistics/tickets?" + self._query(figure=figure, **narrower)

    def export(self, name: str) -> str:
        """The address of an export."""
        return f"/statistics/{name}?" + self._query()

    def filters(self) -> list[tuple[str, list[Option]]]:
        """Each dimension's select: all, then its values."""
        found = []
        for name in DIMENSIONS:
            chosen = self.query.get(name, "")
            options = [
                Option(address(value), self.wording.label(name, value), address(value) == chosen)
                for value in self.answer.values[name]
            ]
            options.sort(key=lambda option: option.label.casefold())
            found.append((name, [Option("", str(self.text["all"]), not chosen), *options]))
        return found

    def periods(self) -> list[Option]:
        """The select of the period."""
        return [Option(name, str(self.text["period"][name]), name == self.period.name) for name in (*NAMES, "custom")]

    def clocks(self) -> list[Option]:
        """The select of the clock."""
        return [Option(name, str(self.text["clock"][name]), name == self.clock) for name in CLOCKS]

    def versus(self) -> str:
        """What is compared with."""
        before = self.answer.before.period
        return str(self.text["versus"]).format(
            **{"from": numerals.day(before.first, self.language), "to": numerals.day(before.last, self.language)}
        )

    def days(self) -> str:
        """The period in words."""
        first, last = (numerals.day(day, self.language) for day in (self.period.first, self.period.last))
        return first if first == last else f"{first} – {last}"

    def pie(self) -> list[Slice]:
        """Tickets by type, as slices."""
        bars = self.wording.bars("category")
        shown = bars if len(bars) <= SLICES else [*bars[: SLICES - 1], _rest(bars[SLICES - 1 :], "…")]
        angle, slices = 0.0, []
        for place, bar in enumerate(shown):
            slices.append(Slice(bar, _slice(angle, angle + bar.part), place + 1))
            angle += bar.part
        return slices

    def plot(self) -> str:
        """The chart's points as JSON: days since 1970 in UTC seconds, created, resolved."""
        points = self.answer.now.points
        starts = [point.start.toordinal() * 86_400 - EPOCH for point in points]
        labels = [self.point(point.start) for point in points]
        return json.dumps([starts, [p.created for p in points], [p.resolved for p in points], labels])

    def point(self, start: Any) -> str:
        """What a point of the chart is called."""
        if self.answer.now.period.grain == "month":
            return numerals.month(start, self.language)
        return numerals.day(start, self.language, year=False)

    def times(self) -> list[tuple[str, Spread, Spread]]:
        """Each time by the chosen clock, now and before."""
        return [
            (what, self.answer.times[what, self.clock], self.answer.times_before[what, self.clock]) for what in TIMES
        ]

    def duration(self, seconds: float | None) -> str:
        """A length of time."""
        return numerals.duration(seconds, self.language)

    def percent(self, share: float | None, digits: int = 0) -> str:
        """A share."""
        return numerals.percent(share, self.language, digits)

    def change(self, now: float | None, before: float | None) -> tuple[str, str]:
        """How a time changed, and whether that is good: shorter is."""
        if not now or not before:
            return "", ""
        share = (now - before) / before
        return self.wording.change(share), "" if abs(share) < 0.005 else "good" if share < 0 else "bad"

    def first_of(self, line: Any) -> str:
        """An agent's mean time to the first answer."""
        return self.duration(getattr(line, f"first_{self.clock}"))

    def resolution_of(self, line: Any) -> str:
        """An agent's mean time to resolve."""
        return self.duration(getattr(line, f"resolution_{self.clock}"))

    def _query(self, **more: str) -> str:
        return urlencode({name: self.query[name] for name in KEPT if self.query.get(name)} | more)


class Listed:
    """A page of tickets."""

    def __init__(
        self,
        found: Sequence[Any],
        number: int,
        asked: Tickets,
        names: Mapping[int, str],
        labels: Labels,
        language: str,
        query: Mapping[str, str],
    ) -> None:
        self.rows, self.language, self._query = found[:PAGE], language, query
        self.text, self.label = labels.text, labels.of
        self.more = len(found) > PAGE
        self.paged = bool(query.get("below"))
        parts = [str(self.text["figure"][asked.figure])]
        for name, value in ({**asked.choice.values, **asked.narrower}).items():
            parts.append(self._label(name, value, names))
        self.name = " · ".join(parts)
        self.title = str(self.text["page_title"]).format(name=self.name)
        self.count = str(self.text["count"]).format(count=numerals.number(number, language))
        first, last = (numerals.day(day, language) for day in (asked.period.first, asked.period.last))
        self.days = "" if asked.figure == "open" else f"{first} – {last}"

    def _label(self, name: str, value: Any, names: Mapping[int, str]) -> str:
        if name in ("agent", "treated"):
            return names.get(value, f"#{value}") if value else str(self.text["nobody"])
        if name == "csat":
            return f"{value}/5"
        return self.label(name, value) if name != "contact_id" else f"{self.text['chart']['customer']} {value}"

    def to(self, path: str, **more: object) -> str:
        """The address of a page with the same question."""
        names = (*KEPT, *NARROWER, "figure")
        return f"{path}?" + urlencode({name: self._query[name] for name in names if self._query.get(name)} | more)

    def back(self) -> str:
        """The address of the figures."""
        return "/statistics?" + urlencode({name: self._query[name] for name in KEPT if self._query.get(name)})


EPOCH = 719_163 * 86_400
"""Seconds from the day before year 1 to 1970, as `date.toordinal` counts."""


def _rest(bars: Sequence[Bar], label: str) -> Bar:
    return Bar(label, "", sum(bar.count for bar in bars), sum(bar.part for bar in bars), 0)


def _slice(begin: float, end: float) -> str:
    """A slice from one part of the circle to another, clockwise from the top."""
    if end - begin > 0.9999:
        return "M50 0A50 50 0 1 1 49.99 0Z"
    (x1, y1), (x2, y2) = (
        (50 + 50 * math.sin(2 * math.pi * turn), 50 - 50 * math.cos(2 * math.pi * turn)) for turn in (begin, end)
    )
    return f"M50 50L{x1:.3f} {y1:.3f}A50 50 0 {int(end - begin > 0.5)} 1 {x2:.3f} {y2:.3f}Z"
