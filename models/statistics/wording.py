"""The answer in words: labels, rows of charts, numbers as people write them; for pages and reports alike. Pure.

Enters: an `Answer`, a language, the texts of `config/templates/statistics`. Leaves: rows that only have to be drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from config import numerals
from config.pages import TEMPLATES, texts
from config.pipelines import load
from config.settings import Settings
from models.statistics.answer import Answer
from models.statistics.choice import NONE
from models.statistics.kpi import Kpi

FOLDER = TEMPLATES / "statistics"
SLICES = 8
"""Colours of a pie; what is left over is one slice together."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart."""

    label: str
    value: str
    """As an address names it."""
    count: int
    part: float
    """Of all rows together."""
    width: float
    """Percent of the longest row."""
    other: int = 0
    other_width: float = 0.0


@cache
def words(language: str) -> Mapping[str, Any]:
    """The texts in one language."""
    found: Mapping[str, Any] = texts(FOLDER)[language]
    return found


class Labels:
    """How values are called in one language: by our texts, or by the names in pipelines.toml."""

    def __init__(self, settings: Settings, language: str) -> None:
        self.text, self._language = words(language), language
        self._pipelines = load(settings.life.pipelines).pipelines

    def of(self, aspect: str, value: Any) -> str:
        """The name of a value of a dimension or aspect; itself where it has none."""
        if value in ("", None):
            return str(self.text["none"])
        if aspect == "pipeline":
            pipeline = self._pipelines.get(value)
            return pipeline.name.get(self._language, value) if pipeline else str(value)
        if aspect == "stage":
            stages = (stage for pipeline in self._pipelines.values() for stage in pipeline.stages)
            return next((stage.name.get(self._language, value) for stage in stages if stage.id == value), str(value))
        known = self.text.get(aspect)
        return str(known.get(value, value)) if isinstance(known, Mapping) else str(value)


class Wording:
    """Words for one answer in one language."""

    def __init__(self, answer: Answer, language: str, settings: Settings) -> None:
        self.answer, self.language = answer, language
        self.currency = settings.statistics.cost.currency
        self.text, self._labels = words(language), Labels(settings, language)

    def label(self, aspect: str, value: Any) -> str:
        """How a value of a dimension or aspect is called."""
        if aspect in ("agent", "treated"):
            return self.answer.names.get(int(value), f"#{value}") if int(value) else str(self.text["nobody"])
        return self._labels.of(aspect, value)

    def bars(self, aspect: str, *, most: int = 100) -> list[Bar]:
        """The rows of a chart, the longest first: tickets created in the period by `aspect`."""
        shares = self.answer.now.shares.get(aspect)
        counts: dict[Any, int] = (
            dict(shares)
            if shares is not None
            else {value: sums["created"] for value, sums in self.answer.now.by.get(aspect, {}).items()}
        )
        rows = sorted(
            ((count, value) for value, count in counts.items() if count), key=lambda row: (-row[0], str(row[1]))
        )
        total, longest = sum(counts.values()), rows[0][0] if rows else 1
        return [
            Bar(self.label(aspect, value), address(value), count, count / total, 100 * count / longest)
            for count, value in rows[:most]
        ]

    def agent_bars(self) -> list[Bar]:
        """Each agent's assigned tickets beside those that they treated."""
        lines = [line for line in self.answer.agents if line.assigned or line.treated]
        longest = max((max(line.assigned, line.treated) for line in lines), default=1)
        total = sum(line.assigned for line in lines) or 1
        return [
            Bar(line.name, str(line.agent), line.assigned, line.assigned / total, 100 * line.assigned / longest,
                line.treated, 100 * line.treated / longest)
            for line in lines
        ]  # fmt: skip

    def value(self, kpi: Kpi, amount: float | None) -> str:
        """A key figure as it is written."""
        if kpi.unit == "percent":
            return numerals.percent(amount, self.language, 1)
        if kpi.unit == "seconds":
            return numerals.duration(amount, self.language)
        if kpi.unit == "money":
            return numerals.money(amount, self.language, self.currency)
        return self.number(amount, {"count": 0, "score": 2, "ratio": 2}[kpi.unit])

    def trend(self, kpi: Kpi) -> str:
        """Its change, with a sign; '' where there is nothing to compare."""
        if kpi.trend is None:
            return ""
        if kpi.unit == "percent":
            return f"{self._signed(kpi.trend * 100, 1)} pt"
        if kpi.unit == "score":
            return self._signed(kpi.trend, 2)
        return self.change(kpi.trend)

    def change(self, share: float) -> str:
        """A change as a share."""
        sign = "+" if share > 0 else "\N{MINUS SIGN}" if share < 0 else "±"
        return sign + numerals.percent(abs(share), self.language)

    def day(self, at: date) -> str:
        """A day."""
        return numerals.day(at, self.language)

    def number(self, amount: float | None, digits: int = 0) -> str:
        """A number."""
        return numerals.number(amount, self.language, digits)

    def _signed(self, amount: float, digits: int) -> str:
        sign = "+" if amount > 0 else "\N{MINUS SIGN}" if amount < 0 else "±"
        return sign + self.number(abs(amount), digits)


def address(value: Any) -> str:
    """A value as addresses name it."""
    return NONE if value in ("", 0, "0") else str(value)
