"""`python -m tests.chaos`: the whole campaign, with progress, then trials and the bound that they give."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from channels import load
from config.settings import Settings
from tests.chaos.campaign import OUTAGES, POINTS, Report, run
from tests.chaos.fuzz import Fuzzed, fuzz, fuzz_child
from workers.reader import Reader


def main() -> int:
    """Run, print, and end with 0 only where every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=20, help="times that each point is struck")
    parser.add_argument("--points", default=",".join(POINTS), help="crash points, with commas")
    parser.add_argument("--outages", default=",".join(OUTAGES), help="outages, with commas; 'none' for none")
    parser.add_argument("--minutes", type=float, default=90, help="no new trial begins after so many minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--fuzz", type=float, default=60, metavar="SECONDS", help="damage mails and read them for so long"
    )
    options = parser.parse_args()
    points = [point for point in options.points.split(",") if point in POINTS]
    outages = [outage for outage in options.outages.split(",") if outage in OUTAGES]
    console = Console()
    with console.status("starting") as status:

        def say(words: str) -> None:
            status.update(words)
            if not console.is_terminal:
                console.print(words, markup=False, highlight=False)

        fuzzed = fuzz_reader(options.seed, options.fuzz, say) if options.fuzz > 0 else Fuzzed()
        report = (
            asyncio.run(
                run(points, outages, trials=options.trials, seed=options.seed, say=say, minutes=options.minutes)
            )
            if points or outages
            else None
        )
    if fuzzed.read:
        show_flaws(console, fuzzed)
    if report:
        show(console, report)
    return 0 if not fuzzed.flaws and (report is None or report.verdict.clean) else 1


def fuzz_reader(seed: int, seconds: float, say: Callable[[str], None]) -> Fuzzed:
    """Damaged mails, read in this process, where each can be examined, and some in the real child with its limits."""
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(var=Path(name), smtp={"recipients": ["support@example.org"]})
        report = fuzz(load(settings)["email"], seed=seed, mails=sys.maxsize, seconds=seconds, say=say)

        async def in_child() -> None:
            reader = Reader(settings)
            try:
                report.flaws += await fuzz_child(reader, seed=seed + 1, mails=2_000)
            finally:
                await reader.close()

        asyncio.run(in_child())
    return report


def show_flaws(console: Console, report: Fuzzed) -> None:
    """What fuzzing the reader found; the mails that show it are kept in var/."""
    console.print(
        f"{report.read:,} damaged mails read in {report.seconds:.0f} s, the dearest in {report.slowest:.3f} s of CPU;"
        f" {len(report.flaws)} flaws"
    )
    for flaw in report.flaws:
        path = Path("var") / f"flaw-{hashlib.sha256(flaw.raw).hexdigest()[:12]}.eml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(flaw.raw)
        console.print(f"  {flaw.what}: {path}", markup=False, highlight=False)


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
