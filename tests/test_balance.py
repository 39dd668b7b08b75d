"""The balance: sums that are kept for good agree with the items, whatever is replayed or comes late."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from models import balance as books
from models import blocks, ledger
from models.balance import Balance
from tests.desk import Desk, letter

DAY = datetime(2026, 3, 1, tzinfo=UTC).date()


@pytest.fixture
async def filled(desk: Desk) -> Desk:
    """35,000 items of two days, ended an hour ago; one in a hundred lies in quarantine."""
    async with desk.database.engine.begin() as connection:
        await connection.execute(_FILL)
    return desk


async def closed(desk: Desk) -> list[int]:
    """Close what can be closed; the blocks that are closed now."""
    async with desk.database.engine.begin() as connection:
        await blocks.close(connection)
    return [row.block for row in await desk.rows("SELECT DISTINCT block FROM inbox_block ORDER BY block")]


async def agrees(desk: Desk) -> bool:
    async with desk.database.engine.connect() as connection:
        return await books.disagreements(connection) == []


async def test_blocks_that_ended_are_counted_once_and_the_balance_stays_what_it_was(filled: Desk) -> None:
    [before] = await filled.balance()
    assert await closed(filled) == [0, 1, 2], "the last block may still grow"
    assert await filled.balance() == [before]
    assert (before.received, before.quarantined, before.difference) == (35_000, 350, 0)
    assert await agrees(filled)


async def test_a_replayed_item_opens_its_block_until_it_has_ended_again(filled: Desk) -> None:
    await closed(filled)
    async with filled.database.engine.begin() as connection:
        assert await ledger.replay(connection, "inbox", [15_100]) == 1
    [row] = await filled.balance()
    assert (row.pending, row.quarantined, row.difference) == (1, 349, 0)
    assert await closed(filled) == [0, 2]
    await filled.rows("UPDATE inbox SET state = 'done', outcome = 'machine' WHERE id = 15100 RETURNING id")
    assert await closed(filled) == [0, 1, 2]
    [row] = await filled.balance()
    assert (row.pending, row.quarantined, row.machine, row.difference) == (0, 349, 1, 0)
    assert await agrees(filled)


async def test_a_block_behind_which_items_came_only_lately_stays_open(filled: Desk) -> None:
    await filled.rows("UPDATE inbox SET settled_at = now() WHERE id >= 30000 RETURNING id")
    assert await closed(filled) == [0, 1]


async def test_what_is_in_no_known_state_shows_as_a_difference_in_closed_blocks_as_well(filled: Desk) -> None:
    await filled.rows("UPDATE inbox SET ticket_id = NULL WHERE id = 7 RETURNING id")
    await closed(filled)
    [row] = await filled.balance()
    assert row.difference == 1


async def test_sums_that_went_wrong_are_found_by_a_recount(filled: Desk) -> None:
    await closed(filled)
    await filled.rows("UPDATE inbox_block SET ticket = ticket - 1 WHERE block = 1 AND account = 'a0' RETURNING block")
    assert not await agrees(filled)


async def test_accounts_and_days_add_up_to_the_whole(filled: Desk) -> None:
    await closed(filled)
    [whole] = await filled.balance()
    async with filled.database.engine.connect() as connection:
        accounts = await books.accounts(connection)
        days = [await books.balance(connection, DAY.replace(day=number)) for number in (1, 2, 3)]
    assert [row.account for row in accounts] == ["a0", "a1"]
    assert sum(row.received for row in accounts) == whole.received
    assert [sum(row.received for row in rows) for rows in days] == [17_499, 17_501, 0]


async def test_an_empty_desk_has_an_empty_balance_and_nothing_to_close(desk: Desk) -> None:
    assert await closed(desk) == []
    assert await desk.balance() == []
    await desk.send(letter())
    assert await desk.balance() == [Balance(channel="email", received=1, pending=1)]


_FILL = text(
    """
    INSERT INTO inbox (id, door_key, channel, account, state, outcome, ticket_id, received_at, settled_at)
    SELECT id, gen_random_uuid(), 'email', 'a' || id % 2,
        CASE WHEN id % 100 = 0 THEN 'dead' ELSE 'done' END,
        CASE WHEN id % 100 = 0 THEN 'quarantined' ELSE 'ticket' END, id,
        timestamptz '2026-03-01 12:00Z' + (id >= 17500)::int * interval '1 day', now() - interval '1 hour'
    FROM generate_series(1, 35000) AS id
    """
)
