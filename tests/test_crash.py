"""A short chaos campaign: every crash point and outage once, under load. `make chaos` runs the long one."""

from __future__ import annotations

import pytest

from tests.chaos.campaign import OUTAGES, POINTS, run


@pytest.mark.timeout(420)
async def test_killed_at_every_point_nothing_is_lost_doubled_or_misplaced() -> None:
    outages = [outage for outage in OUTAGES if outage != "disk full"]  # it needs a file system of its own: make chaos
    report = await run(list(POINTS), outages, trials=1, seed=3, say=print)
    assert report.verdict.clean, report.verdict
    missed = [point for point, count in report.trials.items() if not count]
    assert not missed, f"nobody came by {missed}"
