"""Questions asked together: one statement for all who wait, and each gets the answer to its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from gateway.grouped import MOST_TOGETHER, Grouped


class Oracle:
    """Answers after a moment, and remembers which questions came together."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.trouble: Exception | None = None

    async def __call__(self, questions: Sequence[int]) -> Mapping[int, str]:
        self.groups.append(list(questions))
        await asyncio.sleep(0.01)
        if self.trouble:
            raise self.trouble
        return {number: f"answer {number}" for number in questions if number >= 0}


async def test_a_storm_of_questions_costs_a_few_statements() -> None:
    oracle = Oracle()
    grouped = Grouped(oracle)
    numbers = [*range(1000), *range(1000), -1]
    answers = await asyncio.gather(*(grouped.ask(number) for number in numbers))
    assert answers == [f"answer {number}" if number >= 0 else None for number in numbers]
    assert len(oracle.groups) <= 6
    assert all(len(group) <= MOST_TOGETHER for group in oracle.groups)


async def test_trouble_is_told_to_those_who_asked_and_to_nobody_later() -> None:
    oracle = Oracle()
    grouped = Grouped(oracle)
    oracle.trouble = ConnectionError("away")
    for answer in await asyncio.gather(grouped.ask(1), grouped.ask(2), return_exceptions=True):
        assert isinstance(answer, ConnectionError)
    oracle.trouble = None
    assert await grouped.ask(1) == "answer 1"


async def test_who_gives_up_harms_nobody_else() -> None:
    grouped = Grouped(Oracle())
    hasty = asyncio.create_task(grouped.ask(1))
    patient = asyncio.create_task(grouped.ask(1))
    await asyncio.sleep(0)
    hasty.cancel()
    assert await patient == "answer 1"
    with pytest.raises(asyncio.CancelledError):
        await hasty
