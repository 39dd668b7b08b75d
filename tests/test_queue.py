"""The queue: every ticket once in every order, whatever comes and goes; filters; who sees what."""

from __future__ import annotations

import random

from models import canned_text, queue, saved_view
from models.actor import Actor
from models.canned_text import Canned
from models.people import Person, mentioned
from models.queue import Filters
from tests.desk import Desk

SUPERVISOR = Actor("agent", id=1, name="Sonia", role="supervisor")
BILLING = Actor("agent", id=2, name="Marie", role="agent", teams=("billing",))
PEOPLE = [Person(1, "Marie Dupont", "available"), Person(2, "Paul Leroy", "away"), Person(3, "Marie Curie", "away")]


async def fill(desk: Desk, count: int) -> None:
    """Tickets of every status, priority and team; many at the same moment."""
    await desk.rows("INSERT INTO contact (name) VALUES ('Claire') RETURNING 1")
    await desk.rows(
        "INSERT INTO ticket (contact_id, message_count, subject, status, priority, team, assignee_id, category,"
        " channel, tags, updated_at, commitment_hours)"
        " SELECT 1, 0, 'Sujet ' || n, (ARRAY['open', 'in_progress', 'waiting', 'resolved', 'closed'])[1 + n % 5],"
        " (ARRAY['low', 'normal', 'high', 'urgent'])[1 + n % 4], (ARRAY['', 'billing', 'technical'])[1 + n % 3],"
        " nullif(n % 4, 0), (ARRAY['billing', 'other'])[1 + n % 2], 'x', CASE WHEN n % 7 = 0 THEN '{vip}'::text[]"
        " ELSE '{}' END, now() - make_interval(mins => n / 10), (ARRAY[2, 24, NULL])[1 + n % 3]"
        f" FROM generate_series(1, {count}) AS n RETURNING 1"
    )
    await desk.rows(
        "INSERT INTO ticket_clock (ticket_id, due_at) SELECT id, CASE WHEN id % 3 > 0 THEN"
        " now() + make_interval(hours => cast(id % 9 AS int)) END FROM ticket WHERE id % 5 > 0 RETURNING 1"
    )


async def pages(desk: Desk, actor: Actor, filters: Filters, order: str) -> list[int]:
    seen: list[int] = []
    after = ""
    while True:
        async with desk.database.engine.begin() as connection:
            page = await queue.listing(connection, actor, filters, order=order, after=after, most=9)
        seen += [line.number for line in page.lines]
        if not page.after:
            return seen
        after = page.after


async def test_pages_show_every_ticket_once_in_every_order(desk: Desk) -> None:
    await fill(desk, 100)
    wanted = {row.id for row in await desk.rows("SELECT id FROM ticket WHERE status NOT IN ('resolved', 'closed')")}
    for order in queue.ORDERS:
        seen = await pages(desk, SUPERVISOR, Filters(), order)
        assert len(seen) == len(set(seen)), order
        assert set(seen) == wanted, order


async def test_urgent_ones_come_first_and_the_oldest_of_them_first(desk: Desk) -> None:
    await fill(desk, 60)
    seen = await pages(desk, SUPERVISOR, Filters(), "priority")
    rank = {"urgent": 0, "high": 1, "normal": 2, "low": 3}
    rows = {row.id: rank[row.priority] for row in await desk.rows("SELECT id, priority FROM ticket")}
    assert seen == sorted(seen, key=lambda number: (rows[number], number))


async def test_a_ticket_that_comes_or_goes_between_two_pages_doubles_and_hides_nothing(desk: Desk) -> None:
    await fill(desk, 60)
    async with desk.database.engine.begin() as connection:
        first = await queue.listing(connection, SUPERVISOR, Filters(), order="oldest", most=10)
    gone = first.lines[3].number
    await desk.rows(f"UPDATE ticket SET status = 'closed' WHERE id = {gone} RETURNING 1")
    async with desk.database.engine.begin() as connection:
        second = await queue.listing(connection, SUPERVISOR, Filters(), order="oldest", after=first.after, most=10)
    numbers = [line.number for line in (*first.lines, *second.lines)]
    assert numbers == sorted(set(numbers))
    whole = [row.id for row in await desk.rows("SELECT id FROM ticket WHERE id <= :most AND (status NOT IN"
        " ('resolved', 'closed') OR id = :gone) ORDER BY id", most=numbers[-1], gone=gone)]  # fmt: skip
    assert numbers == whole


FILTERS: list[tuple[dict[str, str], str]] = [
    ({"status": "waiting"}, "status = 'waiting'"),
    ({"status": "done"}, "status IN ('resolved', 'closed')"),
    ({"status": "all"}, "true"),
    ({"priority": "high"}, "priority = 'high' AND status NOT IN ('resolved', 'closed')"),
    ({"assignee": "me", "status": "all"}, "assignee_id = 1"),
    ({"assignee": "nobody", "status": "all"}, "assignee_id IS NULL"),
    ({"assignee": "3", "status": "all"}, "assignee_id = 3"),
    ({"team": "billing", "status": "all"}, "team = 'billing'"),
    ({"team": "nobody", "status": "all"}, "team = ''"),
    ({"tag": "vip", "status": "all"}, "'vip' = ANY(tags)"),
    ({"category": "other", "channel": "x", "status": "all"}, "category = 'other'"),
    ({"product": "none"}, "false"),
    ({"contact": "1"}, "true"),
    ({"status": "nonsense"}, "status NOT IN ('resolved', 'closed')"),
]


