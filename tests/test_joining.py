"""Two contacts are one person: joined by proof, and separated again as if nothing had been."""

from __future__ import annotations

from typing import Any

import pytest

from models.actor import Actor
from models.joining import JoinedError, NoContactError, join, joins, separate
from tests.desk import Desk, letter

SONIA = Actor("agent", id=1, name="Sonia", role="supervisor")
PAUL = Actor("agent", id=2, name="Paul", role="agent", teams=("technical",))
ROW = "SELECT id, contact_id FROM ticket ORDER BY id"


async def write(desk: Desk, *names: str, about: str = "") -> None:
    for name in names:
        sender = f"{name}@example.com"
        await desk.send(
            letter(f"Où en est ma commande {about} ?", sender=sender, subject=f"{name} {about}"), sender=sender
        )
    await desk.settle()


async def act(desk: Desk, function: Any, *given: Any, actor: Actor = SONIA, **named: Any) -> Any:
    async with desk.database.engine.begin() as connection:
        return await function(connection, actor, *given, **named)


async def owners(desk: Desk) -> list[int]:
    return [row.contact_id for row in await desk.rows(ROW)]


async def test_addresses_and_tickets_go_together_and_come_back(desk: Desk) -> None:
    await write(desk, "home", "work", "other")
    before = await desk.rows("SELECT id, contact_id FROM identity ORDER BY id")
    home, work, other = await owners(desk)
    number = await act(desk, join, work, home, proof="agent")
    assert await owners(desk) == [home, home, other]
    await write(desk, "work", "home", about="deux")
    assert await owners(desk) == [home, home, other, home, home], "the person has one contact from now on"
    [one] = await act(desk, joins, home)
    assert (one.id, one.gone, one.into, list(one.identities)) == (number, work, home, ["email:work@example.com"])
    assert await act(desk, separate, number) == 2
    assert await owners(desk) == [home, work, other, work, home], "with what its address opened since"
    assert await desk.rows("SELECT id, contact_id FROM identity ORDER BY id") == before
    assert await act(desk, joins, home) == []
    events = await desk.rows(
        "SELECT actor, old, new FROM ticket_event WHERE kind = 'contact' AND ticket_id = 2 ORDER BY id"
    )
    assert [tuple(event) for event in events] == [
        ("agent:1", str(work), str(home)),
        ("agent:1", str(home), str(work)),
    ]


async def test_joins_are_undone_from_the_last_one_on(desk: Desk) -> None:
    await write(desk, "a", "b", "c")
    a, b, c = await owners(desk)
    first = await act(desk, join, a, b, proof="address")
    second = await act(desk, join, b, c, proof="link")
    assert await owners(desk) == [c, c, c]
    with pytest.raises(JoinedError, match=f"join {second} stands on it"):
        await act(desk, separate, first)
    await act(desk, separate, second)
    await act(desk, separate, first)
    assert await owners(desk) == [a, b, c]
    with pytest.raises(JoinedError, match="stands"):
        await act(desk, separate, first)


async def test_whom_one_does_not_see_one_does_not_join(desk: Desk) -> None:
    await write(desk, "a", "b")
    await desk.rows("UPDATE ticket SET team = 'billing' WHERE id = 2 RETURNING id")
    a, b = await owners(desk)
    for gone, into in ((a, b), (b, a)):
        with pytest.raises(NoContactError):
            await act(desk, join, gone, into, proof="agent", actor=PAUL)
    with pytest.raises(JoinedError):
        await act(desk, join, a, a, proof="agent")
    number = await act(desk, join, a, b, proof="agent")
    with pytest.raises(NoContactError):
        await act(desk, joins, a)
    await desk.rows("UPDATE ticket SET team = 'billing' RETURNING id")
    with pytest.raises(NoContactError):
        await act(desk, separate, number, actor=PAUL)
