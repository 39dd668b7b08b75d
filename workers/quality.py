"""How well triage sorts messages that people labelled, as figures and as a table.

Enters: files of labelled messages (see `workers.examples`), none for the seed set, each part of it sorted by a model
that was learnt from the rest. Leaves: shares by language, a confusion matrix, priorities. Fails with `ExamplesError`.

Run as `python -m workers.quality [FILE…]`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table as Grid

from workers.category import Category
from workers.examples import Labelled, read
from workers.learn import learn
from workers.model import Model
from workers.rules import OTHER, PRIORITIES, Rules
from workers.triage import category_of, triage

FOLDS = 5
LONG_ENOUGH = 20
"""Characters from which on the language is to be told."""
MOST_DOUBT = 0.5
"""No category needs a higher probability than this to be believed."""


class Judged(msgspec.Struct, frozen=True):
    """A labelled message and what triage made of it."""

    labelled: Labelled
    category: str
    language: str = ""
    priority: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Shares, from 0 to 1; None where nothing was to be judged."""

    category: float | None
    language: float | None
    priority: float | None
    """Right, or one step beside."""
    urgent_found: float | None
    urgent_false: float | None


def judge(labelled: Sequence[Labelled], rules: Rules) -> list[Judged]:
    """Sort each message by `rules`."""
    verdicts = [triage(message.message(), rules) for message in labelled]
    return [
        Judged(message, verdict.category, verdict.language, verdict.priority)
        for message, verdict in zip(labelled, verdicts, strict=True)
    ]


def apart(labelled: Sequence[Labelled], rules: Rules) -> Iterator[tuple[Labelled, Category]]:
    """Sort each message by a model that was learnt without it: cross-validation in five parts."""
    folds = _folds(labelled)
    for part in range(FOLDS):
        others = [message.example() for message, fold in zip(labelled, folds, strict=True) if fold != part]
        theirs = msgspec.structs.replace(rules, model=Model(learn(others)), least=1e-9)
        for message, fold in zip(labelled, folds, strict=True):
            if fold == part:
                yield message, category_of(message.message(), theirs)


def _folds(labelled: Sequence[Labelled]) -> list[int]:
    """The part of each message: the same place in the lists of two languages is the same part, as twins may be."""
    places: Counter[tuple[str, str]] = Counter()
    folds = []
    for message in labelled:
        key = message.label, message.language
        folds.append(places[key] % FOLDS)
        places[key] += 1
    return folds


def thresholds(found: Sequence[tuple[Labelled, Category]], labels: Sequence[str]) -> list[float]:
    """For each label the probability below which "other" is right more often than it."""
    return [_threshold([pair for pair in found if pair[1].likeliest == label]) for label in labels]


def _threshold(found: Sequence[tuple[Labelled, Category]]) -> float:
    ranked = sorted(found, key=lambda pair: pair[1].chance)
    best, gain, threshold = 0, 0, 0.0
    for message, category in ranked:
        if category.chance > MOST_DOUBT:
            break
        gain += (message.label == OTHER) - (message.label == category.likeliest)
        if gain > best:
            best, threshold = gain, round(category.chance + 0.001, 3)
    return threshold


def figures(judged: Sequence[Judged]) -> Figures:
    """The shares of a set of messages."""
    ranks = [
        (PRIORITIES.index(one.labelled.priority), PRIORITIES.index(one.priority))
        for one in judged
        if one.labelled.priority
    ]
    top = len(PRIORITIES) - 1
    return Figures(
        category=share([one.category == one.labelled.label for one in judged]),
        language=share(
            [
                one.language == one.labelled.language
                for one in judged
                if one.language and one.labelled.language and len(one.labelled.text) > LONG_ENOUGH
            ]
        ),
        priority=share([abs(wanted - given) <= 1 for wanted, given in ranks]),
        urgent_found=share([given == top for wanted, given in ranks if wanted == top]),
        urgent_false=share([given == top for wanted, given in ranks if wanted != top]),
    )


def share(right: Sequence[bool]) -> float | None:
    """How many are true, from 0 to 1."""
    return sum(right) / len(right) if right else None


def show(console: Console, title: str, judged: Sequence[Judged]) -> None:
    """Print the figures by language, and which category was taken for which."""
    grid = Grid(title=title)
    for heading in ("language", "messages", *Figures.__struct_fields__):
        grid.add_column(heading, justify="right")
    for language in [*sorted({one.labelled.language for one in judged}), ""]:
        those = [one for one in judged if language in ("", one.labelled.language)]
        values = msgspec.structs.astuple(figures(those))
        grid.add_row(
            language or "all", str(len(those)), *("-" if value is None else f"{value:.1%}" for value in values)
        )
    console.print(grid)
    console.print(_confusion(judged))


def _confusion(judged: Sequence[Judged]) -> Grid:
    """A row for each category as people say, a column for each as triage says."""
    labels = sorted({one.labelled.label for one in judged} | {one.category for one in judged})
    counts = Counter((one.labelled.label, one.category) for one in judged)
    grid = Grid(title="rows: people, columns: triage")
    grid.add_column("")
    for label in labels:
        grid.add_column(label[:10], justify="right")
    for label in labels:
        grid.add_row(label, *(str(counts[label, other] or "·") for other in labels))
    return grid


def main(paths: Sequence[Path]) -> None:
    """Print the table of each file, or of the seed set."""
    from workers.seed import seed

    console, rules = Console(width=150), Rules.load()
    for path in paths:
        show(console, str(path), judge(read(path), rules))
    if not paths:
        found = apart(seed(), rules)
        show(console, "seed set, each fifth learnt without", [Judged(one, best.likeliest) for one, best in found])


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
