"""An agent's answer: `guichet reply`, on whatever channel the customer came by."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from email import message_from_bytes
from email.policy import default

import pytest

from models.relay import NoTicketError, NoWayOutError
from tests.desk import Desk, letter
from tests.processes import ROOT, clean_environment


def command(desk: Desk, *arguments: str, words: str = "") -> subprocess.CompletedProcess[str]:
    """Run `guichet` beside the desk, on its engines."""
    environment = clean_environment(
        DATABASE_URL=desk.settings.database_url, REDIS_URL=desk.settings.redis_url, GUICHET_VAR=str(desk.settings.var)
    )
    line = [sys.executable, "-m", "guichet", *arguments]
    return subprocess.run(line, cwd=ROOT, env=environment, input=words, capture_output=True, text=True, timeout=30)


async def test_the_command_answers_by_mail_in_the_same_thread(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<m1@example.com>"))
    await desk.settle()
    done = await asyncio.to_thread(command, desk, "reply", "1", "-", "--agent", "Marie", words="Corrigé !\n")
    assert done.returncode == 0, done.stderr
    await desk.dispatch()
    mails = [message_from_bytes(raw, policy=default) for raw in desk.outgoing()]
    [mail] = [mail for mail in mails if mail["Auto-Submitted"] is None]
    assert (mail["To"], mail["Subject"]) == ("claire@example.com", "[#1] Re: Facture fausse")
    assert "<m1@example.com>" in mail["References"]
    assert mail.get_body().get_content().strip() == "Corrigé !"  # type: ignore[union-attr]
    [ticket] = await desk.tickets()
    assert (ticket.status, ticket.messages) == ("waiting", 3)
    ours = mail["Reply-To"].split("<")[-1].strip("> ")
    await desk.send(letter("Merci", to=ours, subject="Re: x"), to=ours)
    await desk.settle()
    assert (await desk.tickets())[0].status == "open"


async def test_the_command_says_what_it_cannot_do(desk: Desk) -> None:
    done = await asyncio.to_thread(command, desk, "reply", "7", "hello")
    assert (done.returncode, done.stderr) == (1, "there is no ticket 7.\n")


async def test_a_ticket_without_a_way_back_says_so(desk: Desk) -> None:
    await desk.send(letter())
    await desk.settle()
    await desk.rows("UPDATE ticket SET answer_address = '' RETURNING 1")
    with pytest.raises(NoWayOutError):
        await desk.reply(1, "hello")
    with pytest.raises(NoTicketError):
        await desk.reply(2, "hello")


async def test_answers_given_at_once_keep_one_order_and_a_merged_ticket_answers_for_both(desk: Desk) -> None:
    for number in (1, 2):
        await desk.send(
            letter(subject=f"matter {number}", sender=f"c{number}@example.com"), sender=f"c{number}@example.com"
        )
    await desk.settle()
    await desk.rows("UPDATE ticket SET merged_into = 1 WHERE id = 2 RETURNING 1")
    await asyncio.gather(*(desk.reply(2, f"answer {number}") for number in range(8)))
    rows = await desk.rows("SELECT ticket_id, text FROM message WHERE sender LIKE 'agent:%' ORDER BY id")
    assert {row.ticket_id for row in rows} == {1}
    assert len(rows) == 8
    assert (await desk.rows("SELECT count(*) AS queued FROM outbox WHERE kind = 'reply'"))[0].queued == 8
