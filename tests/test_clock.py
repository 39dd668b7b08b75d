"""Commitment clocks on a running desk: mails come in by SMTP, the clock follows the history by itself."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from models.clock import SETTLING
from tests.desk import Desk, letter
from workers.clock import Clock

AROUND_THE_CLOCK = """
default = "always"
[calendars.always]
timezone = "UTC"
hours = "mon-sun 00:00-24:00"
[first_response]
urgent = 1
high = 4
normal = 8
low = 16
[resolution]
urgent = 4
high = 16
normal = 40
low = 80
"""
HOUR = timedelta(hours=1)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Around the clock: what is tested here is not whether it is night."""
    path = tmp_path / "calendars.toml"
    path.write_text(AROUND_THE_CLOCK)
    clocks = settings.clocks.model_copy(update={"calendars": path})
    return settings.model_copy(update={"clocks": clocks})


async def opened(desk: Desk) -> None:
    """Ticket 1, with its clocks wound up."""
    await desk.send(letter())
    await desk.settle()
    assert await desk.clock.drain() == 1


async def clock(desk: Desk) -> Any:
    [row] = await desk.rows("SELECT * FROM ticket_clock WHERE ticket_id = 1")
    return row


async def age(desk: Desk, hours: float) -> None:
    """Let everything have happened so much earlier."""
    values = {"by": timedelta(hours=hours)}
    for statement in (
        "UPDATE ticket SET created_at = created_at - cast(:by AS interval) RETURNING id",
        "UPDATE ticket_event SET at = at - cast(:by AS interval) RETURNING id",
        "UPDATE message SET created_at = created_at - cast(:by AS interval) RETURNING id",
        "UPDATE ticket_clock SET tell_at = tell_at - cast(:by AS interval) RETURNING ticket_id",
    ):
        await desk.rows(statement, **values)


async def change(desk: Desk, column: str, new: object) -> None:
    """What an agent changes, with its line in the history."""
    await desk.rows(
        f"WITH old AS (SELECT id, {column}::text AS old FROM ticket WHERE id = 1), new AS ("
        f"UPDATE ticket SET {column} = :new WHERE id = 1) INSERT INTO ticket_event (ticket_id, actor, kind, old, new)"
        " SELECT id, 'agent:1', :kind, coalesce(old, ''), cast(:text AS text) FROM old RETURNING id",
        new=new,
        kind=column,
        text=str(new),
    )


async def told(desk: Desk) -> list[tuple[str, str]]:
    rows = await desk.rows("SELECT kind, old FROM ticket_event WHERE actor = 'clock' ORDER BY id")
    return [(row.kind, row.old) for row in rows]


async def test_a_new_ticket_gets_both_due_instants_from_its_priority(desk: Desk) -> None:
    await opened(desk)
    [ticket] = await desk.rows("SELECT created_at, priority FROM ticket")
    row = await clock(desk)
    assert ticket.priority == "normal"
    assert (row.response_due, row.resolution_due) == (ticket.created_at + 8 * HOUR, ticket.created_at + 40 * HOUR)
    assert (row.due_at, row.tell_at, row.state) == (row.response_due, ticket.created_at + 6 * HOUR, "running")
    assert await desk.clock.drain() == 0, "nothing has changed"


async def test_warning_and_breach_are_told_once_each(desk: Desk) -> None:
    await opened(desk)
    await age(desk, 6.5)
    for _ in range(3):
        await desk.clock.drain()
    assert await told(desk) == [("commitment_warning", "first_response")]
    await age(desk, 2)
    await asyncio.gather(*(Clock(desk.database, desk.settings).drain() for _ in range(4)))
    await desk.clock.drain()
    assert (await told(desk))[1:] == [("commitment_breach", "first_response")]
    row = await clock(desk)
    assert (row.response_late, row.resolution_late, row.due_at) == (True, False, row.response_due)
    await age(desk, 40)
    await desk.clock.drain()
    assert (await told(desk))[2:] == [("commitment_breach", "resolution")], "no warning of what is broken already"
    [event] = await desk.rows("SELECT new FROM ticket_event WHERE kind = 'commitment_breach' AND old = 'resolution'")
    assert datetime.fromisoformat(event.new) == (await clock(desk)).resolution_due.replace(microsecond=0)


