"""The ledger on the real database: claims, lanes, fences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from config.database import Database, connect
from models import ledger
from models.ledger import Claim


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    connected = connect(database_url)
    yield connected
    await connected.dispose()


async def fill(database: Database, lanes: list[str]) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO inbox (door_key, lane, envelope)"
                " SELECT gen_random_uuid(), lane, '{}' FROM unnest(cast(:lanes AS text[])) AS lane"
            ),
            {"lanes": lanes},
        )


async def claim(database: Database, limit: int = 10, lease: float = 30) -> list[int]:
    async with database.hasty.begin() as connection:
        return [row.id for row in await ledger.claim(connection, "inbox", limit=limit, lease=lease)]


async def test_a_claim_takes_the_oldest_and_never_more_than_its_limit(database: Database) -> None:
    await fill(database, [f"lane-{number}" for number in range(500)])
    assert await claim(database, limit=200) == list(range(1, 201))
    assert await claim(database, limit=200) == list(range(201, 401))


async def test_claims_at_the_same_time_share_the_work_without_overlap(database: Database) -> None:
    await fill(database, [f"lane-{number}" for number in range(400)])
    taken = await asyncio.gather(*(claim(database, limit=70) for _ in range(8)))
    assert sorted(number for batch in taken for number in batch) == list(range(1, 401))


async def test_a_lane_waits_for_its_oldest_item(database: Database) -> None:
    await fill(database, ["marie", "paul", "marie"])
    assert await claim(database, limit=2) == [1, 2]
    assert await claim(database) == [], "the second item of marie must wait for her first"
    async with database.engine.begin() as connection:
        await ledger.complete(connection, "inbox", [Claim(1, 1)], outcome=["machine"])
    assert await claim(database) == [3]


async def test_items_of_one_lane_are_claimed_together_in_order(database: Database) -> None:
    await fill(database, ["marie"] * 5)
    assert await claim(database) == [1, 2, 3, 4, 5]


async def test_an_item_whose_worker_died_is_due_again_when_its_lease_is_over(database: Database) -> None:
    await fill(database, ["marie"])
    assert await claim(database, lease=0) == [1]
    assert await claim(database) == [1]


async def test_whoever_lost_the_lease_changes_nothing(database: Database) -> None:
    await fill(database, ["marie"])
    await claim(database, lease=0)
    await claim(database)
    async with database.engine.begin() as connection:
        late = Claim(1, 1)
        assert await ledger.complete(connection, "inbox", [late], outcome=["ticket"]) == frozenset()
        assert not await ledger.defer(connection, "inbox", late, seconds=1, error="late")
        assert not await ledger.bury(connection, "inbox", late, error="late")
        assert await ledger.complete(connection, "inbox", [Claim(1, 2)], outcome=["ticket"]) == {1}


async def test_a_buried_item_comes_back_by_replay_with_fresh_attempts(database: Database) -> None:
    await fill(database, ["marie"])
    await claim(database)
    async with database.engine.begin() as connection:
        assert await ledger.bury(connection, "inbox", Claim(1, 1), error="unreadable")
    assert await claim(database) == []
    async with database.engine.begin() as connection:
        assert await ledger.replay(connection, "inbox", [1]) == 1
        [row] = await connection.execute(text("SELECT state, attempts, outcome FROM inbox"))
    assert tuple(row) == ("pending", 0, "")


async def test_states_outside_the_list_are_refused_by_the_database(database: Database) -> None:
    await fill(database, ["marie"])
    with pytest.raises(Exception, match="state_known"):
        async with database.engine.begin() as connection:
            await connection.execute(text("UPDATE inbox SET state = 'processing'"))
