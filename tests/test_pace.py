"""Pace: one process alone and all together keep to a provider's rates."""

from __future__ import annotations

import asyncio
import secrets

from channels import Rate
from config.embedded import Engines
from workers.pace import Pace


async def test_a_burst_passes_and_the_rest_is_told_when() -> None:
    now = [1_000.0]
    pace = Pace(clock=lambda: now[0])
    rates = (Rate("number", 10, 2), Rate("pair", 0.5, 3))
    assert [round(await pace.wait(rates), 3) for _time in range(3)] == [0, 0, 0.1]
    now[0] += 0.1
    assert await pace.wait(rates) == 0
    now[0] += 0.1
    assert round(await pace.wait(rates), 3) == 1.8, "the pair had its three"
    now[0] += 1.8
    assert await pace.wait(rates) == 0


async def test_waiting_for_one_rate_spends_nothing_of_another() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    slow, fast = Rate("slow", 0.1), Rate("fast", 1)
    assert await pace.wait((slow,)) == 0
    for _time in range(5):
        assert await pace.wait((slow, fast)) > 9
    assert await pace.wait((fast,)) == 0


async def test_several_workers_share_one_count(engines: Engines) -> None:
    workers = [Pace(engines.redis_url) for _worker in range(3)]
    rate = Rate(f"test-{secrets.token_hex(4)}", 1, 5)
    waits = await asyncio.gather(*(workers[turn % 3].wait((rate,)) for turn in range(60)))
    assert sum(wait == 0 for wait in waits) == 5
    assert 0.5 < min(wait for wait in waits if wait) <= 1
    for worker in workers:
        await worker.close()


async def test_without_redis_a_worker_counts_alone() -> None:
    pace = Pace("redis://127.0.0.1:1")
    rate = Rate("number", 1, 1)
    assert await pace.wait((rate,)) == 0
    assert await pace.wait((rate,)) > 0.5
    await pace.close()
