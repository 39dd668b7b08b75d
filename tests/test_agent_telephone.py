"""Agents answer from their telephone: by WhatsApp and SMS, with the customer on mail."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.agents_desk import TELEPHONE, assign, notices, staffed, to
from tests.desk import Desk, letter
from tests.fakes import meta, twilio
from tests.provider_desk import call, hear, tell, text

pytest_plugins = ("tests.provider_fixtures",)
MARIE = TELEPHONE.removeprefix("+")


@pytest.fixture
def desk(phone_desk: Desk) -> Desk:
    return phone_desk


async def asked(desk: Desk, line: str) -> dict[str, int]:
    """Claire asked by mail; Marie, whom `line` tells, has the ticket and was told."""
    crew = await staffed(desk, line)
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await assign(desk, 1, crew.ids["marie"])
    await notices(desk)
    return crew.ids


async def replies(desk: Desk) -> list[str]:
    await desk.dispatch()
    rows = await desk.rows("SELECT text FROM message WHERE direction = 'out' AND sender LIKE 'agent:%' ORDER BY id")
    return [row.text for row in rows]


def said(words: str, quoted: str = "", wamid: str = "wamid.M1") -> dict[str, object]:
    """A WhatsApp of Marie's."""
    context = {"context": {"from": "15550783881", "id": quoted}} if quoted else {}
    return meta.message(text=words, sender=MARIE, wamid=wamid, **context)


async def test_the_walk_customer_on_mail_and_agent_on_whatsapp(desk: Desk, graph: meta.Meta) -> None:
    await asked(desk, "meta")
    [notice] = graph.taken
    assert notice["to"] == MARIE
    assert "ma facture est fausse" in notice["text"]["body"]
    await hear(desk, said("Je la corrige.\n#attente", notice["wamid"]))
    assert await replies(desk) == ["Je la corrige."]
    mail = to(desk, "claire@example.com")[-1]
    assert mail["In-Reply-To"] == "<a@x>"
    assert MARIE not in mail.as_string()
    assert (await desk.ticket(1)).ticket.status == "waiting"
    answer = letter("Merci", In_Reply_To=mail["Message-ID"], Message_ID="<b@x>")
    await desk.send(answer)
    await desk.settle()
    await notices(desk)
    assert "Merci" in graph.taken[-1]["text"]["body"]


@pytest.mark.parametrize(("named", "permitted"), list(itertools.product((True, False), repeat=2)))
async def test_whatsapp_only_all_true_reaches_the_customer(  # T3: each row unsigned first, then signed
    desk: Desk, graph: meta.Meta, named: bool, permitted: bool
) -> None:
    await asked(desk, "meta")
    if not permitted:
        await desk.rows("UPDATE ticket SET team = 'technical', assignee_id = NULL RETURNING id")
    body = meta.webhook([said("Voici votre avoir.", graph.taken[0]["wamid"] if named else "")])
    assert await tell(desk, body, meta.sign(body, "another-secret")) == 401
    await desk.settle()
    assert await replies(desk) == []
    assert await tell(desk, body) == 200
    await desk.settle()
    assert await replies(desk) == (["Voici votre avoir."] if named and permitted else [])
    notes = await desk.rows("SELECT ticket_id FROM message WHERE direction = 'note'")
    assert [note.ticket_id for note in notes] == ([1] if named and not permitted else [])
    assert [row.id for row in await desk.rows("SELECT id FROM ticket")] == [1], "no agent's words open a ticket"


@pytest.mark.parametrize(("coded", "permitted"), list(itertools.product((True, False), repeat=2)))
async def test_sms_only_all_true_reaches_the_customer(  # T3: each row unsigned first, then signed
    desk: Desk, carrier: twilio.Twilio, coded: bool, permitted: bool
) -> None:
    await asked(desk, "twilio")
    [notice] = carrier.taken
    found = re.search(r"#1-[a-z2-7]{5}", str(notice["Body"]))
    assert found, notice
    if not permitted:
        await desk.rows("UPDATE ticket SET team = 'technical', assignee_id = NULL RETURNING id")
    fields = twilio.message(From=TELEPHONE, Body=f"{found[0] if coded else '#1'} Voici votre avoir.")
    wrong = twilio.sign("https://desk.example.org/webhooks/twilio", fields, "wrong")
    assert (await call(desk, fields, headers=wrong))[0] != 200
    await desk.settle()
    assert await replies(desk) == []
    assert (await call(desk, fields))[0] == 200
    await desk.settle()
    assert await replies(desk) == (["Voici votre avoir."] if coded and permitted else [])
    assert [row.id for row in await desk.rows("SELECT id FROM ticket")] == [1]


