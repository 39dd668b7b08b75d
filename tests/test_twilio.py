"""Twilio: SMS, MMS, WhatsApp and calls, from the signed request to the ticket."""

from __future__ import annotations

import asyncio

import pytest

from channels.twilio.consent import keyword
from channels.twilio.voice import THANKS, VOICEMAIL
from tests.desk import Desk
from tests.fakes import twilio
from tests.fakes.twilio import CUSTOMER, NUMBER, WHATSAPP_NUMBER, message, ringing, whatsapp
from tests.provider_desk import call, outcomes, text

pytest_plugins = ("tests.provider_fixtures",)


async def test_an_sms_becomes_a_ticket_and_a_second_one_joins_it(phone_desk: Desk) -> None:
    await text(phone_desk)
    await text(phone_desk, MessageSid="SM2", Body="Numéro 4711, c'est urgent")
    [ticket] = await phone_desk.tickets()
    assert (ticket.channel, ticket.contact, ticket.language, ticket.messages) == ("twilio", CUSTOMER, "fr", 3)
    assert await outcomes(phone_desk) == ["ticket", "appended"]


MMS = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/media"}
UNANSWERABLE = "{} est un numéro court ou un nom\N{NO-BREAK SPACE}: on ne peut pas lui répondre."
SHOWN: list[tuple[dict[str, str], str, list[str]]] = [
    # fields, text in the ticket, remarks
    (whatsapp(Body="Bonjour"), "Bonjour", []),
    ({"Body": "é" * 670, "NumSegments": "10"}, "é" * 670, ["Reçu en 10 SMS."]),  # B70: ten UCS-2 segments
    (
        {"Body": "", **MMS, "MediaContentType0": "image/jpeg"},
        "[photo]",
        [],
    ),
    (
        {"Body": "", **MMS, "MediaContentType0": "text/vcard"},
        "[fiche de contact]",
        [],
    ),
    (
        whatsapp(Body="", Latitude="48.85", Longitude="2.29", Label="Ici", Address="Paris"),
        "[position]\nIci\nParis\ngeo:48.85,2.29",
        [],
    ),
    (whatsapp(Body="", ButtonText="Oui", ButtonPayload="yes"), "Oui", []),
    (whatsapp(Body="", ListTitle="Livraison", ListId="1"), "Livraison", []),
    (
        whatsapp(Body="", MessageType="order"),
        "[message de type «\N{NO-BREAK SPACE}order\N{NO-BREAK SPACE}», non pris en charge]",
        [],
    ),
    (whatsapp(Body="Tiens", Forwarded="true"), "Tiens", ["Message transféré."]),
    (
        whatsapp(Body="Prix ?", ReferralHeadline="Soldes"),
        "Prix ?",
        ["Venu par une publicité\N{NO-BREAK SPACE}: Soldes."],
    ),
    ({"Body": ""}, "[message vide]", []),
    ({"Body": "AIDE"}, "AIDE", ["L’expéditeur demande de l’aide (mot-clé)."]),
    (
        {"Body": "Code 1234", "From": "38080"},
        "Code 1234",
        [UNANSWERABLE.format("38080")],
    ),
    (
        {"Body": "Promo", "From": "BANQUE"},
        "Promo",
        [UNANSWERABLE.format("BANQUE")],
    ),
]


async def test_every_kind_of_message_is_seen(phone_desk: Desk) -> None:  # B70, B71
    for place, (fields, _shown, _remarks) in enumerate(SHOWN):
        prefix = "whatsapp:" if fields.get("From", "").startswith("whatsapp:") else ""
        sender = fields["From"] if fields.get("From", "").isalnum() else f"{prefix}+336000000{place:02}"
        sent = message(**{**fields, "MessageSid": f"SM{place}", "From": sender})
        assert (await call(phone_desk, sent))[0] == 200
    await phone_desk.settle()
    rows = await phone_desk.rows("SELECT text, remarks FROM message WHERE direction = 'in' ORDER BY id")
    assert [(row.text, row.remarks) for row in rows] == [(shown, remarks) for _fields, shown, remarks in SHOWN]
    assert await outcomes(phone_desk) == len(SHOWN) * ["ticket"]
    answered = {
        row.address for row in await phone_desk.rows("SELECT payload #>> '{to,address}' AS address FROM outbox")
    }
    assert not answered & {"38080", "BANQUE"}


async def test_a_reaction_is_no_request(phone_desk: Desk) -> None:
    await text(phone_desk, **whatsapp(Body="Bonjour"))
    await text(
        phone_desk, **whatsapp(MessageSid="SM2", Body="👍", MessageType="reaction", OriginalRepliedMessageSid="SM1")
    )
    assert await outcomes(phone_desk) == ["ticket", "machine"]


async def test_a_retry_and_five_at_once_are_one_message(phone_desk: Desk) -> None:  # B63
    answers = await asyncio.gather(*(call(phone_desk, message()) for _time in range(5)))
    assert [status for status, _text in answers] == 5 * [200]
    await phone_desk.settle()
    assert await outcomes(phone_desk) == ["ticket"]


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        *((word, "stop") for word in ("STOP", "Stop.", "ARRÊT", "arret", "Désabonner", "stop sms", "STOP 36111")),
        *((word, "start") for word in ("START", "Oui", "unstop", "REPRENDRE")),
        *((word, "help") for word in ("HELP", "Aide", "info ?")),
        *((word, "") for word in ("", "stop la livraison de lundi", "help me please", "non", "aide moi")),
    ],
)
def test_a_keyword_counts_only_when_it_is_the_whole_message(said: str, meaning: str) -> None:
    assert keyword(said) == meaning


