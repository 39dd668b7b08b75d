"""Choices: which tickets a figure is about, as SQL with bound values. Pure; what is not understood is left out.

`Choice` filters the sums and the facts alike. A `figure` names the tickets behind a number of the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.statistics.period import Period
from models.statistics.tables import DIMENSIONS

CREATED, RESOLVED, RATED = (f"fact.{name}_day BETWEEN :first AND :last" for name in ("created", "resolved", "csat"))
FIGURES = {
    "created": CREATED,
    "settled": f"{CREATED} AND fact.resolved_at IS NOT NULL",
    "unresolved": f"{CREATED} AND fact.resolved_at IS NULL",
    "answered": f"{CREATED} AND fact.first_seconds IS NOT NULL",
    "reopened": f"{CREATED} AND fact.reopened > 0",
    "first_contact": f"{CREATED} AND fact.resolved_at IS NOT NULL AND fact.reopened = 0 AND fact.answers <= 1",
    "resolved": RESOLVED,
    "transferred": f"{RESOLVED} AND fact.transfers > 0",
    "kept": f"{RESOLVED} AND fact.kept",
    "missed": f"{RESOLVED} AND NOT fact.kept",
    "by_article": f"{RESOLVED} AND fact.by_article",
    "rated": RATED,
    "complaints": f"{CREATED} AND fact.complaint",
    "open": "fact.resolved_at IS NULL",
}
"""Figure → its tickets."""
NARROWER = {
    "category": "text", "priority": "text", "status": "text", "stage": "text", "language": "text",
    "treated": "bigint", "csat": "smallint", "contact_id": "bigint",
}  # fmt: skip
"""What a list of tickets may be narrowed by beyond the filters."""
NONE = "-"
"""Stands for the empty value in an address: no team, no product."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Filters by dimension; what is not named is not filtered by."""

    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Choice:
        """What a query asks for; `-` is the empty value."""
        values: dict[str, Any] = {}
        for name in DIMENSIONS:
            given = asked.get(name, "")
            if name == "agent" and given:
                if given == NONE or (given.isdecimal() and len(given) < 18):
                    values[name] = 0 if given == NONE else int(given)
            elif given:
                values[name] = "" if given == NONE else given[:200]
        return cls(values)

    def condition(self, row: str) -> tuple[str, dict[str, Any]]:
        """SQL on a row that has the dimensions, and what it binds."""
        tests = [f"{row}.{name} = :choice_{name}" for name in self.values]
        return " AND ".join(tests) or "true", {f"choice_{name}": value for name, value in self.values.items()}


@dataclass(frozen=True, slots=True)
class Tickets:
    """The tickets behind one number."""

    figure: str
    period: Period
    choice: Choice
    narrower: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: Mapping[str, str], period: Period) -> Tickets:
        """What a query asks for."""
        narrower: dict[str, Any] = {}
        for name, kind in NARROWER.items():
            given = asked.get(name, "")
            if kind != "text" and given:
                if given == NONE or (given.isdecimal() and len(given) < 5 if kind == "smallint" else given.isdecimal()):
                    narrower[name] = 0 if given == NONE else int(given[:18])
            elif given:
                narrower[name] = "" if given == NONE else given[:200]
        figure = asked.get("figure", "created")
        return cls(figure if figure in FIGURES else "created", period, Choice.of(asked), narrower)

    def condition(self) -> tuple[str, dict[str, Any]]:
        """SQL on `figure_fact AS fact`, and what it binds."""
        chosen, values = self.choice.condition("fact")
        tests = [FIGURES[self.figure], chosen, *(f"fact.{name} = :narrow_{name}" for name in self.narrower)]
        values |= {f"narrow_{name}": value for name, value in self.narrower.items()}
        if self.figure != "open":
            values |= {"first": self.period.first, "last": self.period.last}
        return " AND ".join(tests), values