async def test_an_answer_ends_the_first_clock_and_stops_the_second_until_the_customer_writes(desk: Desk) -> None:
    await opened(desk)
    await age(desk, 2)
    await desk.reply(1, "Quel est le numéro de la facture ?")
    await desk.clock.drain()
    row = await clock(desk)
    assert (row.state, row.due_at, row.response_due, row.resolution_due) == ("stopped", None, None, None)
    assert row.response_spent // 60 == 120
    assert row.responded_at is not None
    await age(desk, 30)
    [mail] = [raw for raw in desk.outgoing() if b"Quel est le num" in raw]
    [ours] = [
        line.split(b"<")[-1].rstrip(b">\r").decode() for line in mail.split(b"\n") if line.startswith(b"Reply-To:")
    ]
    await desk.send(letter("C'est la 2026-17.", to=ours, subject="Re: Facture fausse"), to=ours)
    await desk.settle()
    await desk.clock.drain()
    row = await clock(desk)
    [now] = await desk.rows("SELECT now() AS now")
    assert row.state == "running"
    assert abs(row.resolution_due - now.now - 38 * HOUR) < timedelta(minutes=1), "two of its forty hours are gone"
    await change(desk, "status", "resolved")
    await desk.clock.drain()
    row = await clock(desk)
    assert (row.state, row.due_at, row.tell_at, row.ended_at is not None) == ("ended", None, None, True)


async def test_another_commitment_counts_from_the_beginning_and_may_break_anew(desk: Desk) -> None:
    await opened(desk)
    await change(desk, "commitment_hours", 2)
    await desk.clock.drain()
    row = await clock(desk)
    [ticket] = await desk.rows("SELECT created_at FROM ticket")
    assert row.response_due == row.resolution_due == ticket.created_at + 2 * HOUR
    await age(desk, 3)
    await desk.clock.drain()
    assert await told(desk) == [("commitment_breach", "first_response"), ("commitment_breach", "resolution")]
    await change(desk, "commitment_hours", 4)
    await desk.clock.drain()
    assert not (await clock(desk)).resolution_late
    await age(desk, 2)
    await desk.clock.drain()
    assert (await told(desk))[2:] == [("commitment_breach", "first_response"), ("commitment_breach", "resolution")]


async def test_urgency_hastens_it_and_a_merge_ends_it(desk: Desk) -> None:
    await opened(desk)
    await change(desk, "priority", "urgent")
    await desk.clock.drain()
    [ticket] = await desk.rows("SELECT created_at FROM ticket")
    assert (await clock(desk)).response_due == ticket.created_at + HOUR
    await desk.send(letter("Autre chose, tout à fait autre.", subject="Livraison", sender="b@example.com"))
    await desk.settle()
    await change(desk, "merged_into", 2)
    await desk.clock.drain()
    assert (await clock(desk)).state == "ended"


async def test_what_ended_long_before_is_no_news(desk: Desk) -> None:
    await desk.send(letter())
    await desk.settle()
    await age(desk, 100)
    await change(desk, "status", "closed")
    await desk.rows("UPDATE ticket_event SET at = now() - interval '2 hours' WHERE kind = 'status' RETURNING id")
    await desk.clock.drain()
    assert (await clock(desk)).resolution_late
    assert await told(desk) == []


async def test_old_tickets_that_never_had_clocks_are_shown_as_late_and_tell_nobody(desk: Desk) -> None:
    await desk.send(letter())
    await desk.settle()
    await age(desk, 100)
    await desk.clock.drain()
    await desk.clock.drain()
    row = await clock(desk)
    assert (row.response_late, row.resolution_late, row.state, row.tell_at) == (True, True, "running", None)
    assert await told(desk) == []


async def test_the_history_is_read_once_and_what_was_missed_is_found(desk: Desk) -> None:
    await opened(desk)
    values = {"by": SETTLING + timedelta(seconds=1)}
    await desk.rows("UPDATE ticket_event SET at = at - cast(:by AS interval) RETURNING id", **values)
    await desk.clock.drain()
    [position] = await desk.rows("SELECT position FROM clock_position")
    [newest] = await desk.rows("SELECT max(id) AS id FROM ticket_event")
    assert position.position == newest.id
    await desk.rows("DELETE FROM ticket_clock RETURNING ticket_id")
    assert await desk.clock.drain() == 0
    assert await Clock(desk.database, desk.settings).drain() == 1, "a first look searches for tickets without clocks"
