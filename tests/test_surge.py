"""Surges: many customers write of one matter; it is noticed once, and all of them are answered once."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from config.settings import Settings
from models import incident
from models.actor import Actor
from models.incident import NoIncidentError, NotAllowedError
from models.surge import Limits, Said, surges
from tests.desk import Desk, letter
from workers.surge import Surge

LIMITS = Limits(contacts=5, category_contacts=8, growth=3, likeness=0.6)
SONIA = Actor("agent", id=1, name="Sonia", role="supervisor")
PAUL = Actor("agent", id=2, name="Paul", role="agent", teams=("technical",))
DOWN = {
    "fr": "Bonjour, depuis ce matin votre plateforme affiche une erreur 502 à la connexion. {} Merci d'avance.",
    "en": "Hello, since this morning your platform shows an error 502 when signing in. {} Kind regards.",
}
ASIDE = ("C'est urgent.", "Pouvez-vous regarder ?", "Our whole team waits.", "Je suis bloqué.", "Any news?")


def said(number: int, words: set[int], **given: Any) -> Said:
    values = {"contact_id": number, "subject": "s", "subject_key": number, "category": "other", "product": ""}
    return Said(ticket_id=number, words=frozenset(words), **{**values, **given})


def found(tickets: list[Said], habit: dict[tuple[str, str], float] | None = None) -> list[tuple[str, int]]:
    return [(group.basis, len(group.tickets)) for group in surges(tickets, habit or {}, LIMITS)]


def test_the_same_words_of_many_contacts_are_a_surge_and_those_of_one_are_none() -> None:
    draw = random.Random(1)
    alike = [said(number, {1, 2, 3, 4, 5, 100 + number}) for number in range(20)]
    others = [said(100 + number, {draw.randrange(1000, 5000) for _ in range(12)}) for number in range(200)]
    mixed = [*alike, *others]
    draw.shuffle(mixed)
    assert found(mixed) == [("words", 20)]
    assert found(others) == []
    assert found([said(one.ticket_id, set(one.words), contact_id=7) for one in alike]) == []
    assert found(alike[:4]) == []


def test_one_subject_is_a_surge_and_none_is_not() -> None:
    assert found([said(number, {number}, subject_key=9) for number in range(5)]) == [("subject", 5)]
    assert found([said(number, {number}, subject_key=0) for number in range(5)]) == []


@pytest.mark.parametrize(("usual", "raised"), [(0, True), (3, True), (4, False), (30, False)])
def test_a_category_surges_against_its_habit_alone(usual: float, raised: bool) -> None:
    tickets = [said(number, {number}, category="billing") for number in range(11)]
    assert (found(tickets, {("billing", ""): usual}) == [("category", 11)]) == raised
    assert found([said(number, {number}) for number in range(50)]) == [], "what nobody could place is no matter"


def test_each_ticket_is_of_one_group() -> None:
    tickets = [said(number, {1, 2, 3, 4, 5}, subject_key=9, category="billing") for number in range(10)]
    assert found(tickets) == [("words", 10)]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"surge": settings.surge.model_copy(update={"contacts": 5})})


async def complain(desk: Desk, first: int, last: int, language: str = "fr") -> None:
    for number in range(first, last):
        sender = f"{language}{number}@example.com"
        body = DOWN[language].format(ASIDE[number % len(ASIDE)])
        await desk.send(letter(body, sender=sender, subject=f"Souci {sender}"), sender=sender)
    await desk.settle()


async def lines(desk: Desk) -> list[incident.IncidentLine]:
    async with desk.database.engine.connect() as connection:
        return await incident.incidents(connection, SONIA)


async def act(desk: Desk, function: Any, *given: Any, actor: Actor = SONIA, **named: Any) -> Any:
    async with desk.database.engine.begin() as connection:
        return await function(connection, actor, *given, **named)


async def answers(desk: Desk) -> list[tuple[int, str]]:
    """Ticket and words of all that agents said."""
    rows = await desk.rows(
        "SELECT ticket_id, text FROM message WHERE direction = 'out' AND sender LIKE 'agent:%' ORDER BY ticket_id"
    )
    return [(row.ticket_id, row.text) for row in rows]


async def test_it_is_raised_once_and_grows_and_no_ticket_changes(desk: Desk) -> None:
    await complain(desk, 0, 4)
    await desk.send(letter("Où est mon colis, commandé le 3 mars ?", subject="Colis"))
    await desk.settle()
    await desk.surge.drain()
    assert await lines(desk) == []
    await complain(desk, 4, 6)
    before = await desk.rows("SELECT status, priority, assignee_id, team FROM ticket ORDER BY id")
    await asyncio.gather(*(Surge(desk.database, desk.ingest.office).drain() for _ in range(4)))
    [one] = await lines(desk)
    assert (one.state, one.basis, one.tickets, one.contacts) == ("suspected", "words", 6, 6)
    await complain(desk, 6, 8)
    await desk.surge.drain()
    [one] = await lines(desk)
    assert one.tickets == 8
    assert await desk.rows("SELECT status, priority, assignee_id, team FROM ticket ORDER BY id LIMIT 7") == before
    events = await desk.rows(
        "SELECT ticket_id, actor, new FROM ticket_event WHERE kind = 'incident' ORDER BY ticket_id"
    )
    assert [event.ticket_id for event in events] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert {(event.actor, event.new) for event in events} == {("surge", str(one.id))}
    assert await answers(desk) == []


async def test_one_reply_goes_to_all_on_each_ones_channel_in_their_language_once(desk: Desk) -> None:
    await complain(desk, 0, 6)
    await complain(desk, 0, 5, "en")
    await desk.http.post(
        f"{desk.url}/forms/contact",
        data={"email": "form@example.com", "subject": "Souci", "message": DOWN["fr"].format("Merci."), "name": "F"},
    )
    await desk.settle()
    await desk.surge.drain()
    french, english = sorted(await lines(desk), key=lambda line: line.id)
    assert (french.tickets, english.tickets) == (7, 5)
    said = {"fr": "C'est réparé.", "en": "It is repaired."}
    with pytest.raises(NotAllowedError):
        await act(desk, incident.reply_to_all, french.id, said, once="1", actor=PAUL)
    first = await act(desk, incident.reply_to_all, french.id, said, once="1")
    assert await act(desk, incident.reply_to_all, french.id, said, once="1") == first, "a double click"
    await act(desk, incident.reply_to_all, english.id, said, once="1")
    workers = [Surge(desk.database, desk.ingest.office) for _ in range(3)]
    await asyncio.gather(*(worker.drain() for worker in workers))
    await desk.surge.drain()
    assert sorted(words for _number, words in await answers(desk)) == ["C'est réparé."] * 7 + ["It is repaired."] * 5
    assert len({number for number, _words in await answers(desk)}) == 12
    await desk.dispatch()
    assert sum(b"C'est r" in mail for mail in desk.outgoing()) == 7
    async with desk.database.engine.connect() as connection:
        [reply] = await incident.replies(connection, french.id)
    assert (reply.sent, reply.waiting, reply.failed) == (7, 0, 0)
    assert {row.status for row in await desk.rows("SELECT status FROM ticket")} == {"waiting"}


async def test_who_joins_afterwards_is_told_only_where_that_was_wanted(desk: Desk) -> None:
    await complain(desk, 0, 5)
    await desk.surge.drain()
    await act(desk, incident.reply_to_all, 1, {"fr": "Nous cherchons."}, once="1")
    await act(desk, incident.reply_to_all, 1, {"fr": "C'est réparé."}, once="2", later=True)
    await desk.surge.drain()
    await complain(desk, 5, 6)
    await desk.surge.drain()
    assert [words for number, words in await answers(desk) if number == 6] == ["C'est réparé."]
    assert len(await answers(desk)) == 11


async def test_what_is_detached_gets_nothing_and_does_not_come_back_by_itself(desk: Desk) -> None:
    await complain(desk, 0, 6)
    await desk.surge.drain()
    await act(desk, incident.detach, 1, 3)
    await desk.surge.drain()
    await act(desk, incident.reply_to_all, 1, {"fr": "C'est réparé."}, once="1")
    await desk.surge.drain()
    assert [number for number, _words in await answers(desk)] == [1, 2, 4, 5, 6]
    await act(desk, incident.attach, 1, 3)
    assert await act(desk, incident.members, 1) == [1, 2, 3, 4, 5, 6]


async def test_somebody_with_two_tickets_of_the_matter_is_told_once(desk: Desk) -> None:
    await complain(desk, 0, 5)
    await desk.send(letter("Ma facture est fausse.", sender="fr0@example.com", subject="Autre"))
    await desk.settle()
    await desk.surge.drain()
    await act(desk, incident.attach, 1, 6)
    await act(desk, incident.reply_to_all, 1, {"fr": "C'est réparé."}, once="1")
    await desk.surge.drain()
    await desk.dispatch()
    assert len(await answers(desk)) == 5
    assert sum(b"To: fr0@example.com" in mail and b"par" in mail for mail in desk.outgoing() if b"C'est" in mail) == 1


async def test_it_ends_and_begins_by_hand_and_hides_what_one_may_not_see(desk: Desk) -> None:
    await complain(desk, 0, 5)
    await desk.surge.drain()
    await act(desk, incident.confirm, 1, parent=1)
    [one] = await lines(desk)
    assert (one.state, one.parent) == ("confirmed", 1)
    await desk.rows("UPDATE ticket SET team = 'billing' RETURNING id")
    assert await act(desk, incident.incidents, actor=PAUL) == []
    for refused in (incident.confirm, incident.over):
        with pytest.raises(NoIncidentError):
            await act(desk, refused, 1, actor=PAUL)
    await act(desk, incident.over, 1)
    with pytest.raises(NoIncidentError):
        await act(desk, incident.reply_to_all, 1, {"fr": "?"}, once="9")
    assert await act(desk, incident.begin, [2, 3]) == 2
    await desk.rows(
        "UPDATE incident SET last_at = now() - interval '13 hours', state = 'suspected', basis = 'words' RETURNING id"
    )
    await desk.surge.drain()
    assert {line.state for line in await lines(desk)} == {"over"}
