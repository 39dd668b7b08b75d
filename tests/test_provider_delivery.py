"""Answers by WhatsApp and SMS: what reaches the customer, what never does, and what reports make of it.

Both providers' stand-ins are as strict as the originals: whatever they would not let pass is in `wrong`.
"""

from __future__ import annotations

import base64
import re
import string
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from sqlalchemy import text as sql

from models.envelope import Address, AttachedFile, Choice, InboundMessage, OutboundMessage, Template
from tests.desk import Desk
from tests.fakes import meta, twilio
from tests.provider_desk import call, hear, tell, text
from workers.receipt import compose

pytest_plugins = ("tests.provider_fixtures",)
WHATSAPP = f"+{meta.CUSTOMER}"


async def reply(desk: Desk, words: str = "Votre colis arrive demain.", **more: Any) -> None:
    """Queue an agent's answer in ticket 1, and deliver what is due."""
    [ticket] = await desk.rows("SELECT * FROM ticket WHERE id = 1")
    outbound = OutboundMessage(
        channel=ticket.answer_channel,
        account=ticket.answer_account,
        to=Address(ticket.answer_address),
        text=words,
        message_id=more.pop("message_id", "r1@desk.example.org"),
        **more,
    )
    async with desk.database.engine.begin() as connection:
        row = await connection.execute(
            sql(
                "INSERT INTO message (ticket_id, direction, channel, external_id, text, delivery, identity_id)"
                " SELECT 1, 'out', :channel, :name, :text, 'queued', identity.id FROM identity"
                " WHERE address = :address RETURNING id"
            ),
            {"channel": outbound.channel, "name": outbound.message_id, "text": words, "address": outbound.to.address},
        )
        await connection.execute(
            sql(
                "INSERT INTO outbox (unique_key, kind, channel, lane, ticket_id, message_id, payload)"
                " VALUES (:key, 'reply', :channel, :lane, 1, :message, cast(:payload AS jsonb))"
            ),
            {
                "key": f"reply:{outbound.message_id}",
                "channel": outbound.channel,
                "lane": f"{outbound.channel}:{outbound.to.address}",
                "message": row.scalar_one(),
                "payload": msgspec.json.encode(outbound).decode(),
            },
        )
    await desk.dispatch()


async def delivery(desk: Desk, name: str = "r1@desk.example.org") -> tuple[str, str]:
    """State and detail of an answer."""
    [row] = await desk.rows("SELECT delivery, delivery_detail FROM message WHERE external_id = :name", name=name)
    return row.delivery, row.delivery_detail


async def again(desk: Desk) -> None:
    """Make everything due, and deliver it."""
    await desk.rows("UPDATE outbox SET due_at = now() WHERE state = 'pending' RETURNING id")
    await desk.dispatch()


@pytest.fixture
async def answered(phone_desk: Desk, graph: meta.Meta) -> Desk:
    """A desk whose ticket 1 came by Meta's WhatsApp, acknowledged."""
    await hear(phone_desk, meta.message(text="Bonjour, où est mon colis ?"))
    await phone_desk.dispatch()
    return phone_desk


async def test_the_acknowledgement_arrives_in_the_customers_language(answered: Desk, graph: meta.Meta) -> None:
    [sent] = graph.taken
    assert (sent["to"], sent["type"]) == (meta.CUSTOMER, "text")
    assert re.match(
        r"Message arrivé : numéro de suivi 1. Réponse prévue (aujourd'hui |demain |)avant (\w+di |)\d+ h[. ]",
        sent["text"]["body"],
    )
    assert sent["biz_opaque_callback_data"].endswith("@localhost")
    assert graph.wrong == []


async def test_the_acknowledgement_of_an_sms_arrives(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    await text(phone_desk, Body="Hello, where is my parcel? I have been waiting for two weeks.")
    await phone_desk.dispatch()
    [sent] = carrier.taken
    assert (sent["From"], sent["To"]) == (twilio.NUMBER, twilio.CUSTOMER)
    assert sent["Body"].startswith("Received: tracking number 1.")
    assert len(sent["Body"]) <= 160, "one segment"
    callback = urlsplit(sent["StatusCallback"])
    assert callback.path == "/webhooks/twilio/status"
    [name] = parse_qs(callback.query)["message"]
    [row] = await phone_desk.rows("SELECT external_id FROM message WHERE direction = 'out'")
    assert base64.urlsafe_b64decode(name + "==").decode() == row.external_id
    assert carrier.wrong == []


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    "delay", ["avant mercredi 10\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}30", "before Wednesday 10:30"]
)
def test_an_acknowledgement_fits_into_one_sms(language: str, delay: str) -> None:
    said = InboundMessage(sender=Address(twilio.CUSTOMER), text="?", conversation="c")
    sent = compose(said, ticket_number=123_456, account="", channel="", language=language, message_id="x", delay=delay)
    gsm = frozenset(string.ascii_letters + string.digits + " @£$¥èéùìòÇØøÅåÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà")
    assert set(sent.text) <= gsm, "letters outside GSM 03.38 cost another SMS"
    assert len(sent.text) <= 160


