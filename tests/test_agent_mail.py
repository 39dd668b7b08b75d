"""Agents answer from their own mail program: customer on WhatsApp or mail, and everything that must not get through."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from config.settings import Settings
from models.seals import agent_token, reply_token
from tests.agents_desk import FAIL, MARIE, MX, PASS, answer, assign, bare, body, notices, send, staffed, to
from tests.desk import Desk, letter
from tests.fakes import meta, twilio
from tests.provider_desk import hear, known
from workers.reader import Reader

pytest_plugins = ("tests.provider_fixtures",)


@pytest.fixture(scope="session")
async def pinned_reader(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    """A child that believes our mail server, and knows both providers."""
    recipients = {"recipients": ["support@example.org", "sales@example.org"]}
    behind = Settings(
        var=tmp_path_factory.mktemp("reader"), smtp=recipients, authenticity={"authserv_ids": [MX]}, **known()
    )
    child = Reader(behind)
    yield child
    await child.close()


@pytest.fixture
async def desk(
    settings: Settings, graph: meta.Meta, carrier: twilio.Twilio, pinned_reader: Reader
) -> AsyncIterator[Desk]:
    """Behind a mail server that authenticates, with both providers."""
    parts = known(meta={"api_url": graph.url}, twilio={"api_url": carrier.url, "content_url": carrier.url})
    pinned = settings.authenticity.model_copy(update={"authserv_ids": [MX]})
    async with Desk(settings.model_copy(update={**parts, "authenticity": pinned}), pinned_reader) as running:
        yield running


async def asked_by_mail(desk: Desk) -> Any:
    """Claire asked by mail; Marie has the ticket and was told. The notice."""
    crew = await staffed(desk)
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await assign(desk, 1, crew.ids["marie"])
    assert await notices(desk) == 1
    return to(desk)[-1], crew


async def replies(desk: Desk) -> list[str]:
    """What was relayed to customers."""
    rows = await desk.rows("SELECT text FROM message WHERE direction = 'out' AND sender LIKE 'agent:%' ORDER BY id")
    return [row.text for row in rows]


async def notes(desk: Desk) -> list[Any]:
    return await desk.rows("SELECT * FROM message WHERE direction = 'note' ORDER BY id")


async def test_the_walk_customer_on_whatsapp_and_agent_on_mail(desk: Desk, graph: meta.Meta) -> None:
    crew = await staffed(desk)
    await hear(desk, meta.message(text="Bonjour, où est mon colis ?"))
    await assign(desk, 1, crew.ids["marie"])
    assert await notices(desk) == 1
    assert await notices(desk) == 0, "each thing is told once"
    [notice] = to(desk)
    assert "où est mon colis" in body(notice)
    assert "WhatsApp" in body(notice)
    graph.taken.clear()
    await send(desk, answer(notice, "Il arrive demain.\n\n-- \nMarie Dupont\nmarie@example.org"))
    await desk.dispatch()
    [sent] = graph.taken
    assert sent["text"]["body"] == "Il arrive demain."
    assert (sent["to"], graph.wrong) == (meta.CUSTOMER, [])
    [out] = await desk.rows("SELECT * FROM message WHERE sender LIKE 'agent:%'")
    assert (out.delivery, out.sender_name) == ("sent", "Marie Dupont")
    assert "DMARC passed" in out.reasons["answer"]
    await hear(desk, meta.message(text="Merci !", wamid="wamid.IN2"))
    assert await notices(desk) == 1
    second = to(desk)[-1]
    assert "Merci !" in body(second).split("——")[-1]
    assert second["Subject"] == notice["Subject"]
    assert second["References"] == notice["References"], "one thread in her mail program"
    assert [row.outcome for row in await desk.rows("SELECT outcome FROM inbox ORDER BY id")] == [
        "ticket", "appended", "appended",
    ]  # fmt: skip
    assert all(row.difference == 0 for row in await desk.balance())


@pytest.mark.parametrize(("sealed", "authentic", "permitted"), list(itertools.product((True, False), repeat=3)))
async def test_only_all_true_reaches_the_customer(  # T3
    desk: Desk, sealed: bool, authentic: bool, permitted: bool
) -> None:
    notice, crew = await asked_by_mail(desk)
    if not permitted:
        await desk.rows("UPDATE ticket SET team = 'technical', assignee_id = NULL RETURNING id")
    address = bare(notice["Reply-To"])
    if not sealed:
        letters = "b" if address.partition("@")[0][-1] != "b" else "c"
        address = address.replace("@", "", 1)[: address.index("@") - 1] + letters + "@example.org"
    await send(desk, answer(notice, "Voici votre avoir.", to=address), PASS if authentic else "dmarc=none")
    await desk.dispatch()
    told = [body(mail) for mail in to(desk)[1:]]
    if sealed and authentic and permitted:
        assert await replies(desk) == ["Voici votre avoir."]
        assert len(to(desk, "claire@example.com")) == 2
        return
    assert await replies(desk) == []
    assert [mail for mail in to(desk, "claire@example.com") if "avoir" in str(mail)] == []
    if sealed or authentic:
        [note] = await notes(desk)
        assert (note.ticket_id, "avoir" in note.text) == (1, True)
        assert note.sender == (f"agent:{crew.ids['marie']}" if authentic else MARIE)
    else:
        assert await notes(desk) == [], "a stranger puts nothing into a ticket"
        assert [row.outcome for row in await desk.rows("SELECT outcome FROM inbox ORDER BY id")][-1] == "ticket"
    assert len(told) == 1, "she is told why"
    assert "avoir" not in told[0]


@pytest.mark.parametrize("results", [FAIL, "dmarc=none"])
async def test_who_writes_in_an_agents_name_reaches_nobody(desk: Desk, results: str) -> None:
    notice, _ = await asked_by_mail(desk)
    await send(desk, answer(notice, "Virez l'argent à FR76."), results)
    assert await replies(desk) == []
    [note] = await notes(desk)
    assert note.sender == MARIE
    assert note.remarks


async def test_a_forged_result_below_ours_is_not_believed(desk: Desk) -> None:
    notice, _ = await asked_by_mail(desk)
    forged = answer(notice, "x")
    forged["Authentication-Results"] = f"{MX}; {PASS}"
    await send(desk, forged, "dmarc=none")
    assert await replies(desk) == []


async def test_a_customers_token_is_no_agents_and_an_agents_is_no_customers(desk: Desk) -> None:
    notice, crew = await asked_by_mail(desk)
    secret = desk.ingest.office.secret
    for token in (
        reply_token(secret, 1, f"email:{MARIE}"),
        reply_token(secret, 1, f"agent:{crew.ids['marie']}"),
        agent_token(secret, 2, crew.ids["marie"]),
        agent_token(secret, 1, crew.ids["paul"]),
    ):
        mail = answer(notice, f"Essai {token[:4]}", to=f"support+t{token}@example.org", Message_ID=f"<{token}@x>")
        await send(desk, mail)
    assert await replies(desk) == []
    stranger = letter("moi aussi", sender="eve@evil.test", to=bare(notice["Reply-To"]), Message_ID="<e@x>")
    await send(desk, stranger, "dmarc=pass header.from=evil.test")
    assert await replies(desk) == []
    [row] = await desk.rows("SELECT participants, guests FROM ticket WHERE id = 1")
    assert "email:eve@evil.test" not in [*row.participants, *row.guests]


async def test_a_customer_to_whom_the_address_was_passed_on_writes_as_a_customer(desk: Desk) -> None:
    notice, _ = await asked_by_mail(desk)
    passed = letter("Encore moi", to=bare(notice["Reply-To"]), In_Reply_To="<a@x>", Message_ID="<c@x>")
    await send(desk, passed, "dmarc=pass header.from=example.com")
    assert await replies(desk) == []
    [row] = await desk.rows("SELECT ticket_id, direction FROM message WHERE external_id = 'c@x'")
    assert (row.ticket_id, row.direction) == (1, "in")


async def test_neither_an_absence_nor_a_bounce_of_hers_reaches_the_customer(desk: Desk) -> None:
    notice, _ = await asked_by_mail(desk)
    away = answer(notice, "Je suis absente jusqu'au 3.", Auto_Submitted="auto-replied")
    await send(desk, away)
    assert await replies(desk) == []
    rows = await desk.rows("SELECT outcome FROM inbox ORDER BY id")
    assert rows[-1].outcome == "machine"
    [event] = await desk.rows("SELECT * FROM ticket_event WHERE kind = 'unsent'")
    assert event.new == "machine"
    await desk.dispatch()
    assert len(to(desk)) == 1, "nothing answers a machine"


async def test_the_same_answer_by_two_routes_goes_out_once(desk: Desk) -> None:
    notice, _ = await asked_by_mail(desk)
    await send(desk, answer(notice, "Une fois."))
    twice = answer(notice, "Une fois.")
    twice["X-Route"] = "other"
    await send(desk, twice)
    assert await replies(desk) == ["Une fois."]
    assert [row.outcome for row in await desk.rows("SELECT outcome FROM inbox ORDER BY id")][-1] == "duplicate"


async def test_files_go_along_and_her_address_does_not(desk: Desk) -> None:
    notice, _ = await asked_by_mail(desk)
    mail = answer(notice, "Écrivez-moi : Marie@Example.org ou +33611111111.")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="avoir.pdf")
    await send(desk, mail)
    await desk.dispatch()
    sent = to(desk, "claire@example.com")[-1]
    assert [part.get_filename() for part in sent.iter_attachments()] == ["avoir.pdf"]
    assert "marie@" not in sent.as_string().lower()
    assert "support@example.org" in body(sent)


async def test_commands_are_done_with_the_answer(desk: Desk) -> None:
    notice, crew = await asked_by_mail(desk)
    await send(desk, answer(notice, "#priorité haute\n\nC'est réglé.\n\n#étiquette avoir\n#clos"))
    await desk.dispatch()
    assert await replies(desk) == ["C'est réglé."]
    [row] = await desk.rows("SELECT status, priority, tags FROM ticket")
    assert (row.status, row.priority, row.tags) == ("closed", "high", ["avoir"])
    actors = {r.actor for r in await desk.rows("SELECT actor FROM ticket_event WHERE kind IN ('priority', 'tags')")}
    assert actors == {f"agent:{crew.ids['marie']}"}


@pytest.mark.parametrize(
    "words",
    ["#prioritee haute\n\nBonjour", "#assign nobody\n\nBonjour", "Bonjour\n#clos\nencore", "#merge 99\n\nBonjour"],
)
async def test_a_wrong_command_does_nothing_at_all(desk: Desk, words: str) -> None:
    notice, _ = await asked_by_mail(desk)
    await send(desk, answer(notice, f"#priority urgent\n{words}"))
    await desk.dispatch()
    assert await replies(desk) == []
    [row] = await desk.rows("SELECT status, priority FROM ticket")
    assert (row.status, row.priority != "urgent") == ("open", True)
    [note] = await notes(desk)
    assert "Bonjour" in note.text
    assert "#priority urgent" in body(to(desk)[-1]), "what was understood"


async def test_a_note_stays_inside(desk: Desk) -> None:
    notice, crew = await asked_by_mail(desk)
    await send(desk, answer(notice, "#note client difficile"))
    await desk.dispatch()
    assert await replies(desk) == []
    [note] = await notes(desk)
    assert (note.text, note.sender) == ("client difficile", f"agent:{crew.ids['marie']}")
    assert "difficile" not in "".join(str(mail) for mail in to(desk, "claire@example.com"))


async def test_without_a_proof_an_inner_relay_must_be_named(desk: Desk) -> None:
    notice, _ = await asked_by_mail(desk)
    await send(desk, answer(notice, "un"), "none")
    assert await replies(desk) == []
    desk.settings.answering.inner_relays = ["127.0.0.0/8"]
    try:
        await send(desk, answer(notice, "deux", Message_ID="<two@x>"), "none")
        assert await replies(desk) == ["deux"]
        await send(desk, answer(notice, "trois", Message_ID="<three@x>"), FAIL)
        assert await replies(desk) == ["deux"], "who is shown to be somebody else is not believed by any relay"
    finally:
        desk.settings.answering.inner_relays = []


async def test_quiet_hours_hold_what_is_not_urgent(desk: Desk) -> None:
    crew = await staffed(desk)
    await desk.rows("UPDATE agent SET quiet_hours = '00:00-23:59' RETURNING id")
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await assign(desk, 1, crew.ids["marie"])
    assert await notices(desk) == 0
    await desk.rows(
        "INSERT INTO ticket_event (ticket_id, actor, kind, old, new)"
        " VALUES (1, 'clock', 'commitment_breach', 'resolution', '') RETURNING id"
    )
    assert await notices(desk) == 1, "a broken commitment is urgent"
    await desk.rows("UPDATE agent SET quiet_hours = '' RETURNING id")
    await notices(desk)
    assert await desk.rows("SELECT 1 FROM agent_notice WHERE told_at IS NULL") == []


async def test_a_notice_holds_no_link_that_is_the_customers_alone(desk: Desk) -> None:
    notice, _ = await asked_by_mail(desk)
    acknowledgement = to(desk, "claire@example.com")[0]
    assert "https://desk.example.org/t/" in body(acknowledgement)
    assert "/t/" not in body(notice)


async def test_supervisors_are_told_of_a_surge_and_of_what_nobody_has(desk: Desk) -> None:
    await staffed(desk)
    await desk.rows("UPDATE agent SET notify_channel = 'email' RETURNING id")
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await desk.rows("INSERT INTO ticket_event (ticket_id, actor, kind) VALUES (1, 'idle', 'unassigned') RETURNING id")
    await desk.rows(
        "INSERT INTO incident (state, basis, subject) VALUES ('suspected', 'subject', 'Panne de site') RETURNING id"
    )
    assert await notices(desk) == 4
    assert to(desk) == []
    told = "".join(body(mail) for mail in to(desk, "sonia@example.org"))
    assert "Panne de site" in told
    assert "Personne n’a ce ticket" in told
    assert await notices(desk) == 0


async def test_who_may_not_see_the_ticket_is_told_nothing(desk: Desk) -> None:
    crew = await staffed(desk)
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await assign(desk, 1, crew.ids["marie"])
    await desk.rows("UPDATE ticket SET team = 'technical', assignee_id = NULL RETURNING id")
    assert await notices(desk) == 0
