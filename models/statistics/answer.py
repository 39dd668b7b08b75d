"""The whole answer to one question: the figures of a period, what they are compared with, times, key figures.

Enters: a connection, a question, the cost model. Leaves: an `Answer`, which page, report and API word each in their own
way. May fail: with what the database raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from config.statistics import Cost
from models.statistics.choice import Choice
from models.statistics.kpi import Kpi, kpis, share
from models.statistics.period import Period
from models.statistics.read import Figures, counted, figures, names_of, sums, values_of
from models.statistics.times import CLOCKS, TIMES, Times, mean, means, times


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent's figures: of the tickets that are assigned to them, and those that they treated."""

    agent: int
    name: str
    assigned: int
    treated: int
    open: int
    first_seconds: float | None
    first_worked: float | None
    resolution_seconds: float | None
    resolution_worked: float | None
    resolution_rate: float | None
    reopen_rate: float | None
    csat: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything about a period."""

    version: int
    """Grows with every change of the figures."""
    counted_at: datetime | None
    choice: Choice
    now: Figures
    before: Figures
    times: Times
    times_before: Times
    kpis: list[Kpi]
    agents: list[AgentLine]
    names: Mapping[int, str]
    values: Mapping[str, list[Any]]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "period": {"from": self.now.period.first, "to": self.now.period.last},
            "before": {"from": self.before.period.first, "to": self.before.period.last},
            "filters": dict(self.choice.values),
            "counted_at": self.counted_at,
            "version": self.version,
            "kpis": {
                one.name: {"value": one.value, "before": one.before, "trend": one.trend, "unit": one.unit}
                for one in self.kpis
            },
            "times": {
                what: {clock: asdict(self.times[what, clock]) for clock in CLOCKS}
                | {"mean_before": {clock: self.times_before[what, clock].mean for clock in CLOCKS}}
                for what in TIMES
            },
            "totals": self.now.totals,
            "by": {
                name: {str(value): sums["created"] for value, sums in parts.items() if sums["created"]}
                for name, parts in self.now.by.items()
            }
            | {aspect: dict(parts) for aspect, parts in self.now.shares.items()},
            "open": {str(agent): tickets for agent, tickets in self.now.open.items()},
            "series": [asdict(point) for point in self.now.points],
            "complaining": [asdict(one) for one in self.now.complaining],
            "agents": [asdict(line) for line in self.agents],
        }


async def answer(connection: AsyncConnection, period: Period, choice: Choice, cost: Cost) -> Answer:
    """Ask everything, in one snapshot where the transaction is one."""
    version, counted_at = await counted(connection)
    now = await figures(connection, period, choice)
    before = await sums(connection, period.before, choice)
    names = await names_of(connection)
    return Answer(
        version=version,
        counted_at=counted_at,
        choice=choice,
        now=now,
        before=before,
        times=await times(connection, period, choice, now.totals),
        times_before=means(before.totals),
        kpis=kpis(now, before, cost),
        agents=agent_lines(now, names),
        names=names,
        values=await values_of(connection),
    )


def agent_lines(now: Figures, names: Mapping[int, str]) -> list[AgentLine]:
    """Every agent who has to do with the period, those who treated most first."""
    treated = {int(value): tickets for value, tickets in now.shares.get("treated", {}).items()}
    by_agent = now.by.get("agent", {})
    lines = []
    for agent in (by_agent.keys() | treated.keys() | now.open.keys()) - {0}:
        theirs = by_agent.get(agent) or dict.fromkeys(now.totals, 0)
        lines.append(
            AgentLine(
                agent=agent,
                name=names.get(agent, f"#{agent}"),
                assigned=theirs["created"],
                treated=treated.get(agent, 0),
                open=now.open.get(agent, 0),
                first_seconds=mean(theirs, "first", "seconds"),
                first_worked=mean(theirs, "first", "worked"),
                resolution_seconds=mean(theirs, "resolution", "seconds"),
                resolution_worked=mean(theirs, "resolution", "worked"),
                resolution_rate=share(theirs["settled"], theirs["created"]),
                reopen_rate=share(theirs["reopened"], theirs["resolved_once"]),
                csat=share(theirs["csat_sum"], theirs["csat_count"]),
            )
        )
    return sorted(lines, key=lambda line: (-line.treated, -line.assigned, line.name))