async def test_there_is_one_acknowledgement_of_a_conversation_in_a_day(answered: Desk, graph: meta.Meta) -> None:  # A21
    await hear(answered, meta.message(wamid="wamid.IN2", text="Et le deuxième ?"))
    await answered.rows("UPDATE ticket SET status = 'closed' RETURNING id")
    await hear(answered, meta.message(wamid="wamid.IN3", text="Autre chose"))
    await answered.dispatch()
    assert len(graph.taken) == 1
    assert len(await answered.tickets()) == 2


async def test_statuses_in_any_order_never_go_backwards(answered: Desk) -> None:  # B61
    await reply(answered)
    ours = "r1@desk.example.org"
    for state, shown in (("read", "read"), ("delivered", "read"), ("sent", "read"), ("failed", "read")):
        assert await tell(answered, meta.webhook(statuses=[meta.status("wamid.OUT2", state, ours)])) == 200
        await answered.settle()
        assert (await delivery(answered))[0] == shown
    assert {row.direction for row in await answered.rows("SELECT direction FROM message")} == {"in", "out"}


async def test_a_failure_is_told_in_the_providers_words(answered: Desk) -> None:
    await reply(answered)
    errors = [{"code": 131026, "title": "Message undeliverable", "error_data": {"details": "Not on WhatsApp"}}]
    status = meta.status("wamid.OUT2", "failed", "r1@desk.example.org", errors=errors)
    await tell(answered, meta.webhook(statuses=[status]))
    await answered.settle()
    assert await delivery(answered) == ("failed", "131026 Message undeliverable: Not on WhatsApp")


