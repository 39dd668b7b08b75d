"""Which sums a ticket is part of, and what changes in them when it changes. Pure; nothing fails.

Enters: rows of `figure_fact`, as they were and as they are. Leaves: what must be added to which cells and shares. A
fact is part of at most three days: that of its creation, that of its resolution, that of its rating. Months are the
sums of their days, so a period is whole months and the days at its edges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from models.statistics.tables import DIMENSIONS, MEASURES

Fact = Mapping[str, Any]
Group = tuple[Any, ...]
"""Values in the order of DIMENSIONS."""
CellKey = tuple[str, date, Group]
ShareKey = tuple[str, date, Group, str, str]


class Sums:
    """Cells and shares as amounts to add; adding a fact and taking it away again leaves nothing."""

    def __init__(self) -> None:
        self.cells: dict[CellKey, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.shares: dict[ShareKey, int] = defaultdict(int)

    def add(self, fact: Fact, times: int = 1) -> None:
        """Count a fact; with -1 no longer."""
        group = tuple(fact[name] for name in DIMENSIONS)
        for day, measures, shares in _parts(fact):
            for grain, start in (("day", day), ("month", day.replace(day=1))):
                cell = self.cells[grain, start, group]
                for name, amount in measures.items():
                    if amount:
                        cell[name] += times * int(amount)
                for aspect, value in shares:
                    self.shares[grain, start, group, aspect, value] += times

    def changed(self) -> tuple[dict[CellKey, dict[str, int]], dict[ShareKey, int]]:
        """What is not nothing."""
        cells = {key: {name: sums[name] for name in sums if sums[name]} for key, sums in self.cells.items()}
        return (
            {key: sums for key, sums in cells.items() if sums},
            {key: count for key, count in self.shares.items() if count},
        )


def sums_of(facts: Iterable[Fact]) -> Sums:
    """The sums that all these facts make."""
    sums = Sums()
    for fact in facts:
        sums.add(fact)
    return sums


def _parts(fact: Fact) -> Iterator[tuple[date, dict[str, Any], tuple[tuple[str, str], ...]]]:
    """The days that it is part of, with what it adds to each."""
    resolved = fact["resolved_at"] is not None
    yield (
        fact["created_day"],
        {
            "created": 1,
            "settled": resolved,
            "resolved_once": fact["resolved_once"],
            "reopened": fact["reopened"] > 0,
            "first_contact": resolved and fact["reopened"] == 0 and fact["answers"] <= 1,
            "answered": fact["first_seconds"] is not None,
            "first_seconds": fact["first_seconds"],
            "first_worked": fact["first_worked"],
            "responses": fact["responses"],
            "response_seconds": fact["response_seconds"],
            "response_worked": fact["response_worked"],
        },
        tuple((aspect, fact[aspect]) for aspect in ("category", "priority", "status", "stage")),
    )
    if resolved:
        yield (
            fact["resolved_day"],
            {
                "resolved": 1,
                "resolution_seconds": fact["resolution_seconds"],
                "resolution_worked": fact["resolution_worked"],
                "transfers": fact["transfers"],
                "kept": fact["kept"] is True,
                "missed": fact["kept"] is False,
                "by_article": fact["by_article"],
                "answers": fact["answers"],
            },
            (("treated", str(fact["treated"])),),
        )
    if fact["csat"] is not None:
        yield fact["csat_day"], {"csat_count": 1, "csat_sum": fact["csat"]}, (("csat", str(fact["csat"])),)


__all__ = ["MEASURES", "Fact", "Group", "Sums", "sums_of"]
