"""Quarantine through the real doors: what lies there, what may be done, and that the balance still balances."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Browser

from gateway.operations.quarantine import legible, shown
from models.envelope import Envelope, RawMessage
from tests.browser import NARROW, axe
from tests.desk import Desk, letter
from tests.staff import hire
from workers.as_it_is import as_it_is
from workers.reading import Reading

BAD = b"From: x\r\n\r\nBonjour, ceci est illisible\x00\x07 <script>alert(1)</script>\r\n"
BURY = (
    "UPDATE inbox SET state = 'dead', outcome = 'quarantined', settled_at = now(), attempts = 5, last_error = :why"
    " WHERE id = :id RETURNING id"
)


@pytest.fixture
async def supervisor(desk: Desk) -> AsyncIterator[ClientSession]:
    crew = await hire(desk)
    http = await crew.http("sonia")
    yield http
    await http.close()


async def bury(
    desk: Desk, *subjects: str, why: str = "DataError: invalid byte sequence for claire@example.com"
) -> None:
    for number, subject in enumerate(subjects, 1):
        await desk.send(letter(subject=subject, Message_ID=f"<{subject}@example.com>"))
        await desk.rows(BURY, id=number, why=why)


async def act(desk: Desk, http: ClientSession, **form: str) -> int:
    async with http.post(f"{desk.url}/operations/quarantine", data=form, allow_redirects=False) as answer:
        return answer.status


async def sums(desk: Desk) -> dict[str, int]:
    [row] = [row for row in await desk.balance() if row.channel == "email"]
    assert row.difference == 0
    return {name: getattr(row, name) for name in ("received", "ticket", "machine", "quarantined", "pending")}


async def test_the_list_says_why_and_shows_no_address(desk: Desk, supervisor: ClientSession) -> None:
    await bury(desk, "one", "two")
    async with supervisor.get(f"{desk.url}/operations/quarantine?lang=en") as answer:
        page = await answer.text()
    assert "2 ×" in page
    assert "invalid byte sequence for" in page
    assert "claire@example.com" not in page


async def test_an_item_that_is_tried_again_becomes_its_ticket(desk: Desk, supervisor: ClientSession) -> None:
    await bury(desk, "one")
    assert await act(desk, supervisor, action="retry", id="1") == 303
    await desk.settle()
    assert [ticket.subject for ticket in await desk.tickets()] == ["one"]
    assert await sums(desk) == {"received": 1, "ticket": 1, "machine": 0, "quarantined": 0, "pending": 0}
    [line] = await desk.rows("SELECT actor, kind, subject FROM operation")
    assert re.fullmatch(r"agent:\d+", line.actor)
    assert (line.kind, line.subject) == ("retry", "inbox:1")


async def test_a_ticket_is_made_anyway_with_the_bytes_attached_and_unanswered(
    desk: Desk, supervisor: ClientSession
) -> None:
    await bury(desk, "one")
    await desk.rows("UPDATE inbox SET channel = 'meta', envelope = envelope || '{\"channel\": \"meta\"}' RETURNING 1")
    await desk.rows("UPDATE inbox SET state = 'pending', outcome = '', attempts = 0 RETURNING 1")
    await desk.settle()  # a mail is no message of that channel
    [row] = await desk.rows("SELECT state, last_error FROM inbox")
    assert row.state == "dead"
    assert await act(desk, supervisor, action="ticket", id="1") == 303
    await desk.settle()
    [ticket] = await desk.tickets()
    assert not ticket.acknowledged
    whole = await desk.ticket(ticket.number)
    assert "facture est fausse" in whole.messages[0].text
    [file] = await desk.rows("SELECT filename, content FROM attachment")
    assert file.filename == "original.bin"
    assert b"Facture fausse" not in file.content
    assert b"ma facture" in file.content


async def test_a_discarded_item_is_kept_counted_and_may_come_back(desk: Desk, supervisor: ClientSession) -> None:
    await bury(desk, "one")
    assert await act(desk, supervisor, action="discard", id="1") == 400
    assert await act(desk, supervisor, action="discard", id="1", why="spam") == 303
    assert await sums(desk) == {"received": 1, "ticket": 0, "machine": 1, "quarantined": 0, "pending": 0}
    [row] = await desk.rows("SELECT last_error, body FROM inbox")
    assert row.last_error.endswith(": spam")
    assert row.body
    assert await act(desk, supervisor, action="restore", id="1") == 303
    assert (await sums(desk))["quarantined"] == 1


async def test_all_of_one_reason_are_taken_together_and_no_other(desk: Desk, supervisor: ClientSession) -> None:
    await bury(desk, "one", "two", "three")
    await desk.rows("UPDATE inbox SET last_error = 'Malformed: other' WHERE id = 3 RETURNING 1")
    async with supervisor.get(f"{desk.url}/operations/quarantine?lang=en") as answer:
        kinds = re.findall(r'name="kind" value="(\w+)"', await answer.text())
    assert await act(desk, supervisor, action="retry", kind=kinds[0]) == 303
    await desk.settle()
    assert await sums(desk) == {"received": 3, "ticket": 2, "machine": 0, "quarantined": 1, "pending": 0}


async def test_bytes_are_shown_as_text_and_saved_as_bytes(desk: Desk, supervisor: ClientSession) -> None:
    await bury(desk, "one")
    await desk.rows("UPDATE inbox SET body = :body RETURNING 1", body=BAD)
    async with supervisor.get(f"{desk.url}/operations/quarantine/1?lang=en") as answer:
        page = await answer.text()
    assert "illisible␀␇ &lt;script&gt;" in page
    async with supervisor.get(f"{desk.url}/operations/quarantine/1/raw") as answer:
        assert await answer.read() == BAD
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("form", [{"action": "x", "id": "1"}, {"action": "retry", "id": "1; DROP"}, {}])
async def test_what_is_no_action_changes_nothing(desk: Desk, supervisor: ClientSession, form: dict[str, str]) -> None:
    await bury(desk, "one")
    assert await act(desk, supervisor, **form) == 400
    assert (await sums(desk))["quarantined"] == 1


async def test_agents_and_foreign_pages_may_not(desk: Desk) -> None:
    crew = await hire(desk)
    await bury(desk, "one")
    marie = await crew.http("marie")
    assert await act(desk, marie, action="retry", id="1") == 403
    sonia = await crew.http("sonia")
    foreign = {"Origin": "https://evil.example"}
    posted = {"action": "retry", "id": "1"}
    async with sonia.post(f"{desk.url}/operations/quarantine", data=posted, headers=foreign) as answer:
        assert answer.status == 403
    assert (await sums(desk))["quarantined"] == 1
    await marie.close()
    await sonia.close()


async def test_the_pages_have_no_barriers(desk: Desk, browser: Browser) -> None:
    crew = await hire(desk)
    await bury(desk, "one", "two")
    for language, window in (("fr", {"viewport": NARROW, "color_scheme": "dark"}), ("en", {})):
        context = await crew.window(browser, "sonia", **window)
        page = await context.new_page()
        for path in ("quarantine", "quarantine/1"):
            await page.goto(f"{desk.url}/operations/{path}?lang={language}")
            assert await axe(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await context.close()


@given(st.binary(max_size=300))
def test_nothing_that_is_shown_acts_or_hides(body: bytes) -> None:
    assert all(character.isprintable() or character in "\n\t" or ord(character) > 159 for character in shown(body).text)


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_become_a_message_that_can_be_stored(body: bytes, sender: str) -> None:
    envelope = Envelope(
        channel="meta",
        account="1",
        external_id="1",
        sender=sender,
        received_at=datetime.now(UTC),
        trace_id="0",
        lane="x",
    )
    message = as_it_is(RawMessage(envelope, body), Reading(malformed="no JSON"))
    for words in (message.text, message.reply_text, message.subject, message.sender.address):
        assert "\0" not in words
        words.encode()
    assert message.text
    assert message.attachments[0].content == body
    assert legible(message.text) or body
