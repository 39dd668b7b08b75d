"""Replies made up at random: an answer, what a mail program adds, and the earlier mail below, above or between.

Enters: a number and a seed. Leaves: mails with their new words. The parts are the tables of tests/corpus/reply, so
that a header, an answer or a signature that is added there is tried in every place and under every kind of wrapping.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

TABLES = Path(__file__).parent.parent / "corpus" / "reply"
WIDTHS = (0, 0, 0, 70, 72, 76, 78)
"""Columns at which programs wrap a header; 0 for not at all."""
UNSURE = (">>>", "Ann Lee (ann@", "Pada Sen")
"""Headers that are no headers once they are wrapped, or without quoted lines below them."""


class Reply(NamedTuple):
    """A mail's text, and what in it is new."""

    text: str
    new: str
    shape: str


@cache
def table(name: str) -> list[str]:
    """The samples of one table."""
    return (TABLES / f"{name}.txt").read_text("utf-8").removesuffix("\n").split("\n%%\n")


def replies(count: int, seed: int) -> Iterator[Reply]:
    """`count` replies; the same seed makes the same ones."""
    random = Random(seed)
    shapes = (_top_quoted, _top_plain, _top_block, _top_divided, _bottom, _between, _nested)
    for _ in range(count):
        shape = random.choice(shapes)
        text, new = shape(random)
        yield Reply(text, new, shape.__name__.strip("_"))


def _top_quoted(random: Random) -> tuple[str, str]:
    answer = _answer(random)
    return f"{answer}{_added(random)}\n\n{_attribution(random)}\n{_quoted(_old(random))}\n", answer


def _top_plain(random: Random) -> tuple[str, str]:
    answer = _answer(random)
    return f"{answer}{_added(random)}\n\n{_attribution(random)}\n\n{_old(random)}\n", answer


def _top_block(random: Random) -> tuple[str, str]:
    answer, rule = _answer(random), random.choice(("", "________________________________\n"))
    return f"{answer}{_added(random)}\n\n{rule}{random.choice(table('label_blocks'))}\n\n{_old(random)}\n", answer


def _top_divided(random: Random) -> tuple[str, str]:
    answer, block = _answer(random), random.choice(("", f"{random.choice(table('label_blocks'))}\n"))
    return f"{answer}{_added(random)}\n\n{random.choice(table('dividers'))}\n{block}\n{_old(random)}\n", answer


def _bottom(random: Random) -> tuple[str, str]:
    answer = _answer(random)
    return f"{_attribution(random)}\n{_quoted(_old(random))}\n\n{answer}\n", answer


def _between(random: Random) -> tuple[str, str]:
    first, second = _answer(random), _answer(random)
    quoted = _quoted(_old(random)), _quoted(_old(random))
    return f"{_attribution(random)}\n{quoted[0]}\n\n{first}\n\n{quoted[1]}\n\n{second}\n", f"{first}\n\n{second}"


def _nested(random: Random) -> tuple[str, str]:
    answer = _answer(random)
    inner = f"{_answer(random)}\n\n{_attribution(random)}\n{_quoted(_old(random))}"
    return f"{answer}\n\n{_attribution(random)}\n{_quoted(inner)}\n", answer


def _answer(random: Random) -> str:
    prose = [sample for sample in table("prose") if ">" not in sample]
    return random.choice(random.choice((table("answers"), prose)))


def _old(random: Random) -> str:
    return random.choice(table("answers"))


def _added(random: Random) -> str:
    return f"\n\n{random.choice(table('program_lines'))}" if random.random() < 0.3 else ""


def _attribution(random: Random) -> str:
    sure = [sample for sample in table("attributions") if not sample.startswith(UNSURE)]
    header, width = random.choice(sure), random.choice(WIDTHS)
    if not width or "\n" in header:
        return header
    return "\n".join(textwrap.wrap(header, width, break_long_words=False, break_on_hyphens=False))


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