async def test_after_stop_nothing_is_sent_until_start(phone_desk: Desk, carrier: twilio.Twilio) -> None:  # B70
    await text(phone_desk)
    await text(phone_desk, MessageSid="SM2", Body="ARRÊT")
    await phone_desk.dispatch()
    assert carrier.taken == [], "the acknowledgement that was queued before the STOP"
    [row] = await phone_desk.rows("SELECT delivery, delivery_detail FROM message WHERE direction = 'out'")
    assert row.delivery == "failed"
    assert row.delivery_detail.startswith("not sent: the customer said STOP")
    await phone_desk.rows("UPDATE ticket SET status = 'closed' RETURNING id")
    await text(phone_desk, MessageSid="SM3", Body="J'ai encore une question")
    reasons = await phone_desk.rows("SELECT reasons->>'acknowledge' AS rule FROM message WHERE external_id = 'SM3'")
    assert reasons[0].rule.startswith("A16: The address must get nothing automatic: its owner said STOP")
    await text(phone_desk, MessageSid="SM4", Body="Oui")
    assert await outcomes(phone_desk) == ["ticket", "machine", "ticket", "machine"]
    [row] = await phone_desk.rows("SELECT stopped_at FROM identity WHERE address = :who", who=CUSTOMER)
    assert row.stopped_at is None
    await text(phone_desk, MessageSid="SM5", Body="Oui")
    assert (await outcomes(phone_desk))[-1] == "appended", "without a stop before it, yes is an answer"


async def test_stop_on_sms_says_nothing_about_whatsapp(phone_desk: Desk) -> None:
    await text(phone_desk, Body="STOP")
    await text(phone_desk, **whatsapp(MessageSid="SM2", Body="STOP"))
    assert await outcomes(phone_desk) == ["machine", "ticket"]


async def test_a_stop_that_twilio_recognised_counts(phone_desk: Desk) -> None:
    await text(phone_desk, Body="Plus jamais", OptOutType="STOP")
    [row] = await phone_desk.rows("SELECT stopped_at FROM identity")
    assert row.stopped_at is not None


async def test_an_account_or_number_that_is_not_ours_goes_to_quarantine(phone_desk: Desk) -> None:  # B69
    await text(phone_desk, AccountSid="AC" + "f" * 32)
    await text(phone_desk, MessageSid="SM2", To="+33999999999")
    assert await outcomes(phone_desk) == ["quarantined", "quarantined"]


async def test_the_window_of_a_conversation_is_known(phone_desk: Desk) -> None:
    await text(phone_desk)
    await text(phone_desk, **whatsapp(MessageSid="SM2"))
    rows = await phone_desk.rows(
        "SELECT account, extract(epoch FROM window_until - now()) / 3600 AS hours FROM answer_window ORDER BY account"
    )
    assert [row.account for row in rows] == [NUMBER, WHATSAPP_NUMBER]
    assert rows[0].hours is None
    assert 23.9 < rows[1].hours < 24


# Calls.


async def test_a_missed_call_and_its_voicemail_are_one_ticket(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    status, spoken = await call(phone_desk, ringing(), "/voice")
    assert status == 200
    assert VOICEMAIL["fr"] in spoken
    assert 'recordingStatusCallback="https://desk.example.org/webhooks/twilio/voice?step=recording"' in spoken
    _status, thanks = await call(phone_desk, ringing(CallStatus="completed"), "/voice?step=recorded")
    assert THANKS["fr"] in thanks
    path = f"/2010-04-01/Accounts/{twilio.ACCOUNT}/Recordings/RE1"
    carrier.files[f"{path}.mp3"] = (b"ID3 sound", "audio/mpeg")
    recorded = ringing(
        RecordingSid="RE1", RecordingUrl=carrier.url + path, RecordingDuration="12", RecordingStatus="completed"
    )
    assert (await call(phone_desk, recorded, "/voice?step=recording"))[0] == 200
    await phone_desk.settle()
    await phone_desk.fetch_all()
    [ticket] = await phone_desk.tickets()
    assert ticket.subject == f"Appel manqué de {CUSTOMER}"
    whole = await phone_desk.ticket(ticket.number)
    assert [m.text for m in whole.messages] == ["[appel manqué]", "[message laissé sur le répondeur, 12 s]"]
    assert whole.messages[1].attachments[0].startswith("audio-")
    assert await phone_desk.rows("SELECT 1 FROM outbox") == [], "a caller's number proves nothing"


async def test_a_hidden_caller_has_a_ticket_of_each_call(phone_desk: Desk) -> None:
    for number in ("1", "2"):
        await call(phone_desk, ringing(CallSid=f"CA{number}", From="anonymous"), "/voice")
    await phone_desk.settle()
    assert len(await phone_desk.tickets()) == 2


async def test_calls_are_put_through_first_where_a_number_is_set(phone_desk: Desk) -> None:
    phone_desk.settings.twilio.voice.forward_to = "+33140000000"
    try:
        _status, spoken = await call(phone_desk, ringing(), "/voice")
        assert "<Dial" in spoken
        assert "+33140000000</Dial>" in spoken
        _status, answered = await call(phone_desk, ringing(DialCallStatus="completed"), "/voice?step=dialled")
        assert answered.endswith("<Response></Response>")
        assert await phone_desk.balance() == [], "a call that was answered is no missed one"
        _status, missed = await call(phone_desk, ringing(DialCallStatus="no-answer"), "/voice?step=dialled")
        assert "<Record" in missed
        await phone_desk.settle()
        assert await outcomes(phone_desk) == ["ticket"]
    finally:
        phone_desk.settings.twilio.voice.forward_to = ""
