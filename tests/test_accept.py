"""Accept: yes only after the commit, one row however often it comes, a temporary no when the database is away."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from channels import Busy, TooLarge
from config.database import Database, connect
from config.objects import Objects
from config.settings import Settings
from gateway.accept import Inbox
from models.envelope import Envelope, RawMessage


def raw(name: str = "m1", body: bytes = b"words") -> RawMessage:
    envelope = Envelope(
        channel="email",
        account="support@example.org",
        external_id=name,
        sender="marie@example.com",
        received_at=datetime.now(UTC),
        trace_id="0" * 32,
        lane="email:marie@example.com",
    )
    return RawMessage(envelope, body)


class Door:
    """An inbox that runs, and counts its rings."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.rings = 0
        self.database = database
        self.inbox = Inbox(database, Objects(settings), settings, self.ring)

    def ring(self) -> None:
        self.rings += 1

    async def stored(self) -> list[tuple[bytes | None, str, int]]:
        async with self.database.engine.connect() as connection:
            rows = await connection.execute(text("SELECT body, body_sha256, size FROM inbox ORDER BY id"))
            return [tuple(row) for row in rows]


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Door]:
    database = connect(settings.database_url)
    opened = Door(settings, database)
    task = asyncio.create_task(opened.inbox.run())
    yield opened
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.dispose()


async def test_the_bytes_are_stored_as_they_came_before_the_yes(door: Door) -> None:
    body = bytes(range(256)) * 10
    await door.inbox(raw(body=body))
    assert await door.stored() == [(body, hashlib.sha256(body).hexdigest(), 2560)]
    assert door.rings == 1


async def test_a_retry_is_answered_yes_and_stored_once(door: Door) -> None:
    first = await door.inbox(raw())
    again = await door.inbox(raw())
    assert (again.item_id, first.repeated, again.repeated, again.altered) == (first.item_id, False, True, False)
    assert len(await door.stored()) == 1


async def test_five_copies_at_once_are_one(door: Door) -> None:
    accepted = await asyncio.gather(*(door.inbox(raw()) for _ in range(5)))
    assert len({one.item_id for one in accepted}) == 1
    assert len(await door.stored()) == 1


async def test_the_same_key_with_other_words_is_told_apart(door: Door) -> None:
    first, other = await asyncio.gather(door.inbox(raw()), door.inbox(raw(body=b"other words")))
    assert {first.altered, other.altered} == {False, True}
    assert (await door.inbox(raw(body=b"yet others"))).altered


async def test_hundreds_who_wait_are_stored_in_few_commits(door: Door) -> None:
    accepted = await asyncio.gather(*(door.inbox(raw(f"m{number}")) for number in range(300)))
    assert len({one.item_id for one in accepted}) == 300
    assert door.rings < 30


async def test_a_large_body_stands_in_the_object_store_under_its_digest(door: Door, settings: Settings) -> None:
    body = b"x" * 300_000
    await door.inbox(raw(body=body))
    [(inline, digest, size)] = await door.stored()
    assert (inline, size) == (None, 300_000)
    assert await Objects(settings).get(digest) == body
    assert (settings.var / "objects" / digest[:2] / digest[2:4] / digest).read_bytes() == body


async def test_nul_bytes_in_what_the_transport_said_do_no_harm(door: Door) -> None:
    envelope = Envelope(
        channel="email",
        account="support@example.org",
        external_id="nul",
        sender="a\0b@example.com",
        received_at=datetime.now(UTC),
        trace_id="0" * 32,
        lane="email:a\0b",
        facts={"helo": "x\0\ud800"},
    )
    await door.inbox(RawMessage(envelope, b"\0"))
    assert len(await door.stored()) == 1


async def test_too_large_is_said_and_nothing_is_stored(door: Door) -> None:
    with pytest.raises(TooLarge):
        await door.inbox(raw(body=b"x" * 25_000_001))
    assert await door.stored() == []


async def test_without_a_database_the_answer_is_busy_and_nobody_waits_for_ever(settings: Settings) -> None:
    away = connect("postgresql://nobody@/nothing?host=/nowhere")
    inbox = Inbox(away, Objects(settings), settings, lambda: None)
    task = asyncio.create_task(inbox.run())
    with pytest.raises(Busy):
        await asyncio.wait_for(inbox(raw()), 15)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await away.dispose()
