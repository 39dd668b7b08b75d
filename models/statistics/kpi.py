"""Key figures: what docs/figures.md defines, from the sums of a period and of the one before it. Pure.

Enters: figures, sums, times, what tickets cost. Leaves: `Kpi`s in the order in which they are shown. A figure without
anything to divide by is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from config.statistics import Cost
from models.statistics.read import Figures, Totals

Unit = Literal["count", "percent", "seconds", "money", "score", "ratio"]
DAYS_A_MONTH = 365.2425 / 12


@dataclass(frozen=True, slots=True)
class Kpi:
    """One key figure."""

    name: str
    unit: Unit
    value: float | None
    before: float | None = None
    """The same of the period before."""
    better: Literal["up", "down", ""] = ""
    """Where a change is good news."""
    figure: str = ""
    """Its tickets: a key of `choice.FIGURES`."""

    @property
    def trend(self) -> float | None:
        """Change against the period before: a share of it; of percentages and scores, the difference."""
        if self.value is None or self.before is None:
            return None
        if self.unit in ("percent", "score"):
            return self.value - self.before
        return (self.value - self.before) / self.before if self.before else None

    @property
    def mood(self) -> str:
        """good, bad, or '' for neither."""
        if not self.trend or not self.better or abs(self.trend) < (0.005 if self.unit != "score" else 0.05):
            return ""
        return "good" if (self.trend > 0) == (self.better == "up") else "bad"


def kpis(now: Figures, before: Figures, cost: Cost) -> list[Kpi]:
    """All key figures but times, which have a table of their own."""
    one, other = _values(now, cost), _values(before, cost)
    return [Kpi(name, unit, one[name], other[name], better, figure) for name, unit, better, figure in SHOWN] + [
        Kpi("open", "count", float(sum(now.open.values())), figure="open"),
        Kpi("open_per_agent", "ratio", open_per_agent(now.open), figure="open"),
    ]


# What is unresolved today is fewer of older tickets, which had more time: no news, good or bad.
SHOWN: tuple[tuple[str, Unit, Literal["up", "down", ""], str], ...] = (
    ("created", "count", "", "created"),
    ("monthly", "count", "", "created"),
    ("resolved", "count", "up", "resolved"),
    ("unresolved", "count", "", "unresolved"),
    ("resolution_rate", "percent", "", "settled"),
    ("first_contact", "percent", "up", "first_contact"),
    ("reopen_rate", "percent", "down", "reopened"),
    ("transfers", "ratio", "down", "transferred"),
    ("kept", "percent", "up", "missed"),
    ("csat", "score", "up", "rated"),
    ("by_article", "count", "up", "by_article"),
    ("cost", "money", "down", "resolved"),
)


def _values(figures: Figures, cost: Cost) -> dict[str, float | None]:
    sums = figures.totals
    return {
        "created": float(sums["created"]),
        "monthly": sums["created"] / figures.period.days * DAYS_A_MONTH,
        "resolved": float(sums["resolved"]),
        "unresolved": float(sums["created"] - sums["settled"]),
        "resolution_rate": share(sums["settled"], sums["created"]),
        "first_contact": share(sums["first_contact"], sums["settled"]),
        "reopen_rate": share(sums["reopened"], sums["resolved_once"]),
        "transfers": share(sums["transfers"], sums["resolved"]),
        "kept": share(sums["kept"], sums["kept"] + sums["missed"]),
        "csat": share(sums["csat_sum"], sums["csat_count"]),
        "by_article": float(sums["by_article"]),
        "cost": cost_per_ticket(figures.by.get("channel", {}), cost),
    }


def cost_per_ticket(by_channel: Mapping[Any, Totals], cost: Cost) -> float | None:
    """What a resolved ticket cost: an agent's minutes for it and for its answers, and what its channel's provider took.

    None where nothing was resolved, or where the settings name no cost.
    """
    if not cost.hour and not cost.per_ticket:
        return None
    resolved = sum(sums["resolved"] for sums in by_channel.values())
    minutes = sum(
        sums["resolved"] * cost.minutes_per_ticket + sums["answers"] * cost.minutes_per_answer
        for sums in by_channel.values()
    )
    taken = sum(sums["resolved"] * cost.per_ticket.get(channel, 0.0) for channel, sums in by_channel.items())
    return share(minutes / 60 * cost.hour + taken, resolved)


def share(part: float, whole: float) -> float | None:
    """Part of whole; None of nothing."""
    return part / whole if whole else None


def open_per_agent(waiting: Mapping[int, int]) -> float | None:
    """Unresolved tickets of those agents who have any."""
    theirs = [tickets for agent, tickets in waiting.items() if agent]
    return share(sum(theirs), len(theirs))
