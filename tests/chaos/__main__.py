"""`python -m tests.chaos`: the whole campaign, with progress, then trials and the bound that they give."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.chaos.campaign import OUTAGES, POINTS, Report, run


def main() -> int:
    """Run, print, and end with 0 only where every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=20, help="times that each point is struck")
    parser.add_argument("--points", default=",".join(POINTS), help="crash points, with commas")
    parser.add_argument("--outages", default=",".join(OUTAGES), help="outages, with commas; 'none' for none")
    parser.add_argument("--minutes", type=float, default=90, help="no new trial begins after so many minutes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    points = [point for point in options.points.split(",") if point in POINTS]
    outages = [outage for outage in options.outages.split(",") if outage in OUTAGES]
    console = Console()
    with console.status("starting") as status:

        def say(words: str) -> None:
            status.update(words)
            if not console.is_terminal:
                console.print(words, markup=False, highlight=False)

        report = asyncio.run(
            run(points, outages, trials=options.trials, seed=options.seed, say=say, minutes=options.minutes)
        )
    show(console, report)
    return 0 if report.verdict.clean else 1


def show(console: Console, report: Report) -> None:
    """Trials by point, then the verdict."""
    table = Table("where", "what", "trials", "at 95 % fails in fewer than")
    for name, count in report.trials.items():
        table.add_row(name, POINTS.get(name, ""), str(count), f"{3 / count:.1%}" if count else "not reached")
    total = sum(report.trials.values())
    table.add_section()
    table.add_row("all", "", str(total), f"{3 / total:.2%}" if total else "")
    console.print(table)
    console.print("Bounds by the rule of three: no failure in n trials leaves at most 3/n, at 95 %.")
    for name, value in asdict(report.verdict).items():
        console.print(f"{name:>20}  {value}")
    console.print(f"{'seconds':>20}  {report.seconds:.0f}")
    console.print("CLEAN" if report.verdict.clean else "BROKEN", style="bold")


if __name__ == "__main__":
    sys.exit(main())
