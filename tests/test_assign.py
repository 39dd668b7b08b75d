"""Tickets get their owners on a running desk, and lose them to others when these are gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from models.actor import Actor
from models.agents import set_presence
from models.assignment import because, loads, place
from models.relay import NoTicketError
from tests.desk import Desk, letter
from workers.assign import Assign

RULES = """
fallback_team = "everything"
[[rules]]
name = "billing"
category = ["billing"]
team = "billing"
level = 2
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    path = tmp_path / "assignment.toml"
    path.write_text(RULES)
    return settings.model_copy(update={"assignment": settings.assignment.model_copy(update={"rules": path})})


async def hire(desk: Desk, name: str, *teams: str, **columns: Any) -> int:
    """An agent in teams. The agent's id."""
    given = {"presence": "available", "max_level": 2, **columns}
    names = ", ".join(given)
    [row] = await desk.rows(
        f"INSERT INTO agent (email, name, {names}) VALUES (:email, :name, {', '.join(f':{one}' for one in given)})"
        " RETURNING id",
        email=f"{name}@example.org",
        name=name,
        **given,
    )
    for team in teams:
        await desk.rows("INSERT INTO team (name) VALUES (:team) ON CONFLICT DO NOTHING RETURNING name", team=team)
        await desk.rows("INSERT INTO team_member VALUES (:team, :agent) RETURNING team", team=team, agent=row.id)
    return int(row.id)


async def write(desk: Desk, *senders: str, body: str = "Ma facture est fausse, merci de la corriger.") -> None:
    for sender in senders:
        await desk.send(letter(body, sender=f"{sender}@example.com"), sender=f"{sender}@example.com")
    await desk.settle()


async def owners(desk: Desk) -> list[int | None]:
    return [row.assignee_id for row in await desk.rows("SELECT assignee_id FROM ticket ORDER BY id")]


async def history(desk: Desk, number: int = 1) -> list[tuple[str, str, str, str]]:
    rows = await desk.rows(
        "SELECT actor, kind, old, new FROM ticket_event WHERE ticket_id = :number AND kind <> 'created' ORDER BY id",
        number=number,
    )
    return [(row.actor, row.kind, row.old, row.new) for row in rows]


async def test_a_mail_goes_to_the_team_of_its_rule_with_the_reason_in_its_history(desk: Desk) -> None:
    await hire(desk, "paul", "everything")
    marie = await hire(desk, "marie", "billing", languages=["fr"])
    await write(desk, "claire")
    assert await desk.assign.drain() == 1
    assert await owners(desk) == [marie]
    changes = [("team", "", "billing"), ("level", "1", "2"), ("assignee", "", str(marie))]
    assert await history(desk) == [("assign", *change) for change in changes]
    [event] = await desk.rows("SELECT reason FROM ticket_event WHERE kind = 'assignee'")
    assert because(event.reason, "fr") == "règle « billing », équipe billing, parle français, aucun ticket ouvert"
    assert await desk.assign.drain() == 0


async def test_equal_agents_take_turns_and_a_full_one_is_spared(desk: Desk) -> None:
    first, second = await hire(desk, "marie", "billing"), await hire(desk, "sonia", "billing", capacity=1)
    await write(desk, "a", "b", "c", "d")
    await asyncio.gather(*(Assign(desk.database, desk.settings).drain() for _ in range(4)))
    assert await owners(desk) == [first, second, first, first]
    async with desk.database.engine.connect() as connection:
        found = await loads(connection, "billing")
    assert [(load.name, load.open, load.has_room()) for load in found] == [("marie", 3, True), ("sonia", 1, False)]


async def test_nothing_is_ownerless_as_soon_as_there_is_anybody(desk: Desk) -> None:
    await write(desk, "a")
    assert await desk.assign.drain() == 0
    nobody_there = await hire(desk, "zoe", presence="offline", max_level=1, languages=["en"])
    assert await desk.assign.drain() == 1
    assert await owners(desk) == [nobody_there]
    [event] = await desk.rows("SELECT reason FROM ticket_event WHERE kind = 'assignee'")
    assert because(event.reason, "en").startswith("rule “billing”, nothing open, offline")


async def test_who_is_disabled_leaves_nothing_behind(desk: Desk) -> None:
    gone = await hire(desk, "marie", "billing")
    await write(desk, "a", "b")
    await desk.assign.drain()
    await desk.rows("UPDATE ticket SET status = 'resolved' WHERE id = 2 RETURNING id")
    other = await hire(desk, "paul", "everything", presence="offline")
    await desk.rows("UPDATE agent SET disabled_at = now() WHERE id = :id RETURNING id", id=gone)
    assert await desk.assign.drain() == 1
    assert await owners(desk) == [other, gone]
    assert (await history(desk))[-1] == ("assign", "assignee", str(gone), str(other))
    [event] = await desk.rows("SELECT reason FROM ticket_event ORDER BY id DESC LIMIT 1")
    assert because(event.reason, "en").startswith("handed on: its owner is gone, ")


async def test_what_waits_for_who_is_offline_for_long_goes_to_who_is_there(desk: Desk) -> None:
    absent = await hire(desk, "marie", "billing")
    await write(desk, "a", "b", "c")
    await desk.assign.drain()
    there = await hire(desk, "sonia", "billing", presence="away")
    await desk.rows("UPDATE ticket SET status = 'waiting' WHERE id = 2 RETURNING id")
    await desk.rows("UPDATE ticket SET priority = 'urgent' WHERE id = 3 RETURNING id")
    async with desk.database.engine.begin() as connection:
        await set_presence(connection, absent, "offline")
    assert await desk.assign.drain() == 0, "not offline for long"
    await desk.rows("UPDATE agent SET presence_at = now() - interval '20 minutes', last_seen_at = NULL RETURNING id")
    assert await desk.assign.drain() == 0, "nobody is there"
    await desk.rows("UPDATE agent SET presence = 'available' WHERE id = :id RETURNING id", id=there)
    assert await desk.assign.drain() == 1
    assert await owners(desk) == [absent, absent, there], "what is urgent, at once"
    await desk.rows("UPDATE agent SET presence_at = now() - interval '13 hours' RETURNING id")
    assert await desk.assign.drain() == 1
    assert await owners(desk) == [there, absent, there], "what waits for its customer stays"


async def test_somebody_else_may_be_asked_for_by_who_may_see_the_ticket(desk: Desk) -> None:
    first, second = await hire(desk, "marie", "billing"), await hire(desk, "sonia", "billing")
    await write(desk, "a")
    await desk.assign.drain()
    paul = Actor("agent", id=9, name="Paul", role="agent", teams=("technical",))
    marie = Actor("agent", id=first, name="Marie", role="agent", teams=("billing",))
    async with desk.database.engine.begin() as connection:
        with pytest.raises(NoTicketError):
            await place(connection, paul, 1, desk.assign.rules)
        placed = await place(connection, marie, 1, desk.assign.rules)
    assert placed is not None
    assert (placed.before, placed.agent_id) == (first, second)
    [row] = await desk.rows("SELECT transfers FROM ticket")
    assert row.transfers == 1
    assert (await history(desk))[-1] == (f"agent:{first}", "assignee", str(first), str(second))


async def test_switched_off_it_leaves_tickets_to_be_taken(desk: Desk) -> None:
    await hire(desk, "marie", "billing")
    await write(desk, "a")
    desk.settings.assignment.enabled = False
    assert await desk.assign.drain() == 0
