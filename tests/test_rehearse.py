"""A dry run over what came in: what today's rules would decide otherwise, with nothing changed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from tests.desk import Desk, letter
from tests.processes import ROOT
from workers.rehearse import rehearse

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def two_tickets(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@example.com>"))
    await desk.send(letter("Where is my parcel 4711?\n", subject="Parcel", Message_ID="<b@example.com>"))
    await desk.settle()


async def test_what_was_decided_by_the_same_rules_would_not_change(desk: Desk) -> None:
    await two_tickets(desk)
    async with desk.database.engine.connect() as connection:
        rehearsal = await rehearse(connection, desk.settings, LONG_AGO)
    assert (rehearsal.items, rehearsal.changes) == (2, [])


async def test_what_would_be_decided_otherwise_is_told_with_its_reason_and_left_alone(desk: Desk) -> None:
    await two_tickets(desk)
    await desk.rows("UPDATE ticket SET category = 'other', priority = 'urgent' WHERE id = 1 RETURNING id")
    async with desk.database.engine.connect() as connection:
        rehearsal = await rehearse(connection, desk.settings, LONG_AGO)
    told = [(change.ticket, change.field, change.before, change.after) for change in rehearsal.changes]
    assert told[0] == (1, "category", "other", "billing")
    assert told[1][:3] == (1, "priority", "urgent")
    assert "factur" in rehearsal.changes[0].why
    [row] = await desk.rows("SELECT category, priority FROM ticket WHERE id = 1")
    assert (row.category, row.priority) == ("other", "urgent")


async def test_only_what_came_in_since_then_is_read(desk: Desk) -> None:
    await two_tickets(desk)
    async with desk.database.engine.connect() as connection:
        rehearsal = await rehearse(connection, desk.settings, datetime.now(UTC) + timedelta(minutes=1))
    assert rehearsal.items == 0


async def test_the_command_prints_one_line_a_change(desk: Desk) -> None:
    await two_tickets(desk)
    await desk.rows("UPDATE ticket SET category = 'other' WHERE id = 2 RETURNING id")
    environment = os.environ | {
        "DATABASE_URL": desk.settings.database_url,
        "REDIS_URL": desk.settings.redis_url,
        "GUICHET_VAR": str(desk.settings.var),
    }
    command = [sys.executable, "-m", "guichet", "replay", "--dry-run", "--since", "2020-01-01", "--json"]
    answer = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    changes = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(change["ticket"], change["field"], change["after"]) for change in changes] == [
        (2, "category", "after_sales")
    ]
