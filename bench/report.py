"""The figures: as JSON, as a table with the targets beside them, and as the page `docs/performance.md`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

DOCS = Path(__file__).parent.parent / "docs" / "performance.md"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach, and what we aim at."""

    must: float
    aim: float
    least: bool = True
    """True: at least so much; False: at most."""

    def met(self, value: float) -> bool:
        """Whether the value reaches what it must."""
        return value >= self.must if self.least else value <= self.must

    def __str__(self) -> str:
        sign = "≥" if self.least else "≤"
        return (
            f"{sign} {shown(self.must)} ({shown(self.aim)})" if self.aim != self.must else f"{sign} {shown(self.must)}"
        )


NOTHING = Target(0, 0, least=False)
ALL = Target(100, 100)
TARGETS = {
    "smtp_to_ticket_best": Target(1_200, 2_500),
    "smtp_to_ticket_cpu": Target(1.0, 0.5, least=False),
    "accept_alone": Target(2_000, 8_000),
    "one_mail_a_connection": Target(700, 1_300),
    "latency_300_p99": Target(150, 20, least=False),
    "latency_500_p99": Target(150, 25, least=False),
    "idle_latency_median": Target(30, 30, least=False),
    "accept_slow_disk": Target(1_000, 1_000),
    "slow_disk_commit": Target(5, 5),
    "webhook_to_ticket": Target(1_500, 3_500),
    "webhook_500_p50": Target(50, 10, least=False),
    "webhook_500_p99": Target(250, 50, least=False),
    "memory_pss": Target(200, 140, least=False),
    "cost_ratio": Target(1.2, 1.05, least=False),
    "redelivery_doubled": NOTHING,
    "wrong_in_all": NOTHING,
    "replies_right_1_worker": ALL,
    "replies_right_2_workers": ALL,
    "replies_right_4_workers": ALL,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    name: str
    value: float
    unit: str
    meaning: str = ""


def shown(value: float) -> str:
    """A number as people read it."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def write_json(figures: Sequence[Figure], path: Path) -> None:
    """A list of {name, value, unit}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"name": figure.name, "value": round(figure.value, 4), "unit": figure.unit} for figure in figures]
    path.write_text(json.dumps(rows, indent=1) + "\n")


def show(figures: Sequence[Figure], console: Console) -> None:
    """The table, targets beside the values."""
    table = Table("figure", "value", "unit", "must (aim)", "", title="Performance", title_justify="left")
    table.columns[1].justify = "right"
    for figure in figures:
        target = TARGETS.get(figure.name)
        mark = "" if target is None else "[green]✓[/]" if target.met(figure.value) else "[bold red]✗[/]"
        table.add_row(figure.meaning, shown(figure.value), figure.unit, str(target or ""), mark)
    console.print(table)


def write_docs(figures: Sequence[Figure], facts: Sequence[tuple[str, str]], method: str, now: datetime) -> None:
    """The page, from these figures."""
    lines = [
        "# Performance",
        "",
        f"Measured on {now:%Y-%m-%d} by `make bench`; all figures are of one run.",
        "",
    ]
    lines += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts), ""]
    lines += ["| figure | value | unit | must | aim |", "|---|---:|---|---:|---:|"]
    for figure in figures:
        target = TARGETS.get(figure.name)
        sign = "" if target is None else "≥ " if target.least else "≤ "
        must, aim = (sign + shown(target.must), sign + shown(target.aim)) if target else ("", "")
        value = f"**{shown(figure.value)}**" if target and target.met(figure.value) else shown(figure.value)
        lines.append(f"| {figure.meaning} | {value} | {figure.unit} | {must} | {aim} |")
    lines += ["", "Bold: the target is met.", "", method.strip(), ""]
    DOCS.write_text("\n".join(lines))


def facts_of(postgres: str) -> list[tuple[str, str]]:
    """The machine and the versions."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return [
        ("processor", f"{model}, {os.cpu_count()} cores, {os.getloadavg()[0]:.1f} other load at the start"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("PostgreSQL", postgres),
    ]