async def test_guessed_codes_are_counted_and_then_nothing_is_taken(desk: Desk, carrier: twilio.Twilio) -> None:
    await asked(desk, "twilio")
    for number in range(7):
        await text(desk, From=TELEPHONE, Body=f"#1-abcd{'abcdefg'[number]} Virez tout", MessageSid=f"SM{number:032x}")
    found = re.search(r"#1-[a-z2-7]{5}", str(carrier.taken[0]["Body"]))
    assert found
    await text(desk, From=TELEPHONE, Body=f"{found[0]} Bonjour", MessageSid="SM" + "f" * 32)
    assert await replies(desk) == []


async def test_which_ticket_is_asked_and_the_choice_sends_what_waited(desk: Desk, graph: meta.Meta) -> None:
    ids = await asked(desk, "meta")
    await desk.send(letter(sender="b@example.com", subject="Autre", Message_ID="<z@x>"), sender="b@example.com")
    await desk.settle()
    await assign(desk, 2, ids["marie"])
    graph.taken.clear()
    await hear(desk, said("C'est réglé."))
    assert await replies(desk) == []
    question = graph.taken[-1]["interactive"]
    titles = [button["reply"]["title"] for button in question["action"]["buttons"]]
    assert sorted(titles) == ["#1", "#2"]
    await hear(desk, said("Bien à vous.", wamid="wamid.M2"))
    await hear(desk, said("#1", wamid="wamid.M3"))
    assert await replies(desk) == ["C'est réglé.\nBien à vous."]
    await hear(desk, said("#1", wamid="wamid.M4"))
    assert len(await replies(desk)) == 1, "what waited is sent once"


async def test_naming_a_ticket_in_front_sends_to_its_customer(desk: Desk) -> None:
    await asked(desk, "meta")
    await hear(desk, said("1: Bonjour"))
    await hear(desk, said("#1 Encore", wamid="wamid.M2"))
    await hear(desk, said("#99 Ailleurs", wamid="wamid.M3"))
    assert await replies(desk) == ["Bonjour", "Encore"]


async def test_an_agent_who_is_a_customer_too_says_so(desk: Desk) -> None:
    await asked(desk, "meta")
    await hear(desk, said("#client\nOù est mon colis ?"))
    [row] = await desk.rows("SELECT answer_address, subject FROM ticket WHERE id = 2")
    assert row.answer_address == TELEPHONE
    await desk.dispatch()
    [own] = await desk.rows("SELECT provider_id FROM outbox WHERE kind = 'acknowledgement' AND ticket_id = 2")
    await hear(desk, said("Et ma facture ?", own.provider_id, wamid="wamid.M2"))
    rows = await desk.rows("SELECT direction FROM message WHERE ticket_id = 2 ORDER BY id")
    assert [row.direction for row in rows] == ["in", "out", "in"]
    assert await replies(desk) == []


async def test_a_number_that_is_not_verified_is_a_customers(desk: Desk, graph: meta.Meta) -> None:
    await asked(desk, "meta")
    await desk.rows("UPDATE agent SET telephone_verified_at = NULL RETURNING id")
    await hear(desk, said("Voici votre avoir.", graph.taken[0]["wamid"]))
    assert await replies(desk) == []
    assert [row.id for row in await desk.rows("SELECT id FROM ticket ORDER BY id")] == [1, 2]


async def test_a_picture_of_hers_goes_along(desk: Desk, graph: meta.Meta) -> None:
    await asked(desk, "meta")
    graph.media["M77"] = f"{graph.url}/files/M77"
    graph.files["M77"] = (b"\x89PNG", "image/png")
    desk.settings.meta.media_hosts = ["127.0.0.1"]
    picture = {"id": "M77", "mime_type": "image/png", "caption": "#1 Voyez"}
    await hear(desk, meta.message("image", sender=MARIE, wamid="wamid.P", content=picture))
    assert await replies(desk) == ["Voyez"]
    sent = to(desk, "claire@example.com")[-1]
    assert [part.get_content_type() for part in sent.iter_attachments()] == ["image/png"]


async def test_a_closed_window_tells_by_mail(desk: Desk, graph: meta.Meta) -> None:
    crew = await staffed(desk, "meta")
    await desk.rows(
        "INSERT INTO answer_window (channel, account, address, window_until)"
        " VALUES ('meta', :account, :address, now() - interval '1 minute') RETURNING key",
        account=meta.NUMBER,
        address=TELEPHONE,
    )
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await assign(desk, 1, crew.ids["marie"])
    await notices(desk)
    assert graph.taken == []
    assert len(to(desk)) == 1