async def test_filters_let_through_what_they_say(desk: Desk) -> None:
    await fill(desk, 60)
    for filters, condition in FILTERS:
        given = Filters.of(filters)
        seen = await pages(desk, SUPERVISOR, given, queue.order_of(given, "newest"))
        assert set(seen) == {row.id for row in await desk.rows(f"SELECT id FROM ticket WHERE {condition}")}, filters
        async with desk.database.engine.begin() as connection:
            assert await queue.count(connection, SUPERVISOR, given) == len(seen), filters


async def test_an_agent_sees_and_counts_the_tickets_of_their_teams_alone(desk: Desk) -> None:
    await fill(desk, 60)
    seen = await pages(desk, BILLING, Filters(status="all"), "newest")
    mine = "team IN ('', 'billing') OR assignee_id = 2"
    assert set(seen) == {row.id for row in await desk.rows(f"SELECT id FROM ticket WHERE {mine}")}
    async with desk.database.engine.begin() as connection:
        counts = await queue.counts(connection, BILLING)
    open_ones = f"SELECT count(*) FROM ticket WHERE status NOT IN ('resolved', 'closed') AND ({mine})"
    assert counts["unresolved"] == (await desk.rows(open_ones))[0][0]
    assert counts["me"] == (await desk.rows(f"{open_ones} AND assignee_id = 2"))[0][0]


async def test_a_place_that_nobody_gave_breaks_nothing(desk: Desk) -> None:
    await fill(desk, 5)
    async with desk.database.engine.begin() as connection:
        for after in ("", "x", "|", "1|x", "inf|1", "2026-01-01|5", "9|9|9", "é|1", "'|1"):
            for order in ("priority", "due", "newest"):
                await queue.listing(connection, SUPERVISOR, Filters(), order=order, after=after)


def test_mentions_name_one_person_or_nobody() -> None:
    assert mentioned("@paul regarde, @marie.curie aussi", PEOPLE) == [2, 3]
    assert mentioned("@marie lis ceci", PEOPLE) == [], "two have that first name"
    assert mentioned("écris à paul@leroy.fr, merci @inconnu", PEOPLE) == []
    assert mentioned("Merci @Paul. Fini.", PEOPLE) == [2]


def test_what_a_customer_is_called_fills_no_other_place() -> None:
    values = {"customer": "{agent}", "agent": "Marie", "number": "7"}
    assert canned_text.filled("{customer} {number} {agent} {other} {", values) == "{agent} 7 Marie {other} {"


async def test_views_are_ones_own_and_those_of_all_are_made_by_supervisors(desk: Desk) -> None:
    await desk.rows("INSERT INTO agent (email, name) VALUES ('s@x', 'Sonia'), ('m@x', 'Marie') RETURNING 1")
    async with desk.database.engine.begin() as connection:
        assert await saved_view.save(connection, SUPERVISOR, "Litiges", "category=billing", shared=True)
        assert await saved_view.save(connection, BILLING, "Les miens", "assignee=me", shared=False)
        assert not await saved_view.save(connection, BILLING, "Pour tous", "", shared=True)
        assert not await saved_view.save(connection, BILLING, "", "x", shared=False)
        assert [view.name for view in await saved_view.views(connection, BILLING)] == ["Litiges", "Les miens"]
        assert [view.name for view in await saved_view.views(connection, SUPERVISOR)] == ["Litiges"]
        shared, own = await saved_view.views(connection, BILLING)
        assert not await saved_view.drop(connection, BILLING, shared.id)
        assert not await saved_view.drop(connection, SUPERVISOR, own.id)
        for _ in range(saved_view.MOST + 5):
            await saved_view.save(connection, BILLING, f"Vue {random.random()}", "", shared=False)
        assert len(await saved_view.views(connection, BILLING)) == saved_view.MOST + 1


async def test_canned_texts_are_those_of_ones_teams_and_written_by_supervisors(desk: Desk) -> None:
    texts = [
        Canned(0, "Excuses", "fr", "", "Désolés"),
        Canned(0, "Avoir", "fr", "billing", "Un avoir"),
        Canned(0, "Reset", "en", "technical", "Reset it"),
    ]
    async with desk.database.engine.begin() as connection:
        for one in texts:
            assert await canned_text.save(connection, SUPERVISOR, one)
        assert not await canned_text.save(connection, BILLING, texts[0])
        found = await canned_text.texts(connection, BILLING)
        assert [one.name for one in found] == ["Avoir", "Excuses"]
        assert not await canned_text.drop(connection, BILLING, found[0].id)
        assert await canned_text.drop(connection, SUPERVISOR, found[0].id)
