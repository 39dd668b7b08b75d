"""What may be done to a ticket, on real tables: changes, notes, ties, merges and splits, each with its history."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import Database, connect
from config.settings import Settings
from models import life
from models.actor import Actor
from models.life.change import values_of
from models.life.cycle import Cycle
from models.life.row import shown
from tests.desk import Desk, letter
from tests.processes import ROOT

CYCLE = Cycle.of(Settings())
ADA = Actor("agent", 1, "Ada", "administrator")
MARIE = Actor("agent", 2, "Marie", "agent", teams=("billing",))
PAUL = Actor("agent", 3, "Paul", "agent", teams=("technical",))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = connect(database_url)
    async with found.engine.begin() as connection:
        for statement in (
            "INSERT INTO agent (id, email, name, role) VALUES (1, 'ada@x.org', 'Ada', 'administrator'),"
            " (2, 'marie@x.org', 'Marie', 'agent'), (3, 'paul@x.org', 'Paul', 'agent')",
            "INSERT INTO team (name) VALUES ('billing'), ('technical')",
            "INSERT INTO team_member (team, agent_id) VALUES ('billing', 2), ('technical', 3)",
            "INSERT INTO contact (id, name) VALUES (1, 'Claire'), (2, 'Bruno')",
        ):
            await connection.exec_driver_sql(statement)
    yield found
    await found.dispose()


async def make(connection: AsyncConnection, *, contact: int = 1, team: str = "", messages: int = 1) -> int:
    """A ticket with so many messages of its customer."""
    made = await connection.exec_driver_sql(
        f"INSERT INTO ticket (subject, contact_id, team, participants, message_count)"
        f" VALUES ('Matter', {contact}, '{team}', ARRAY['email:c@x.org'], {messages}) RETURNING id"
    )
    number = int(made.scalar_one())
    for place in range(messages):
        await connection.exec_driver_sql(
            f"INSERT INTO message (ticket_id, direction, external_id) VALUES ({number}, 'in', 't{number}.{place}@x')"
        )
    return number


async def row_of(connection: AsyncConnection, number: int) -> Any:
    return (await connection.exec_driver_sql(f"SELECT * FROM ticket WHERE id = {number}")).one()


async def history(connection: AsyncConnection, number: int) -> list[tuple[str, str, str]]:
    rows = await connection.exec_driver_sql(
        f"SELECT kind, old, new FROM ticket_event WHERE ticket_id = {number} ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_status_moves_the_stage_and_the_stage_the_status(database: Database) -> None:
    async with database.engine.begin() as connection:
        number = await make(connection)
        done = await life.change(connection, ADA, number, {"status": "resolved"}, cycle=CYCLE)
        assert {(one.field, one.new) for one in done.changes} == {("status", "resolved"), ("stage", "resolved")}
        await life.change(connection, ADA, number, {"stage": "in_progress"}, cycle=CYCLE)
        row = await row_of(connection, number)
        assert (row.status, row.stage, row.resolved_at) == ("in_progress", "in_progress", None)
        await life.change(connection, ADA, number, {"pipeline": "technical"}, cycle=CYCLE)
        assert (await row_of(connection, number)).stage == "diagnosis"
        await life.change(connection, ADA, number, {"status": "closed"}, cycle=CYCLE)
        with pytest.raises(life.NotAllowed, match="resolved already"):
            await life.change(connection, ADA, number, {"status": "resolved"}, cycle=CYCLE)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"priority": "huge"}, "no_priority"),
        ({"level": 4}, "no_level"),
        ({"team": "nobody"}, "no_team"),
        ({"assignee": 99}, "no_assignee"),
        ({"contact": 99}, "no_contact"),
        ({"acknowledged_at": None}, "no_field"),
        ({"answer": "email:other@x.org"}, "no_answer"),
        ({"stage": "nowhere"}, "no_stage"),
        ({"tags_added": ["a,b"]}, "no_tag"),
    ],
)
async def test_what_is_refused_changes_nothing(database: Database, wanted: dict[str, Any], code: str) -> None:
    async with database.engine.begin() as connection:
        number = await make(connection)
        with pytest.raises(life.NotAllowed) as refusal:
            await life.change(connection, ADA, number, {"priority": "high", **wanted}, cycle=CYCLE)
        assert refusal.value.code == code
        assert (await row_of(connection, number)).priority == "normal"
        assert await history(connection, number) == []
        assert life.worded(refusal.value, "fr") != refusal.value.reason


async def test_a_hidden_ticket_is_as_if_it_were_not_there(database: Database) -> None:
    async with database.engine.begin() as connection:
        number = await make(connection, team="billing")
        for act in (
            life.change(connection, PAUL, number, {"priority": "high"}, cycle=CYCLE),
            life.note(connection, PAUL, number, "Hm."),
            life.snooze(connection, PAUL, number, None),
            life.merge(connection, PAUL, number, await make(connection)),
            life.split(connection, PAUL, number, [1], cycle=CYCLE),
        ):
            with pytest.raises(life.NoTicket) as hidden:
                await act
            assert str(hidden.value) == f"There is no ticket {number}."
        await life.change(connection, MARIE, number, {"priority": "high"}, cycle=CYCLE)


async def test_who_saw_something_else_is_told(database: Database) -> None:
    async with database.engine.begin() as connection:
        number = await make(connection)
        await life.change(connection, ADA, number, {"assignee": 2}, cycle=CYCLE, expected={"assignee": None})
        with pytest.raises(life.Conflict) as late:
            await life.change(connection, ADA, number, {"assignee": 3}, cycle=CYCLE, expected={"assignee": None})
        assert (late.value.field, late.value.now) == ("assignee", "2")


async def test_two_agents_at_once_lose_no_update(database: Database) -> None:
    """1,000 times an agent changes what they saw, against another who does the same: nobody overwrites the other."""
    async with database.engine.begin() as connection:
        number = await make(connection)

    async def act(actor: Actor, times: int) -> int:
        lost = 0
        for turn in range(times):
            async with database.engine.begin() as connection:
                seen = (await row_of(connection, number)).subject
            try:
                async with database.engine.begin() as connection:
                    wanted = {"subject": f"{actor.name} {turn}"}
                    await life.change(connection, actor, number, wanted, cycle=CYCLE, expected={"subject": seen})
            except life.Conflict:
                lost += 1
        return lost

    refused = sum(await asyncio.gather(act(ADA, 500), act(MARIE, 500)))
    async with database.engine.begin() as connection:
        events = await history(connection, number)
    assert len(events) == 1000 - refused
    assert all(one[2] == two[1] for one, two in pairwise(events)), "each began where one ended"


async def test_notes_mention_only_those_who_may_see_the_ticket(database: Database) -> None:
    async with database.engine.begin() as connection:
        number = await make(connection, team="billing")
        with pytest.raises(life.NotAllowed) as blind:
            await life.note(connection, MARIE, number, "@Paul ?", mentions=[3])
        assert blind.value.code == "mention_blind"
        first = await life.note(connection, ADA, number, "@Marie ?", mentions=[2], once="k")
        assert await life.note(connection, ADA, number, "@Marie ?", mentions=[2], once="k") == first
        assert ("mention", "", "2") in await history(connection, number)


async def test_merge_moves_everything_and_unmerge_gives_it_back(database: Database) -> None:
    async with database.engine.begin() as connection:
        one, two = await make(connection, messages=2), await make(connection, messages=3)
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
        await life.snooze(connection, ADA, one, until)
        before = [await row_of(connection, number) for number in (one, two)]
        await life.merge(connection, ADA, one, two)
        gone, kept = await row_of(connection, one), await row_of(connection, two)
        assert (gone.status, gone.merged_into, kept.message_count) == ("closed", two, 5)
        with pytest.raises(life.NotAllowed, match="was merged into"):
            await life.change(connection, ADA, one, {"priority": "high"}, cycle=CYCLE)
        await connection.exec_driver_sql(f"INSERT INTO message (ticket_id, direction) VALUES ({two}, 'in')")
        await connection.exec_driver_sql(f"UPDATE ticket SET message_count = message_count + 1 WHERE id = {two}")
        await life.unmerge(connection, ADA, one)
        for number, row, more in ((one, before[0], 0), (two, before[1], 1)):
            now = await row_of(connection, number)
            assert values_of(now) == values_of(row)
            assert (now.message_count, now.merged_into) == (row.message_count + more, None)
        assert (await row_of(connection, one)).snoozed_until == until
        await life.change(connection, ADA, two, {"status": "resolved"}, cycle=CYCLE)
        with pytest.raises(life.NotAllowed, match="reopen it first"):
            await life.merge(connection, ADA, one, two)
        stranger = await make(connection, contact=2)
        with pytest.raises(life.NotAllowed) as other:
            await life.merge(connection, ADA, one, stranger)
        assert other.value.code == "other_contact"


async def test_split_makes_a_ticket_of_the_chosen_and_unsplit_takes_it_back(database: Database) -> None:
    async with database.engine.begin() as connection:
        number = await make(connection, messages=3)
        found = await connection.exec_driver_sql(f"SELECT id FROM message WHERE ticket_id = {number} ORDER BY id")
        ids = [row.id for row in found]
        with pytest.raises(life.NotAllowed):
            await life.split(connection, ADA, number, ids, cycle=CYCLE)
        done = await life.split(connection, ADA, number, ids[1:2], subject="The other matter", cycle=CYCLE)
        new = await row_of(connection, done.number)
        assert (new.subject, new.message_count, new.contact_id, new.status) == ("The other matter", 1, 1, "open")
        await life.unsplit(connection, ADA, done.number)
        assert (await row_of(connection, number)).message_count == 3


async def test_replies_to_a_merged_ticket_reach_the_survivor(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<one@example.com>"))
    await desk.send(letter("Autre chose, vraiment autre chose.\n", subject="Livraison", Message_ID="<two@example.com>"))
    await desk.settle()
    async with desk.database.engine.begin() as connection:
        await life.merge(connection, ADA, 2, 1)
    await desk.send(letter("Et la suite ?\n", subject="Re: Livraison", In_Reply_To="<two@example.com>"))
    await desk.settle()
    whole = await desk.ticket(1)
    assert whole.ticket.messages == 4, "two matters, one acknowledgement, the reply"


async def test_what_a_customer_writes_wakes_a_ticket(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<one@example.com>"))
    await desk.settle()
    async with desk.database.engine.begin() as connection:
        await life.change(connection, ADA, 1, {"status": "waiting"}, cycle=CYCLE)
        await life.snooze(connection, ADA, 1, datetime.now(UTC) + timedelta(days=2))
    await desk.send(letter("Alors ?\n", subject="Re: Facture fausse", In_Reply_To="<one@example.com>"))
    await desk.settle()
    [row] = await desk.rows("SELECT status, stage, snoozed_until FROM ticket")
    assert tuple(row) == ("open", "in_progress", None)


def test_the_drawing_shows_what_the_code_allows() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+)$", (ROOT / "docs/life.md").read_text("utf-8"), re.MULTILINE)
    assert set(drawn) == {(old, new) for old, follow in life.TRANSITIONS.items() for new in follow}


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("status"), st.sampled_from(["open", "in_progress", "waiting", "resolved", "closed"])),
        st.tuples(st.just("priority"), st.sampled_from(["low", "normal", "high", "urgent"])),
        st.tuples(st.just("pipeline"), st.sampled_from(["default", "vip", "technical"])),
        st.tuples(st.just("stage"), st.sampled_from(["new", "called", "repair", "check", "closed", "in_progress"])),
        st.tuples(st.just("assignee"), st.sampled_from([None, 1, 2, 3])),
        st.tuples(st.just("team"), st.sampled_from(["", "billing", "technical"])),
        st.tuples(st.just("tags_added"), st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)),
        st.tuples(st.just("level"), st.sampled_from([1, 2, 3])),
    ),
    max_size=12,
)


@bounds(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
async def test_the_history_replayed_gives_the_present(database: Database, acts: list[tuple[str, Any]]) -> None:
    async with database.engine.begin() as connection:
        number = await make(connection)
        replayed = {field: shown(value) for field, value in values_of(await row_of(connection, number)).items()}
        for field, value in acts:
            try:
                await life.change(connection, ADA, number, {field: value}, cycle=CYCLE)
            except life.NotAllowed:
                continue
        for kind, old, new in await history(connection, number):
            assert replayed[kind] == old
            replayed[kind] = new
        row = await row_of(connection, number)
        assert replayed == {field: shown(value) for field, value in values_of(row).items()}
        stage = CYCLE.stage(row.pipeline, row.stage)
        assert stage is not None
        assert row.status in stage.statuses
