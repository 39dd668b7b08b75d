"""Conversations of short lines: bursts, windows and their reminder, lost webhooks, calls that agents write down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from channels.meta.graph import Graph
from channels.meta.health import Health
from channels.twilio.reconcile import Reconciliation
from channels.twilio.rest import Rest
from config.checking import problems
from config.settings import Settings
from gateway.app import INBOX
from gateway.logged_call import CallError, log_call
from models import answer_window
from tests.desk import Desk
from tests.fakes import meta, twilio
from tests.provider_desk import call, hear, known, outcomes, tell, text
from workers.reader import Reader
from workers.reminder import remind

pytest_plugins = ("tests.provider_fixtures",)


@pytest.fixture
async def patient_desk(settings: Settings, graph: meta.Meta, phone_reader: Reader) -> AsyncIterator[Desk]:
    """A desk that waits twenty seconds for further lines."""
    parts = known(meta={"api_url": graph.url}, conversation={"quiet_seconds": 20})
    async with Desk(settings.model_copy(update=parts), phone_reader) as running:
        yield running


async def seconds_to_wait(desk: Desk) -> float:
    [row] = await desk.rows("SELECT extract(epoch FROM due_at - now()) AS seconds FROM outbox")
    return float(row.seconds)


async def test_five_short_lines_are_one_ticket_and_one_acknowledgement_after_the_last(
    patient_desk: Desk, graph: meta.Meta
) -> None:
    lines = ["Bonjour", "c'est encore moi", "ma facture est fausse", "elle compte une commande deux fois", "merci"]
    for place, line in enumerate(lines):
        await hear(patient_desk, meta.message(wamid=f"wamid.{place}", text=line))
        assert 19 < await seconds_to_wait(patient_desk) <= 20
        await patient_desk.rows("UPDATE outbox SET due_at = due_at - interval '5 seconds' RETURNING id")
    await patient_desk.dispatch()
    assert graph.taken == []
    [ticket] = await patient_desk.tickets()
    whole = await patient_desk.ticket(ticket.number)
    assert [m.text for m in whole.messages if m.direction == "in"] == lines
    await patient_desk.rows("UPDATE outbox SET due_at = now() RETURNING id")
    await patient_desk.dispatch()
    assert len(graph.taken) == 1


async def test_who_never_stops_writing_is_acknowledged_all_the_same(patient_desk: Desk) -> None:
    await hear(patient_desk, meta.message(text="Un"))
    await patient_desk.rows("UPDATE outbox SET created_at = now() - interval '75 seconds' RETURNING id")
    await hear(patient_desk, meta.message(wamid="wamid.IN2", text="Deux"))
    assert await seconds_to_wait(patient_desk) < 20
    await patient_desk.rows("UPDATE outbox SET created_at = now() - interval '5 minutes', due_at = now() RETURNING id")
    await hear(patient_desk, meta.message(wamid="wamid.IN3", text="Trois"))
    assert await seconds_to_wait(patient_desk) <= 0


async def test_a_matter_is_judged_by_the_whole_burst(patient_desk: Desk) -> None:
    lines = ["Bonjour", "ma facture est fausse", "c'est urgent, au secours"]
    for place, line in enumerate(lines):
        await hear(patient_desk, meta.message(wamid=f"wamid.{place}", text=line))
    together = [
        meta.message(wamid=f"wamid.B{place}", sender="33600000001", text=line) for place, line in enumerate(lines)
    ]
    await hear(patient_desk, *together)
    one_by_one, at_once = await patient_desk.tickets()
    assert (one_by_one.category, one_by_one.priority) == ("billing", "urgent")
    assert (at_once.category, at_once.priority) == ("billing", "urgent")
    await patient_desk.rows(
        "UPDATE ticket SET created_at = now() - interval '2 minutes', priority = 'low' RETURNING id"
    )
    await hear(patient_desk, meta.message(wamid="wamid.9", text="urgent !"))
    assert (await patient_desk.tickets())[0].priority == "low", "an older ticket is its agent's"


async def test_a_ticket_that_waits_for_us_says_when_its_window_closes_once(phone_desk: Desk) -> None:
    await hear(phone_desk, meta.message(text="Bonjour, où est mon colis ?"))
    assert await phone_desk.rows("SELECT 1 FROM ticket_event WHERE kind = 'window'") == []
    reminding = asyncio.create_task(remind(phone_desk.database, 120, every=0.02))
    await phone_desk.rows("UPDATE answer_window SET window_until = now() + interval '90 minutes' RETURNING key")
    await phone_desk.wait("SELECT count(*) FROM ticket_event WHERE kind = 'window'")
    await asyncio.sleep(0.1)
    reminding.cancel()
    [event] = await phone_desk.rows("SELECT new FROM ticket_event WHERE kind = 'window'")
    assert event.new.startswith("closes 20")
    await phone_desk.rows("INSERT INTO message (ticket_id, direction, channel) VALUES (1, 'out', 'meta') RETURNING id")
    await phone_desk.rows("UPDATE answer_window SET reminded_until = NULL RETURNING key")
    async with phone_desk.database.engine.begin() as connection:
        assert await answer_window.remind(connection, minutes=120) == 0, "a ticket that was answered waits for nobody"


async def test_the_window_can_be_asked_before_an_answer_is_written(phone_desk: Desk) -> None:
    await hear(phone_desk, meta.message(text="Bonjour"))
    async with phone_desk.database.engine.begin() as connection:
        open_now = await answer_window.window(connection, "meta", meta.NUMBER, f"+{meta.CUSTOMER}")
        nobody = await answer_window.window(connection, "meta", meta.NUMBER, "+33000000000")
    assert (open_now.closed_at, open_now.stopped_at) == (None, None)
    assert open_now.until is not None
    assert (open_now.until - datetime.now(UTC)).total_seconds() > 86_000
    assert nobody == answer_window.Window()


# Twilio's own list.


def listed(sid: str, **more: Any) -> dict[str, Any]:
    return {
        "sid": sid,
        "direction": "inbound",
        "from": twilio.CUSTOMER,
        "to": twilio.NUMBER,
        "body": f"Message {sid}",
        "num_media": "0",
        "num_segments": "1",
        "date_sent": "Wed, 25 Nov 2026 07:00:00 +0000",
        **more,
    }


async def test_a_webhook_that_was_lost_is_found_in_twilios_list(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    accept = phone_desk.runner.app[INBOX]
    now = [datetime(2026, 11, 25, 8, tzinfo=UTC)]
    watch = Reconciliation("twilio", phone_desk.settings, accept, clock=lambda: now[0])
    rest, account = Rest(phone_desk.settings), phone_desk.settings.twilio
    cursor = accept.cursor(f"twilio:{twilio.ACCOUNT}")
    carrier.listed = [listed("SM0")]
    assert await watch.compare(account, rest, cursor) == 0, "what came before us is not ours to take in"
    await text(phone_desk, MessageSid="SM1")
    carrier.listed = [
        listed("SM4", direction="outbound-api"),
        listed("SM3", body="", num_media="1"),
        listed("SM2", **{"from": "+33600000002"}),
        listed("SM1"),
        listed("SM5", to="+33999999999"),
    ]
    assert await watch.compare(account, rest, cursor) == 2
    assert await watch.compare(account, rest, cursor) == 0
    await phone_desk.settle()
    rows = await phone_desk.rows("SELECT external_id, remarks, sent_at FROM message WHERE direction = 'in' ORDER BY 1")
    assert [row.external_id for row in rows] == ["SM1", "SM2", "SM3"]
    assert (
        "Retrouvé dans la liste du fournisseur\N{NO-BREAK SPACE}: son annonce ne nous est pas parvenue."
        in rows[1].remarks
    )
    assert rows[1].sent_at == datetime(2026, 11, 25, 7, tzinfo=UTC)
    [file] = await phone_desk.rows("SELECT payload->>'reference' AS url FROM media")
    assert file.url.endswith("/Messages/SM3/Media/ME1")
    assert (await call(phone_desk, twilio.message(MessageSid="SM2")))[0] == 200, "the webhook comes after all"
    await phone_desk.settle()
    assert len(await outcomes(phone_desk)) == 3
    assert carrier.wrong == []
    await rest.close()


async def test_trouble_while_comparing_is_noted_and_loses_nothing(phone_desk: Desk, carrier: twilio.Twilio) -> None:
    accept = phone_desk.runner.app[INBOX]
    watch = Reconciliation("twilio", phone_desk.settings, accept, clock=lambda: datetime.now(UTC))
    broken = phone_desk.settings.twilio.model_copy(update={"api_url": "http://127.0.0.1:1"})
    rest, cursor = (
        Rest(phone_desk.settings.model_copy(update={"twilio": broken})),
        accept.cursor(f"twilio:{twilio.ACCOUNT}"),
    )
    await watch.compare(phone_desk.settings.twilio, rest, cursor)
    assert await watch.compare(phone_desk.settings.twilio, rest, cursor) is None
    [row] = await phone_desk.rows("SELECT last_error FROM cursor WHERE name LIKE 'twilio:%'")
    assert row.last_error == "Twilio cannot be reached"
    await rest.close()


async def test_a_number_that_fares_badly_is_told_before_customers_notice(phone_desk: Desk, graph: meta.Meta) -> None:
    health = Health("meta", phone_desk.settings.meta, phone_desk.runner.app[INBOX])
    good, wrong = (
        Graph(phone_desk.settings.meta),
        phone_desk.settings.meta.model_copy(update={"access_token": SecretStr("expired")}),
    )
    await phone_desk.wait("SELECT count(*) FROM cursor WHERE last_success IS NOT NULL")  # the gateway looked by itself
    await phone_desk.rows("UPDATE cursor SET leased_until = now() - interval '1 second' RETURNING name")
    assert await health.look(good, meta.NUMBER) == ""
    await phone_desk.rows("UPDATE cursor SET leased_until = now() - interval '1 second' RETURNING name")
    graph.quality = "RED"
    assert await health.look(good, meta.NUMBER) == "Meta rates the number RED"
    await phone_desk.rows("UPDATE cursor SET leased_until = now() - interval '1 second' RETURNING name")
    bad = Graph(wrong)
    assert "Meta does not accept our token" in await health.look(bad, meta.NUMBER)
    [row] = await phone_desk.rows("SELECT last_error FROM cursor")
    assert "expired" not in row.last_error
    await good.close()
    await bad.close()


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"GUICHET_META__ACCESS_TOKEN": "x"}, "without app_secret no webhook is believed"),
        ({"GUICHET_META__VERIFY_TOKEN": "x"}, "without app_secret no webhook is believed"),
        ({"GUICHET_TWILIO__AUTH_TOKEN": "x"}, "account_sid and auth_token belong together"),
        ({"GUICHET_TWILIO__ACCOUNT_SID": "AC1"}, "account_sid and auth_token belong together"),
        ({"GUICHET_META__API_URL": "http://graph.facebook.com"}, "it must begin with https://"),
        ({"GUICHET_TWILIO__API_URL": "ftp://127.0.0.1"}, "it must begin with https://"),
        ({"GUICHET_META__APP_SECRET": "x"}, ""),
    ],
)
def test_half_a_secret_is_a_mistake(variables: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert [complaint in problem for problem in problems()] == ([True] if complaint else [])


# Calls.


async def test_a_call_that_an_agent_writes_down_is_a_ticket(phone_desk: Desk) -> None:
    settings = phone_desk.settings
    note = {
        "number": "06 12 34 56 78",
        "text": "Demande le remboursement de sa facture.",
        "agent": "Marie",
        "minutes": "7",
    }

    async def note_down(**more: str) -> Any:
        return await log_call(settings, settings.database_url, settings.redis_url, {**note, **more})

    noting = asyncio.create_task(note_down())
    await phone_desk.wait("SELECT count(*) FROM inbox")
    await phone_desk.settle()
    assert (await noting).ticket_number == 1
    [ticket] = await phone_desk.tickets()
    assert (ticket.channel, ticket.contact, ticket.subject) == ("phone", "+33612345678", "Appel reçu · +33612345678")
    [row] = await phone_desk.rows("SELECT remarks, reasons->>'acknowledge' AS rule FROM message")
    assert row.remarks == ["Appel reçu", "Durée\N{NO-BREAK SPACE}: 7 min.", "Noté par Marie."]
    assert row.rule == "off: It is a call that an agent wrote down: the customer has spoken with us."
    with pytest.raises(CallError, match="is no telephone number in FR"):
        await note_down(number="twelve")


def test_the_command_says_what_is_wrong_with_a_number(engines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from guichet import app

    monkeypatch.setenv("DATABASE_URL", engines.database_url)
    monkeypatch.setenv("REDIS_URL", engines.redis_url)
    result = CliRunner().invoke(app, ["call", "hello", "text"])
    assert (result.exit_code, "is no telephone number" in result.output) == (1, True)


async def test_one_batch_may_hold_many_customers(phone_desk: Desk) -> None:
    sent = [meta.message(wamid=f"wamid.{n}", sender=f"336000000{n:02}", text=f"Question {n}") for n in range(40)]
    names = {entry["from"]: f"Client {place}" for place, entry in enumerate(sent)}
    assert await tell(phone_desk, meta.webhook(sent, names=names)) == 200
    await phone_desk.settle()
    rows = await phone_desk.rows("SELECT sender, sender_name FROM message WHERE direction = 'in' ORDER BY id")
    assert [(row.sender, row.sender_name) for row in rows] == [(f"+{who}", name) for who, name in names.items()]
