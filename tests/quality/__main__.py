"""`make read-quality`: read every mail of the corpora, print a table for each.

    python -m tests.quality [CORPUS …] [--worst N] [--json]

Without CORPUS our own is read. Exit status 1 where a figure is below its target.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.quality import conversations, figures, report
from tests.quality.corpus import load

OWN = Path(__file__).parent.parent / "corpus"


def measure(folder: Path) -> list[figures.Score]:
    """Every score that the corpus in `folder` allows."""
    cases = load(folder)
    return [score for case in cases for score in figures.scores(case)] + list(conversations.scores(cases))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether every target is reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="*", type=Path, default=[OWN], help="folders of mails with expected values")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="show the N worst cases of each figure")
    parser.add_argument("--json", action="store_true", help="print one JSON line a figure instead of the table")
    options = parser.parse_args(arguments)
    console = Console(emoji=False, soft_wrap=True)
    below = False
    for folder in options.corpus:
        began = time.process_time()
        scores = measure(folder)
        if not scores:
            parser.error(f"{folder} holds no mail with expected values")
        found = report.figures(scores)
        below = below or not all(figure.reached for figure in found)
        if options.json:
            _print_json(folder, found)
            continue
        report.show(console, f"{folder}, {time.process_time() - began:.1f} s CPU", found)
        report.show_worst(console, report.worst(scores, options.worst))
    return int(below)


def _print_json(folder: Path, found: Sequence[report.Figure]) -> None:
    for figure in found:
        row = {"corpus": str(folder), "name": figure.name, "value": round(figure.value, 4), "cases": figure.count}
        print(json.dumps(row))


if __name__ == "__main__":
    sys.exit(main())
