"""What was erased is turned away when it comes again, and nothing of anybody else's with it."""

from __future__ import annotations

from config import secret
from models import tombstone
from tests.desk import Desk, letter
from tests.fakes import meta
from tests.provider_desk import outcomes, tell

pytest_plugins = ["tests.provider_fixtures"]
ERASED, OTHER = "33612345678", "33687654321"


async def forget(desk: Desk, label: str, *marks: str) -> None:
    async with desk.database.engine.begin() as connection:
        await tombstone.erect(connection, secret.key(desk.settings), "address", [label])
        await tombstone.erect(connection, secret.key(desk.settings), "message", marks)


async def test_of_a_batch_only_the_messages_of_the_erased_are_turned_away(phone_desk: Desk) -> None:
    old = meta.message(wamid="wamid.gone", sender=ERASED, text="gone")
    new = meta.message(wamid="wamid.other", sender=OTHER, text="I am somebody else")
    await forget(phone_desk, f"meta:+{ERASED}", "wamid.gone")
    assert await tell(phone_desk, meta.webhook((old, new))) == 200
    await phone_desk.settle()
    rows = await phone_desk.rows("SELECT text FROM message WHERE direction = 'in'")
    assert [row.text for row in rows] == ["I am somebody else"]
    assert await outcomes(phone_desk) == ["duplicate", "ticket"]
    kept = await phone_desk.rows("SELECT body IS NOT NULL AS kept FROM inbox ORDER BY id")
    assert [row.kept for row in kept] == [False, True]
    assert [row.difference for row in await phone_desk.balance()] == [0]


async def test_a_stranger_who_uses_an_erased_message_id_again_is_heard(desk: Desk) -> None:
    await forget(desk, "email:gone@example.com", "1@example.com")
    await desk.send(letter("Something else", sender="bruno@example.com", Message_ID="<1@example.com>"))
    await desk.settle()
    assert len(await desk.tickets()) == 1
    await desk.send(letter("Again", sender="gone@example.com", Message_ID="<1@example.com>"), sender="gone@example.com")
    await desk.settle()
    assert len(await desk.tickets()) == 1
