"""An agent's answer: from the ticket to the customer's mail program, and the customer's own answer back again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from config.embedded import Engines
from models.actor import Actor
from models.envelope import AttachedFile
from models.relay import NoTicketError, NoWayOutError, relay
from tests.desk import Desk, letter
from tests.processes import ROOT, clean_environment
from tests.test_thread import tickets_of


async def say(desk: Desk, ticket: int = 1, **more: Any) -> int:
    """An agent answers. The message's id."""
    async with desk.database.engine.begin() as connection:
        office = desk.ingest.office
        return await relay(
            connection, office, ticket, "Bonjour,\n\nc'est corrigé.\n", actor=Actor("agent", name="Marie"), **more
        )


async def last_out(desk: Desk) -> EmailMessage:
    """The answer as it left."""
    await desk.dispatch()
    mails = [message_from_bytes(mail, policy=default) for mail in desk.outgoing()]
    [found] = [mail for mail in mails if mail["Auto-Submitted"] is None]
    return found  # type: ignore[return-value]


@pytest.fixture
async def asked(desk: Desk) -> Desk:
    """A desk with a ticket of two mails."""
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.send(letter("Et encore", Message_ID="<b@x>", In_Reply_To="<a@x>"))
    await desk.settle()
    return desk


async def test_an_answer_goes_out_as_one_mail_that_every_program_threads(asked: Desk) -> None:
    file = AttachedFile(filename="Rückzahlung – été.pdf", content_type="application/pdf", content=b"%PDF")
    await say(asked, html="<p>Bonjour, <b>c'est corrigé</b>.</p>", files=(file,))
    mail = await last_out(asked)
    assert mail["In-Reply-To"] == "<b@x>"
    references = mail["References"].split()
    assert (references[0], references[-1], len(references)) == ("<a@x>", "<b@x>", 3)
    assert mail["Subject"] == "[#1] Re: Facture fausse"
    assert mail["Return-Path"] == "<support@example.org>"
    assert mail["Delivered-To"] == "claire@example.com"
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf",
    ]  # fmt: skip
    [attached] = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("Rückzahlung – été.pdf", b"%PDF")


@pytest.mark.parametrize("how", ["In-Reply-To", "Reply-To"])
async def test_whatever_the_customer_answers_with_comes_back_to_the_ticket(asked: Desk, how: str) -> None:
    await say(asked)
    mail = await last_out(asked)
    to = mail["Reply-To"] if how == "Reply-To" else "support@example.org"
    headers = {"In_Reply_To": mail["Message-ID"]} if how == "In-Reply-To" else {}
    for number, who in enumerate(("claire@example.com", "claire@elsewhere.test")):
        answer = letter(f"Merci {number}", sender=who, subject="!", to=to, Message_ID=f"<c{number}@x>", **headers)
        await asked.send(answer, sender=who, to=to)
    await asked.settle()
    found = await tickets_of(asked)
    assert (found["c0@x"], found["c1@x"]) == (1, 1)
    [row] = await asked.rows("SELECT status, guests FROM ticket")
    assert (row.status, row.guests) == ("open", ["email:claire@elsewhere.test"])


async def test_the_ticket_waits_then_and_its_history_says_who_answered(asked: Desk) -> None:
    await say(asked)
    whole = await asked.ticket(1)
    assert whole.ticket.status == "waiting"
    assert any("agent:Marie: status open → waiting" in line for line in whole.history)
    assert (whole.messages[-1].direction, whole.messages[-1].delivery) == ("out", "queued")
    assert whole.ticket.messages == len(whole.messages)


async def test_a_second_click_sends_no_second_answer(asked: Desk) -> None:
    first = await say(asked, once="form-1")
    again = await say(asked, once="form-1")
    assert again == first
    await last_out(asked)


async def test_an_answer_follows_a_merged_ticket(asked: Desk) -> None:
    await asked.send(letter("autre", subject="Autre", Message_ID="<z@x>"))
    await asked.settle()
    await asked.rows("UPDATE ticket SET merged_into = 1 WHERE id = 2 RETURNING id")
    number = await say(asked, ticket=2)
    [row] = await asked.rows(f"SELECT ticket_id FROM message WHERE id = {number}")
    assert row.ticket_id == 1


async def test_where_nobody_can_be_answered_nothing_is_queued(desk: Desk) -> None:
    await desk.send(b"Subject: nobody\r\n\r\nwords\r\n", sender="")
    await desk.send(letter(sender="x", Message_ID="<n@x>"), sender="")
    await desk.settle()
    with pytest.raises(NoTicketError, match="no ticket 99"):
        await say(desk, ticket=99)
    await desk.rows("UPDATE ticket SET answer_address = '' RETURNING id")
    for ticket in await desk.tickets():
        with pytest.raises(NoWayOutError, match="cannot be answered"):
            await say(desk, ticket=ticket.number)
    assert await desk.rows("SELECT 1 FROM outbox WHERE kind = 'reply'") == []


async def test_a_customers_subject_cannot_add_headers_to_our_answer(desk: Desk) -> None:  # T14
    subject = "=?utf-8?b?" + "QQ0KQmNjOiBldmVAZXZpbC50ZXN0" + "?="
    await desk.send(
        letter(subject="x", Message_ID="<a@x>").as_bytes().replace(b"Subject: x", f"Subject: {subject}".encode())
    )
    await desk.settle()
    await say(desk)
    answer = await last_out(desk)
    assert answer["Bcc"] is None
    assert "eve@evil.test" in answer["Subject"]


async def test_the_command_answers_a_ticket(asked: Desk, engines: Engines, tmp_path: Path) -> None:
    note = tmp_path / "avoir.txt"
    note.write_text("12 EUR")
    line = [sys.executable, "-m", "guichet", "reply", "1", "-", "--attach", str(note)]
    environment = clean_environment(
        DATABASE_URL=engines.database_url, REDIS_URL=engines.redis_url, GUICHET_VAR=str(asked.settings.var)
    )
    done = await asyncio.to_thread(
        subprocess.run, line, env=environment, cwd=ROOT, capture_output=True, timeout=60, input="Voilà.\n".encode()
    )
    assert (done.returncode, b"on its way" in done.stdout) == (0, True), done.stderr
    mail = await last_out(asked)
    assert [part.get_filename() for part in mail.iter_attachments()] == ["avoir.txt"]
    empty = await asyncio.to_thread(
        subprocess.run, line, env=environment, cwd=ROOT, capture_output=True, timeout=60, input=b" \n"
    )
    assert empty.returncode == 1


@pytest.mark.parametrize("address", ["lea.petit+shop@gmail.com", "Claire+news@Example.com"])
async def test_the_reply_address_serves_whoever_writes_their_own_address_in_another_way(
    desk: Desk, address: str
) -> None:
    await desk.send(letter(sender=address, Message_ID="<a@x>"), sender=address)
    await desk.settle()
    await say(desk)
    to = (await last_out(desk))["Reply-To"]
    await desk.send(letter("Merci", sender=address, subject="!", to=to, Message_ID="<b@x>"), sender=address, to=to)
    await desk.settle()
    assert (await tickets_of(desk))["b@x"] == 1
    messages = (await desk.ticket(1)).messages
    assert messages[-1].proof == "proved"
