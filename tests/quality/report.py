"""The table of figures, and the worst cases behind each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.quality.figures import Score


class Target(NamedTuple):
    """What a figure is to reach: at least `bound`, or at most where `low` is good."""

    bound: float
    low: bool = False


TARGETS: dict[str, Target | None] = {
    "headers": Target(0.99),
    "attachments": Target(0.99),
    "body similarity": Target(0.985),
    "body phrases": Target(0.99),
    "new text exact": Target(0.80),
    "new text token F1": Target(0.92),
    "new text phrases": Target(0.80),
    "customer words kept": Target(0.98),
    "French token F1": Target(0.95),
    "bounces found": Target(0.99),
    "bounce recipient": Target(0.97),
    "bounce status": Target(0.90),
    "bounce status (private codes)": None,
    "automatic answers": Target(0.95),
    "away until": None,
    "other machine mail": Target(0.95),
    "false alarms": Target(0.0, low=True),
    "threads F1": Target(0.98),
    "strangers kept apart": Target(1.0),
}
"""Every figure, in the order of the table."""


class Figure(NamedTuple):
    """The mean of a figure over its cases."""

    name: str
    value: float
    count: int
    target: Target | None

    @property
    def reached(self) -> bool:
        """Whether it is as good as it is to be."""
        if self.target is None:
            return True
        return self.value <= self.target.bound if self.target.low else self.value >= self.target.bound


def figures(scores: Sequence[Score]) -> list[Figure]:
    """One figure for each name that has scores."""
    by_name: dict[str, list[float]] = {}
    for score in scores:
        by_name.setdefault(score.figure, []).append(score.value)
    return [
        Figure(name, fmean(by_name[name]), len(by_name[name]), TARGETS[name]) for name in TARGETS if name in by_name
    ]


def worst(scores: Iterable[Score], count: int) -> dict[str, list[Score]]:
    """For each figure the cases that it suffers from most, at most `count`."""
    found: dict[str, list[Score]] = {name: [] for name in TARGETS}
    for score in scores:
        target = TARGETS[score.figure]
        if score.value > 0 if target and target.low else score.value < 1:
            found[score.figure].append(score)
    return {name: sorted(bad, key=lambda score: score.value)[:count] for name, bad in found.items() if bad}


def show(console: Console, title: str, found: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left")
    for heading, justify in (
        ("figure", "left"),
        ("value", "right"),
        ("target", "right"),
        ("cases", "right"),
        ("", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for figure in found:
        target = figure.target
        bound = "" if target is None else f"{'≤' if target.low else '≥'} {target.bound:.1%}"
        table.add_row(figure.name, f"{figure.value:.2%}", bound, str(figure.count), "" if figure.reached else "below")
    console.print(table)


def show_worst(console: Console, found: dict[str, list[Score]]) -> None:
    """Print the cases to look at."""
    for name, bad in found.items():
        console.print(f"\n[bold]{name}[/]")
        for score in bad:
            console.print(f"  {score.value:.2f}  {escape(score.case)}  {escape(score.note[:400])}", highlight=False)