async def test_twilios_statuses_are_heard(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    await text(phone_desk)
    await reply(phone_desk)
    path = "/status?" + urlsplit(carrier.taken[-1]["StatusCallback"]).query
    for state in ("queued", "sent", "delivered", "sent"):
        assert (await call(phone_desk, twilio.status("SM9", state), path))[0] == 200
    await phone_desk.settle()
    assert (await delivery(phone_desk))[0] == "delivered"


async def test_a_carriers_stop_ends_everything(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    await text(phone_desk)
    carrier.stopped.add(twilio.CUSTOMER)
    await reply(phone_desk)
    state, detail = await delivery(phone_desk)
    assert (state, detail) == ("failed", "21610 Attempt to send to unsubscribed recipient (the recipient said STOP)")
    carrier.stopped.clear()
    await reply(phone_desk, message_id="r2@desk.example.org")
    assert (await delivery(phone_desk, "r2@desk.example.org"))[1].startswith("not sent: the customer said STOP")
    assert carrier.taken == []


async def test_outside_the_window_nothing_is_tried_but_a_template(answered: Desk, graph: meta.Meta) -> None:  # B72
    await answered.rows("UPDATE answer_window SET window_until = now() - interval '1 hour' RETURNING key")
    await reply(answered)
    state, detail = await delivery(answered)
    assert state == "failed"
    assert detail.startswith("not sent: the window for answers closed at")
    template = Template(name="request_update", language="fr", parameters=("Claire", "1"))
    await reply(answered, message_id="r2@x", template=template)
    assert (await delivery(answered, "r2@x"))[0] == "sent"
    assert graph.taken[-1]["template"]["name"] == "request_update"
    await hear(answered, meta.message(wamid="wamid.IN2", text="Merci"))
    await reply(answered, message_id="r3@x")
    assert (await delivery(answered, "r3@x"))[0] == "sent", "the customer's message opened the window again"


async def test_a_window_that_only_the_provider_knows_to_be_closed_is_said(answered: Desk, graph: meta.Meta) -> None:
    graph.window_closed.add(meta.CUSTOMER)
    await reply(answered)
    state, detail = await delivery(answered)
    assert (state, "send a template" in detail) == ("failed", True)
    assert len(graph.taken) == 1, "not tried again"


async def test_templates_are_read_from_both_providers(phone_desk: Desk) -> None:
    both = phone_desk.deliver.channels
    found = await both["meta"].templates(meta.NUMBER)
    assert [(one.name, one.language, one.state) for one in found] == [
        ("request_update", "fr", "approved"),
        ("request_update", "en", "pending"),
    ]
    [one] = await both["twilio"].templates(twilio.WHATSAPP_NUMBER)
    assert (one.name, one.text, one.state) == (twilio.CONTENT, "Bonjour {{1}}", "approved")


async def test_choices_files_and_long_texts_are_sent_as_whatsapp_wants_them(answered: Desk, graph: meta.Meta) -> None:
    three = tuple(Choice(id=str(n), title=f"Réponse {n} qui est bien trop longue") for n in range(3))
    five = tuple(Choice(id=str(n), title=f"Choix {n}", description="d") for n in range(5))
    photo = AttachedFile(filename="plan.png", content_type="image/png", content=b"png")
    await reply(answered, message_id="r1@x", choices=three)
    await reply(answered, message_id="r2@x", choices=five)
    await reply(answered, message_id="r3@x", attachments=(photo,))
    await reply(answered, "mot " * 2_000, message_id="r4@x")
    kinds = [sent["type"] for sent in graph.taken[1:]]
    assert kinds == ["interactive", "interactive", "image", "text", "text", "text"]
    assert graph.wrong == []
    large = AttachedFile(filename="a.png", content_type="image/png", content=b"x" * (6 * 2**20))
    await reply(answered, message_id="r5@x", attachments=(large,))
    assert await delivery(answered, "r5@x") == (
        "failed",
        "a.png has 6291456 bytes; this channel takes at most 5242880",
    )


async def test_twilio_fetches_files_from_an_address_that_nobody_can_guess(
    phone_desk: Desk, carrier: twilio.Twilio
) -> None:
    carrier.public = ("https://desk.example.org", phone_desk.url)
    photos = tuple(AttachedFile(filename=f"{n}.png", content_type="image/png", content=b"png %d" % n) for n in range(2))
    await text(phone_desk)
    await reply(phone_desk, attachments=photos)
    assert carrier.taken[-1]["files"] == [(200, "image/png", b"png 0"), (200, "image/png", b"png 1")]
    assert carrier.taken[-1]["Body"] == "Votre colis arrive demain."
    url = carrier.taken[-1]["MediaUrl"].replace(*carrier.public)
    parts = url.rsplit("/", 4)
    for place, wrong in ((1, "0" * 64), (2, "9999999999"), (3, "dGV4dC9odG1s"), (4, "a" * 16)):
        forged = [*parts[:place], wrong, *parts[place + 1 :]]
        async with phone_desk.http.get("/".join(forged)) as answer:
            assert answer.status == 404, wrong
    assert carrier.wrong == []


async def test_whatsapp_by_twilio_takes_one_file_in_a_message(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    carrier.public = ("https://desk.example.org", phone_desk.url)
    photo = AttachedFile(filename="a.png", content_type="image/png", content=b"png")
    await text(phone_desk, **twilio.whatsapp())
    await reply(phone_desk, attachments=(photo, photo))
    assert [(len(sent["files"]), sent.get("Body", "")[:5]) for sent in carrier.taken[1:]] == [
        (1, ""),
        (1, ""),
        (0, "Votre"),
    ]
    assert carrier.wrong == []


async def test_a_user_without_a_number_can_be_answered(phone_desk: Desk, graph: meta.Meta) -> None:
    sent = {**meta.message(text="Bonjour, sans numéro"), "from_user_id": "FR.1349"}
    del sent["from"]
    await hear(phone_desk, sent)
    await phone_desk.dispatch()
    assert graph.taken[0]["recipient"] == "FR.1349"


TROUBLES: list[tuple[meta.Trouble, int]] = [(429, 1), (500, 1), (503, 1), ("garbage", 2), ("lost", 2)]
"""What happens to an agent's answer at first, and how often the customer has it in the end."""


async def test_an_answer_gets_through_every_trouble(answered: Desk, graph: meta.Meta) -> None:
    for place, (trouble, copies) in enumerate(TROUBLES):
        name = f"r{place}@x"
        graph.troubles.append(trouble)
        await reply(answered, message_id=name)
        [row] = await answered.rows("SELECT state FROM outbox WHERE unique_key = :key", key=f"reply:{name}")
        assert row.state == "pending", trouble
        await again(answered)
        assert (await delivery(answered, name))[0] == "sent"
        names = [sent["biz_opaque_callback_data"] for sent in graph.taken]
        assert names.count(name) == copies, trouble


@pytest.mark.parametrize("channel", ["meta", "twilio"])
async def test_a_provider_that_never_answers_holds_nobody_for_ever(
    phone_desk: Desk, graph: meta.Meta, carrier: twilio.Twilio, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.meta.graph.SECONDS", 0.3)
    monkeypatch.setattr("channels.twilio.rest.SECONDS", 0.3)
    if channel == "meta":
        await hear(phone_desk, meta.message(text="Bonjour"))
    else:
        await text(phone_desk)
    graph.troubles.append("hang")
    carrier.troubles.append("hang")
    await phone_desk.dispatch()
    [row] = await phone_desk.rows("SELECT delivery, delivery_detail FROM message WHERE direction = 'out'")
    assert row.delivery == "unknown"
    assert row.delivery_detail.endswith("did not answer: TimeoutError: it may have arrived, and is not repeated")
    await reply(phone_desk)
    assert (await delivery(phone_desk))[0] == "sent", "the next one gets through"


async def test_an_acknowledgement_in_doubt_is_not_repeated(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    carrier.troubles.append("lost")
    await text(phone_desk)
    await phone_desk.dispatch()
    await again(phone_desk)
    assert len(carrier.taken) == 1
    [row] = await phone_desk.rows("SELECT external_id, delivery FROM message WHERE direction = 'out'")
    assert row.delivery == "unknown"
    path = "/status?" + urlsplit(carrier.taken[0]["StatusCallback"]).query
    await call(phone_desk, twilio.status("SM9", "delivered"), path)
    await phone_desk.settle()
    assert (await delivery(phone_desk, row.external_id))[0] == "delivered"


async def test_an_answer_whose_status_came_is_not_sent_again(answered: Desk, graph: meta.Meta) -> None:
    graph.troubles.append("lost")
    await reply(answered)
    await tell(answered, meta.webhook(statuses=[meta.status("wamid.OUT2", "delivered", "r1@desk.example.org")]))
    await answered.settle()
    await again(answered)
    assert len(graph.taken) == 2, "the acknowledgement, and the answer once"
    [row] = await answered.rows("SELECT state FROM outbox WHERE kind = 'reply'")
    assert row.state == "done"


async def test_a_limit_is_honoured_for_as_long_as_the_provider_says(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    await text(phone_desk)
    await phone_desk.dispatch()
    carrier.troubles.append(429)
    await reply(phone_desk)
    [row] = await phone_desk.rows(
        "SELECT extract(epoch FROM due_at - now()) AS seconds FROM outbox WHERE state = 'pending'"
    )
    assert 4 <= row.seconds <= 60


async def test_answers_of_one_customer_stay_in_order_when_the_first_must_wait(answered: Desk, graph: meta.Meta) -> None:
    graph.troubles.append(503)
    await reply(answered, "un", message_id="r1@x")
    await reply(answered, "deux", message_id="r2@x")
    await again(answered)
    assert [sent["text"]["body"] for sent in graph.taken[1:]] == ["un", "deux"]


async def test_the_pace_of_a_pair_puts_answers_off_without_counting_attempts(
    answered: Desk, monkeypatch: pytest.MonkeyPatch, graph: meta.Meta
) -> None:
    monkeypatch.setattr("channels.meta.PAIR_BURST", 2)
    for place in range(3):
        await reply(answered, message_id=f"r{place}@x")
    rows = await answered.rows("SELECT state, attempts, started_at FROM outbox WHERE kind = 'reply' ORDER BY id")
    assert [row.state for row in rows] == ["done", "pending", "pending"]
    assert (rows[1].attempts, rows[1].started_at) == (0, None)


async def test_what_a_customer_quotes_of_ours_leads_to_its_ticket(answered: Desk, graph: meta.Meta) -> None:
    await answered.rows("UPDATE ticket SET status = 'closed' RETURNING id")
    quoted = graph.taken[0]["wamid"]
    await hear(answered, meta.message(wamid="wamid.IN2", text="Toujours rien", context={"id": quoted}))
    assert [ticket.number for ticket in await answered.tickets()] == [1]


async def test_a_wrong_token_waits_for_the_operator(answered: Desk, graph: meta.Meta) -> None:
    graph.error = {"code": 190, "message": "Error validating access token: Session has expired"}
    await reply(answered)
    [row] = await answered.rows("SELECT state, last_error FROM outbox WHERE kind = 'reply'")
    assert row.state == "pending"
    assert "Meta does not accept our token" in row.last_error
    assert meta.TOKEN not in row.last_error


async def test_an_sms_to_what_is_no_number_is_refused_at_once(phone_desk: Desk, carrier: twilio.Twilio) -> None:  # B71
    await text(phone_desk, From="38080", Body="Code 1234")
    await reply(phone_desk)
    assert await delivery(phone_desk) == ("failed", "38080 cannot be answered: it is no number")
    assert [path for _method, path, _login in carrier.asked if path.endswith("Messages.json")] == []


async def test_credentials_stand_in_a_header_and_nowhere_else(answered: Desk, graph: meta.Meta) -> None:
    await reply(answered)
    assert {login for _method, _path, login in graph.asked} == {f"Bearer {meta.TOKEN}"}
    rows = await answered.rows("SELECT outbox::text || message::text AS all FROM outbox, message")
    assert not any(meta.TOKEN in row.all for row in rows)
