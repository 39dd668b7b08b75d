"""Near-duplicates: the same matter of one contact, by another channel or in other words, is linked and never lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from config.settings import Settings
from tests.desk import Desk, letter
from tests.near_copies import copy_of
from tests.near_copies import letter as dressed
from workers.lexicon import fold, tokens
from workers.reader import Reader
from workers.resemble import Sketch, nearest
from workers.seed import seed

LONG = [message for message in seed() if len(message.text) > 60]
MATTER = "My washing machine, order CMD-4711, was delivered with a broken door and a missing hose last Tuesday."
OTHER = "I would like to know whether your showroom in Leeds opens on bank holidays, and at what time in the morning."


def sketch(text: str) -> Sketch:
    return Sketch.of(tokens(fold(text[:1000])))


def test_edited_copies_are_recognised_and_other_matters_of_the_same_person_are_not() -> None:
    random, score = Random(11), Settings().resemble.score
    copies, others = [], []
    for _ in range(3000):
        first, second = random.sample(LONG, 2)
        own = f" (order CMD-{random.randrange(10**6)})"
        before = sketch(dressed(first.text + own, random))
        copies.append(before.likeness(sketch(copy_of(first.text + own, random))) >= score)
        if first.language == second.language:
            others.append(before.likeness(sketch(dressed(second.text + own, random))) >= score)
    assert sum(copies) / len(copies) >= 0.95
    assert sum(others) / len(others) <= 0.005


def test_a_text_that_says_too_little_resembles_nothing() -> None:
    assert sketch("Bonjour, merci").likeness(sketch("Bonjour, merci")) == 0
    assert nearest(sketch(MATTER), []) == (-1, 0)


def test_a_sketch_is_stored_and_read_back_and_stays_small() -> None:
    long = sketch(" ".join(f"word{number}" for number in range(500)))
    assert Sketch.read(long.stored()) == long
    assert len(long.stored()) <= 384
    assert Sketch.read(b"\1\2\3") == Sketch(frozenset())


async def post(desk: Desk, text: str, subject: str = "Hello") -> None:
    form = {"email": "claire@example.com", "subject": subject, "message": text}
    async with desk.http.post(f"{desk.url}/forms/contact", json=form) as answer:
        assert answer.status in (201, 202)


async def test_the_same_matter_by_mail_and_by_form_is_two_tickets_linked_in_both_directions(desk: Desk) -> None:
    await desk.send(letter(MATTER, subject="Washing machine", Message_ID="<a@example.com>"))
    await desk.settle()
    await post(desk, f"Hello again, I wrote by mail already.\n{MATTER.upper()}\nClaire")
    await desk.settle()
    first, second = await desk.ticket(1), await desk.ticket(2)
    assert [(twin.number, twin.state) for twin in first.duplicates] == [(2, "offered")]
    assert [(twin.number, twin.state) for twin in second.duplicates] == [(1, "offered")]
    assert second.duplicates[0].score >= 90
    assert any("possible_duplicate" in line and "#1" in line for line in second.history)
    assert "said before" in second.messages[0].reasons["resembles"]


async def test_two_in_one_batch_are_linked_too(desk: Desk) -> None:
    await desk.send(letter(MATTER, Message_ID="<a@example.com>"))
    await post(desk, MATTER)
    await desk.settle()
    assert [(twin.number, twin.state) for twin in (await desk.ticket(2)).duplicates] == [(1, "offered")]


async def test_another_matter_and_another_person_are_not_linked(desk: Desk) -> None:
    await desk.send(letter(MATTER, Message_ID="<a@example.com>"))
    await desk.settle()
    await desk.send(letter(OTHER, subject="Hours", Message_ID="<b@example.com>"))
    hers = letter(MATTER, sender="Zoe <zoe@example.net>", Message_ID="<c@example.net>")
    await desk.send(hers, sender="zoe@example.net")
    await desk.settle()
    assert len(await desk.tickets()) == 3
    assert await desk.rows("SELECT * FROM resemblance") == []


async def test_what_was_said_longer_ago_than_the_window_is_not_compared(desk: Desk) -> None:
    await desk.send(letter(MATTER, Message_ID="<a@example.com>"))
    await desk.settle()
    await desk.rows("UPDATE message SET created_at = now() - interval '80 hours' RETURNING id")
    await post(desk, MATTER)
    await desk.settle()
    assert await desk.rows("SELECT * FROM resemblance") == []


@pytest.fixture
async def merging(settings: Settings, reader: Reader) -> AsyncIterator[Desk]:
    changed = settings.model_copy(update={"resemble": settings.resemble.model_copy(update={"merge": True})})
    async with Desk(changed, reader) as desk:
        yield desk


async def test_where_the_settings_say_so_it_joins_the_first_ticket(merging: Desk) -> None:
    await merging.send(letter(MATTER, Message_ID="<a@example.com>"))
    await merging.settle()
    await post(merging, MATTER)
    await merging.settle()
    [ticket] = await merging.tickets()
    whole = await merging.ticket(1)
    inbound = [message for message in whole.messages if message.direction == "in"]
    assert (ticket.messages, len(inbound)) == (3, 2)
    assert "merged by itself" in inbound[1].reasons["thread"]
    assert any("merged_duplicate" in line for line in whole.history)
    assert [row.state for row in await merging.rows("SELECT state FROM resemblance")] == ["merged"]
    outcomes = await merging.rows("SELECT outcome FROM inbox ORDER BY id")
    assert [row.outcome for row in outcomes] == ["ticket", "appended"]


async def test_a_ticket_that_is_closed_is_not_joined(merging: Desk) -> None:
    await merging.send(letter(MATTER, Message_ID="<a@example.com>"))
    await merging.settle()
    await merging.rows("UPDATE ticket SET status = 'closed', resolved_at = now() RETURNING id")
    await post(merging, MATTER)
    await merging.settle()
    assert len(await merging.tickets()) == 2


async def test_who_the_contact_is_and_what_waits_weighs_in_the_priority(desk: Desk) -> None:
    await desk.send(letter(OTHER, Message_ID="<a@example.com>"))
    await desk.settle()
    await desk.rows("UPDATE contact SET tier = 'vip' RETURNING id")
    await desk.rows("UPDATE ticket SET commitment_hours = 4, created_at = now() - interval '5 hours' RETURNING id")
    await desk.send(letter(MATTER, subject="Washing machine", Message_ID="<b@example.com>"))
    await desk.settle()
    triage = (await desk.ticket(2)).messages[0].reasons["triage"]
    assert "tier vip (+2)" in triage
    assert "commitment another ticket is past its time (+1)" in triage
    assert (await desk.ticket(2)).ticket.priority == "high"
