"""`make read-quality`: read every mail of the corpora, print a table for each.

    python -m tests.quality [CORPUS …] [--generated N] [--worst N] [--json]

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
from tests.quality.generated import replies

GENERATED = "generated replies"
OWN = Path(__file__).parent.parent / "corpus"


def measure(folder: Path) -> list[figures.Score]:
    """Every score that the corpus in `folder` allows."""
    cases = load(folder)
    return [score for case in cases for score in figures.scores(case)] + list(conversations.scores(cases))


def measure_generated(count: int, seed: int = 1) -> list[figures.Score]:
    """The scores of `count` replies that are made up."""
    return [score for reply in replies(count, seed) for score in figures.scores_of_reply(reply)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether every target is reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="*", type=Path, default=[OWN], help="folders of mails with expected values")
    parser.add_argument("--generated", type=int, default=0, metavar="N", help="and N replies made up at random")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="show the N worst cases of each figure")
    parser.add_argument("--json", action="store_true", help="print one JSON line a figure instead of the table")
    options = parser.parse_args(arguments)
    console = Console(emoji=False, soft_wrap=True)
    below = False
    for name in (*map(str, options.corpus), *([GENERATED] if options.generated else [])):
        began = time.process_time()
        scores = measure_generated(options.generated) if name == GENERATED else measure(Path(name))
        if not scores:
            parser.error(f"{name} holds no mail with expected values")
        found = report.figures(scores)
        below = below or not all(figure.reached for figure in found)
        if options.json:
            _print_json(name, found)
            continue
        report.show(console, f"{name}, {time.process_time() - began:.1f} s CPU", found)
        report.show_worst(console, report.worst(scores, options.worst))
    return int(below)


def _print_json(name: str, found: Sequence[report.Figure]) -> None:
    for figure in found:
        row = {"corpus": name, "name": figure.name, "value": round(figure.value, 4), "cases": figure.count}
        print(json.dumps(row))


if __name__ == "__main__":
    sys.exit(main())
