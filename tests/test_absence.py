"""Continuity: an answer that nobody reads in the chat goes out by mail, once; its answer comes back into both."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from config.settings import Settings
from tests.chat_site import with_chat
from tests.chat_window import Window, window
from tests.desk import Desk, letter


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_chat(settings, absence_seconds=0.001, answer_from="support@example.org")


async def talk(desk: Desk, guest: Window, email: str = "zoe@example.net") -> int:
    """A visitor who gives an address, says a line, and is answered. The number of the answer."""
    await guest.send("who", name="Zoé", email=email)
    await guest.until("known")
    await guest.say("Où est mon colis ?")
    await desk.settle()
    return await desk.reply(1, "Il arrive demain.")


def mails(desk: Desk) -> list[EmailMessage]:
    return [message_from_bytes(raw, policy=default) for raw in desk.outgoing()]  # type: ignore[misc]


async def test_an_unread_answer_follows_the_visitor_by_mail_once(desk: Desk) -> None:
    async with window(desk.http, desk.url, language="fr") as guest:
        await talk(desk, guest)
    await desk.reply(1, "Avant midi.")
    assert await desk.absence.drain() == 1
    assert await desk.absence.drain() == 0
    await desk.dispatch()
    [mail] = mails(desk)
    assert mail["To"] == "Zoé <zoe@example.net>"
    body = mail.get_body()
    assert body is not None
    text = str(body.get_content()).replace("\r\n", "\n")
    assert "Il arrive demain.\n\nAvant midi." in text
    assert "Où est mon colis" not in text, "nobody can have us send words of theirs to an address that they typed"
    await desk.reply(1, "Il est là.")
    assert await desk.absence.drain() == 1
    await desk.dispatch()
    assert len(mails(desk)) == 2
    assert "demain" not in str(mails(desk)[1])


async def test_what_was_read_is_not_mailed(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        number = await talk(desk, guest)
        await guest.until("line", number=number)
        await guest.send("seen", number=number)
        await desk.wait("SELECT read_number > 0 FROM conversation")
    assert await desk.absence.drain() == 0


async def test_who_gave_no_address_is_not_written_to(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        await talk(desk, guest, email="")
    assert await desk.absence.drain() == 0


async def test_the_answer_to_that_mail_comes_into_the_ticket_and_the_chat(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        await talk(desk, guest)
        token = guest.token
    await desk.absence.drain()
    await desk.dispatch()
    [mail] = mails(desk)
    ours = mail["Reply-To"].split("<")[-1].strip("> ")
    answer = letter("Merci, je l'attends.", sender="zoe@example.net", to=ours, subject=f"Re: {mail['Subject']}")
    await desk.send(answer, sender="zoe@example.net", to=ours)
    forwarded = letter("I am somebody else", sender="eve@example.net", to=ours, subject="Re: hm")
    await desk.send(forwarded, sender="eve@example.net", to=ours)
    await desk.settle()
    [ticket] = await desk.tickets()
    assert ticket.messages == 5
    async with window(desk.http, desk.url, token=token) as guest:
        assert guest.texts[-1].strip() == "Merci, je l'attends."
        assert "I am somebody else" not in guest.texts
        assert guest.lines[max(guest.lines)]["from"] == "visitor"


async def test_two_workers_tell_the_absent_once(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        await talk(desk, guest)
    assert sum(await asyncio.gather(*(desk.absence.drain() for _ in range(4)))) == 1
