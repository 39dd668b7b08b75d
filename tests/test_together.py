"""One commit for all who wait, and nobody is told yes by a commit that failed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from workers.together import Together


class Ledger:
    """Commits that a test opens one by one, or makes fail."""

    def __init__(self) -> None:
        self.commits: list[list[int]] = []
        self.gate = asyncio.Semaphore(0)
        self.failures = 0

    async def commit(self, entries: Sequence[int]) -> None:
        await self.gate.acquire()
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        self.commits.append(list(entries))


async def test_whoever_comes_while_a_commit_is_under_way_shares_the_next_one() -> None:
    ledger = Ledger()
    together = Together(ledger.commit)
    waiting = [asyncio.create_task(together(number)) for number in range(10)]
    await asyncio.sleep(0)
    ledger.gate.release()
    ledger.gate.release()
    await asyncio.gather(*waiting)
    assert sorted(itertools.chain(*ledger.commits)) == list(range(10))
    assert len(ledger.commits) <= 2


async def test_a_commit_that_fails_tells_one_of_them_and_the_others_make_their_own() -> None:
    ledger = Ledger()
    ledger.failures = 1
    together = Together(ledger.commit)
    waiting = [asyncio.create_task(together(number)) for number in range(4)]
    for _ in range(10):
        ledger.gate.release()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    failed = [number for number, result in enumerate(results) if isinstance(result, OSError)]
    assert len(failed) == 1
    assert sorted(itertools.chain(*ledger.commits)) == [number for number in range(4) if number not in failed]


async def test_whoever_is_cancelled_in_the_middle_takes_nobody_along() -> None:
    ledger = Ledger()
    together = Together(ledger.commit)
    first, second = (asyncio.create_task(together(number)) for number in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    ledger.gate.release()
    await second
    assert ledger.commits == [[2]]
