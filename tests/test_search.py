"""What was said is found again: accents, plurals, both languages, phrases; by those who may see it alone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from models import queue, search
from models.actor import Actor
from models.queue import Filters
from tests.desk import Desk, letter
from workers.indexing import STEP, Indexing

SUPERVISOR = Actor("agent", id=1, name="Sonia", role="supervisor")
BILLING = Actor("agent", id=2, name="Marie", role="agent", teams=("billing",))
TECHNICAL = Actor("agent", id=3, name="Paul", role="agent", teams=("technical",))


async def index(desk: Desk) -> None:
    indexing = Indexing(desk.database)
    while await indexing.drain():
        pass


async def found(desk: Desk, words: str, actor: Actor = SUPERVISOR, **filters: str) -> list[int]:
    async with desk.database.engine.begin() as connection:
        listing = await queue.listing(connection, actor, Filters(text=words, **filters))
    return [line.number for line in listing.lines]


async def write(desk: Desk, *said: str) -> None:
    for place, words in enumerate(said):
        await desk.send(letter(words, sender=f"Client {place} <client{place}@example.com>", subject=f"Sujet {place}"))
    await desk.settle()
    await index(desk)


async def test_accents_plurals_and_elisions_do_not_matter_in_either_language(desk: Desk) -> None:
    await write(
        desk,
        "Bonjour, l’écran de ma chaudière présente des problèmes depuis l’été.",
        "Hello, my order was delivered to the wrong house and two boxes are missing.",
    )
    for words in ("probleme", "PROBLÈME", "chaudières", "chaudiere problemes", "ecran", '"ma chaudiere"'):
        assert await found(desk, words) == [1], words
    for words in ("orders", "delivering", "box missing", '"wrong house"', "missing -chaudiere"):
        assert await found(desk, words) == [2], words
    for words in ("introuvable", '"house wrong"', "order -boxes"):
        assert await found(desk, words) == [], words
    assert await found(desk, "chaudiere OR boxes") == [2, 1]


async def test_names_addresses_subjects_and_numbers_find_their_ticket(desk: Desk) -> None:
    await write(desk, "Bonjour.", "Bonsoir.")
    assert await found(desk, "client1@example.com") == [2]
    assert await found(desk, '"client 0"') == [1]
    assert await found(desk, "#2") == [2]
    assert await found(desk, "1") == [1]


async def test_another_teams_words_are_not_found(desk: Desk) -> None:
    await write(desk, "Le mot secret est artichaut.")
    await desk.rows("UPDATE ticket SET team = 'billing' RETURNING 1")
    assert await found(desk, "artichaut", BILLING) == [1]
    assert await found(desk, "#1", BILLING) == [1]
    assert await found(desk, "artichaut", TECHNICAL) == await found(desk, "#1", TECHNICAL) == []
    await desk.rows("UPDATE ticket SET assignee_id = 3 RETURNING 1")
    assert await found(desk, "artichaut", TECHNICAL) == [1]


async def test_pages_of_results_follow_each_other_over_all_blocks(desk: Desk) -> None:
    """Messages lie far apart, so that the newest block, the large one and all the rest must be asked."""
    await write(desk, "Bonjour.")
    await desk.rows(
        "INSERT INTO ticket (contact_id, message_count) SELECT contact_id, 1 FROM ticket, generate_series(1, 30)"
        " RETURNING 1"
    )
    await desk.rows(
        "INSERT INTO message (id, ticket_id, text) SELECT 100 + n * 30000, n, 'un mot rare : topinambour'"
        " FROM generate_series(1, 30) AS n RETURNING 1"
    )
    await index(desk)
    seen: list[int] = []
    after = ""
    while True:
        async with desk.database.engine.begin() as connection:
            page = await queue.listing(connection, SUPERVISOR, Filters(text="topinambours"), after=after, most=7)
        seen += [line.number for line in page.lines]
        after = page.after
        if not after:
            break
    assert seen == list(range(30, 0, -1))


async def test_a_message_that_is_committed_late_is_found_all_the_same(desk: Desk) -> None:
    await write(desk, "Bonjour.")
    async with desk.database.engine.connect() as late:
        transaction = await late.begin()
        await late.exec_driver_sql("INSERT INTO message (id, ticket_id, text) VALUES (50, 1, 'en retard : rutabaga')")
        await desk.rows("INSERT INTO message (id, ticket_id, text) VALUES (60, 1, 'à temps : panais') RETURNING 1")
        await index(desk)
        assert await found(desk, "panais") == [1]
        await transaction.commit()
    await index(desk)
    assert await found(desk, "rutabaga") == [1]


async def test_old_messages_are_not_looked_at_again(desk: Desk) -> None:
    await write(desk, "Bonjour.")
    await desk.rows("UPDATE message SET created_at = now() - interval '1 hour' RETURNING 1")
    await index(desk)
    newest = (await desk.rows("SELECT max(id) FROM message"))[0][0]
    assert (await desk.rows("SELECT up_to FROM search_progress"))[0][0] == newest


async def test_indexing_rests_longer_while_something_waits_to_be_settled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    await write(desk, "Bonjour.")
    await desk.rows("INSERT INTO message (ticket_id, text) SELECT 1, 'mot' FROM generate_series(1, 250) RETURNING 1")
    monkeypatch.setattr("workers.indexing.time.monotonic", iter(range(1000)).__next__)
    monkeypatch.setattr("workers.indexing.asyncio.sleep", rest)
    before = (await desk.rows("SELECT count(*) FROM message_search"))[0][0]
    assert await Indexing(desk.database).drain()
    await desk.rows(
        "INSERT INTO inbox (door_key, due_at) VALUES (gen_random_uuid(), now() + interval '1 h') RETURNING 1"
    )
    assert await Indexing(desk.database).drain()
    assert (await desk.rows("SELECT count(*) FROM message_search"))[0][0] == before + 2 * STEP
    assert rests[1] == pytest.approx(9 * rests[0]), "as long as the step, then nine times as long"
    assert rests[0] > 0


async def test_two_indexers_do_not_meet(desk: Desk) -> None:
    await write(desk, "Bonjour.")
    await desk.rows("INSERT INTO message (ticket_id, text) VALUES (1, 'mot') RETURNING 1")
    async with desk.database.engine.begin() as one, desk.database.engine.begin() as other:
        assert await search.follow(one, most=10) == 1
        assert await search.follow(other, most=10) == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=strategies.text(max_size=60))
async def test_no_question_breaks_the_search(desk: Desk, words: str) -> None:
    await found(desk, words.replace("\0", "").encode("utf-8", "replace").decode())


async def test_what_is_deleted_is_not_found(desk: Desk) -> None:
    await write(desk, "Un mot unique : salsifis.")
    assert await found(desk, "salsifis") == [1]
    await desk.rows("DELETE FROM message WHERE text LIKE '%salsifis%' RETURNING 1")
    assert await found(desk, "salsifis") == []


async def test_a_frequent_word_in_the_few_tickets_that_a_filter_lets_through(desk: Desk) -> None:
    await write(desk, *["Encore une facture." for _ in range(5)])
    await desk.rows("UPDATE ticket SET category = 'complaint' WHERE id = 2 RETURNING 1")
    assert await found(desk, "facture", category="complaint") == [2]
