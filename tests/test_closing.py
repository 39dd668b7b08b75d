"""Closing asks first: by mail and page, by WhatsApp and SMS, in plain words; and how satisfied the customer is."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from config.settings import Settings
from models import life
from models.actor import Actor
from models.life import Cycle
from tests.desk import Desk, letter
from tests.fakes import meta, twilio
from tests.fakes.meta import message
from tests.provider_desk import hear, text
from tests.test_portal import newest, page
from workers import idle
from workers.closing import Closing

pytest_plugins = ("tests.provider_fixtures",)

ADA = Actor("agent", 1, "Ada", "administrator")
ANSWER = re.compile(r"http://\S+/t/[A-Za-z0-9_-]{22}\?\S+")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    closing = settings.closing.model_copy(update={"ask_after_seconds": 0, "satisfaction_after_minutes": 0})
    public = f"http://127.0.0.1:{settings.http.port}"
    return settings.model_copy(update={"public_url": public, "closing": closing})


async def resolve(desk: Desk, number: int = 1) -> int:
    """An agent resolves it; what follows goes out. Returns how many messages were queued."""
    async with desk.database.engine.begin() as connection:
        cycle = Cycle.of(desk.settings)
        await life.change(connection, ADA, number, {"status": "resolved"}, cycle=cycle)
    return await work(desk)


async def work(desk: Desk) -> int:
    queued = await Closing(desk.database, desk.ingest.office).drain()
    await desk.dispatch()
    return queued


async def history(desk: Desk, number: int = 1) -> list[tuple[str, str, str]]:
    rows = await desk.rows(
        "SELECT kind, old, new FROM ticket_event WHERE ticket_id = :n AND kind IN ('status', 'solved', 'satisfaction')"
        " ORDER BY id", n=number,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def post(desk: Desk, address: str, **fields: str) -> str:
    """Press a button of the page; the page that follows."""
    there = address.partition("?")[0] + "/answer"
    async with desk.http.post(there, data=fields) as answer:
        assert answer.status == 200
        return await answer.text()


async def asked(desk: Desk, **mail: str) -> list[str]:
    """A mail came in and was resolved; the links of the question."""
    await desk.send(letter(**mail))
    await desk.settle()
    await desk.dispatch()
    assert await resolve(desk) == 1
    return ANSWER.findall(newest(desk))


def mails(desk: Desk) -> list[Any]:
    return [message_from_bytes(raw, policy=default) for raw in desk.outgoing()]


async def test_by_mail_yes_is_one_click_and_the_page_asks_for_a_score(desk: Desk) -> None:
    yes, no = await asked(desk)
    assert (yes.rpartition("?")[2], no.rpartition("?")[2]) == ("solved=yes", "solved=no")
    shown = await page(desk, yes)
    assert "Votre demande est-elle résolue" in shown
    assert 'value="yes" data-chosen' in shown
    assert await history(desk) == [("status", "open", "resolved")], "looking at a link answers nothing"
    shown = await post(desk, yes, solved="yes")
    assert "Êtes-vous satisfait" in shown
    assert (await desk.ticket(1)).ticket.status == "closed"
    assert "est enregistré" in await post(desk, yes, score="4", comment="Rapide <b>!</b>")
    await post(desk, yes, score="5")
    assert (await history(desk))[1:] == [
        ("solved", "", "yes"),
        ("status", "resolved", "closed"),
        ("satisfaction", "", "4"),
        ("satisfaction", "4", "5"),
    ]
    [row] = await desk.rows("SELECT score, comment, asked FROM satisfaction")
    assert tuple(row) == (5, "Rapide <b>!</b>", False)
    assert await work(desk) == 0, "who gave a score is not asked for one"
    assert "&lt;b&gt;" in await page(desk, yes)


async def test_no_opens_it_again_and_another_resolution_asks_again(desk: Desk) -> None:
    _yes, no = await asked(desk)
    await post(desk, no, solved="no")
    assert (await desk.ticket(1)).ticket.status == "open"
    await post(desk, no, solved="yes")
    assert (await history(desk))[-1] == ("status", "resolved", "open"), "an old question takes no second answer"
    assert await resolve(desk) == 1
    assert await work(desk) == 0, "once for each resolution"


@pytest.mark.parametrize(
    ("said", "status"), [("Oui, merci !", "closed"), ("Non", "open"), ("Merci, mais et la seconde facture ?", "open")]
)
async def test_by_mail_a_plain_answer_is_understood(desk: Desk, said: str, status: str) -> None:
    await asked(desk)
    question = max(mails(desk), key=lambda mail: "résolue" in mail["Subject"])
    ours = question["Reply-To"].split("<")[-1].strip("> ")
    assert question["Auto-Submitted"], "machines must not answer it"
    await desk.send(letter(said, to=ours, subject=f"Re: {question['Subject']}"), to=ours)
    await desk.settle()
    assert (await desk.ticket(1)).ticket.status == status
    answers = await desk.rows("SELECT answer FROM solved_question")
    assert [row.answer for row in answers] == [{"Oui, merci !": "yes", "Non": "no"}.get(said, "")]


async def test_silence_closes_and_then_a_score_is_asked_for_once(desk: Desk) -> None:
    await asked(desk)
    await desk.rows("UPDATE solved_question SET closes_at = now() RETURNING 1")
    assert await work(desk) == 1
    assert (await history(desk))[1:] == [("solved", "", "silence"), ("status", "resolved", "closed")]
    links = ANSWER.findall(newest(desk))
    assert [link.rpartition("=")[2] for link in links] == ["5", "4", "3", "2", "1"]
    assert await work(desk) == 0
    rating = max(mails(desk), key=lambda mail: "satisfait" in mail["Subject"])
    ours = rating["Reply-To"].split("<")[-1].strip("> ")
    await desk.send(letter("4, très bien", to=ours, subject=f"Re: {rating['Subject']}"), to=ours)
    await desk.settle()
    assert (await desk.ticket(1)).ticket.status == "closed", "a score opens nothing again"
    [row] = await desk.rows("SELECT score, comment FROM satisfaction")
    assert tuple(row) == (4, "très bien")
    await desk.send(letter("Autre chose", subject="Une autre demande"))
    await desk.settle()
    await resolve(desk, 2)
    await desk.rows("UPDATE solved_question SET closes_at = now() WHERE answer = '' RETURNING 1")
    assert await work(desk) == 0, "one contact is asked once in thirty days"
    assert (await desk.ticket(2)).ticket.status == "closed"


@pytest.mark.parametrize(
    ("why", "statement"),
    [
        ("stopped", "UPDATE identity SET stopped_at = now() RETURNING 1"),
        ("blocked", "UPDATE identity SET blocked_until = now() + interval '1 day' RETURNING 1"),
        ("machine", """UPDATE message SET reasons = '{"acknowledge": "A5: it says so"}' RETURNING 1"""),
        ("late", "UPDATE ticket SET resolved_at = now() - interval '3 days' RETURNING 1"),
        ("no_way", "UPDATE ticket SET answer_address = '' RETURNING 1"),
    ],
)  # fmt: skip
async def test_who_must_not_be_written_to_is_asked_nothing(desk: Desk, why: str, statement: str) -> None:
    await desk.send(letter())
    await desk.settle()
    async with desk.database.engine.begin() as connection:
        await life.change(connection, ADA, 1, {"status": "resolved"}, cycle=Cycle.of(desk.settings))
    await desk.rows(statement)
    assert await work(desk) == 0
    [row] = await desk.rows("SELECT asked, why FROM solved_question")
    assert tuple(row) == (False, why)
    await desk.rows("UPDATE solved_question SET closes_at = now() RETURNING 1")
    assert await work(desk) == 0
    assert (await desk.ticket(1)).ticket.status == "closed"


async def test_on_whatsapp_a_button_closes_and_a_list_takes_the_score(phone_desk: Desk, graph: meta.Meta) -> None:
    await hear(phone_desk, message(text="Bonjour, ma facture est fausse"))
    await phone_desk.dispatch()
    assert await resolve(phone_desk) == 1
    buttons = graph.taken[-1]["interactive"]["action"]["buttons"]
    assert [button["reply"]["title"] for button in buttons] == ["Oui", "Non"]
    tapped = {"type": "button_reply", "button_reply": {"id": "solved-yes", "title": "Oui"}}
    await hear(phone_desk, message("interactive", "wamid.IN2", content=tapped))
    assert (await history(phone_desk))[-2:] == [("solved", "", "yes"), ("status", "resolved", "closed")]
    assert await work(phone_desk) == 1
    rows = graph.taken[-1]["interactive"]["action"]["sections"][0]["rows"]
    assert rows[4]["title"] == "Très satisfait"
    await hear(phone_desk, message(wamid="wamid.IN3", text="5 parfait"))
    [row] = await phone_desk.rows("SELECT score, comment, channel FROM satisfaction")
    assert tuple(row) == (5, "parfait", "meta")
    assert len(await phone_desk.tickets()) == 1
    await hear(phone_desk, message(wamid="wamid.IN4", text="Une autre question"))
    assert len(await phone_desk.tickets()) == 2, "what answers nothing is another matter"


async def test_by_sms_a_plain_no_opens_it_again(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    await text(phone_desk)
    assert await resolve(phone_desk) == 1
    await text(phone_desk, MessageSid="SM2", Body="Non")
    assert (await phone_desk.ticket(1)).ticket.status == "open"
    assert len(await phone_desk.tickets()) == 1


async def test_silent_and_ownerless_tickets_are_told_once_and_what_was_put_off_comes_back(desk: Desk) -> None:
    for _ in range(2):
        await desk.send(letter())
        await desk.settle()
    await desk.rows(
        "UPDATE ticket SET updated_at = now() - interval '8 days', created_at = now() - interval '9 days' RETURNING 1"
    )
    look = lambda: idle.look(desk.database, desk.settings)  # noqa: E731 - read three times below
    assert await look() == 2
    assert await look() == 0
    rows = await desk.rows("SELECT kind, new FROM ticket_event WHERE actor = 'idle' ORDER BY kind")
    assert [tuple(row) for row in rows] == [("inactive", "8"), ("unassigned", "")]
    await desk.rows("UPDATE ticket SET snoozed_until = now() RETURNING 1")
    assert await look() == 1
    [row] = await desk.rows("SELECT new, (SELECT snoozed_until FROM ticket) FROM ticket_event WHERE kind = 'snoozed'")
    assert tuple(row) == ("", None)
