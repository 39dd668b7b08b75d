"""The customer's page: a link opens one ticket, shows what its customer may see, and takes replies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default

import aiohttp
import pytest

from config.settings import Settings
from tests.desk import Desk, letter

SEALED = re.compile(r"http://\S+/t/[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": f"http://127.0.0.1:{settings.http.port}"})


@pytest.fixture
async def link(desk: Desk) -> str:
    """The link that Claire got with the acknowledgement of ticket 1."""
    return await opened(desk)


async def opened(desk: Desk, **mail: str) -> str:
    """A mail comes in; the link in its acknowledgement."""
    sender = mail.get("sender", "claire@example.com")
    await desk.send(letter(**mail), sender=sender.rpartition("<")[2].strip(">"))
    await desk.settle()
    await desk.dispatch()
    text = newest(desk)
    return SEALED.findall(text)[0]


def newest(desk: Desk) -> str:
    """The text of the mail that went out last."""
    path = max((desk.settings.var / "outgoing" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    body = message_from_bytes(path.read_bytes(), policy=default).get_body()
    assert body is not None
    return str(body.get_content())


async def page(desk: Desk, address: str, status: int = 200) -> str:
    async with desk.http.get(address) as answer:
        assert answer.status == status, address
        return await answer.text()


async def settle_soon(desk: Desk) -> None:
    """Work while a request waits for its outcome."""
    while True:
        await desk.settle()
        await asyncio.sleep(0.02)


@pytest.fixture
async def worker(desk: Desk) -> AsyncIterator[None]:
    task = asyncio.create_task(settle_soon(desk))
    yield
    task.cancel()


async def test_the_link_shows_the_ticket_without_what_is_internal(desk: Desk, link: str) -> None:
    await desk.reply(1, "Nous regardons cela.", "Marie")
    await desk.rows(
        "INSERT INTO message (ticket_id, direction, text) VALUES (1, 'note', 'client difficile') RETURNING 1"
    )
    await desk.rows("INSERT INTO message (ticket_id, direction, text) VALUES (1, 'machine', 'bounce') RETURNING 1")
    text = await page(desk, f"{link}?lang=fr")
    assert "Facture fausse" in text
    assert "Nous attendons votre réponse" in text
    assert "Nous regardons cela." in text
    assert "Marie" in text
    assert "client difficile" not in text
    assert "bounce" not in text
    assert "/t/link-" not in text


async def test_a_reply_with_a_file_joins_the_ticket(desk: Desk, link: str, worker: None) -> None:
    form = aiohttp.FormData({"text": "L'adresse est\r\ninchangée.", "key": "one-click"})
    form.add_field("files", b"%PDF-1.7", filename="facture.pdf", content_type="application/pdf")
    async with desk.http.post(link, data=form, allow_redirects=False) as answer:
        assert answer.status == 303
        text = await page(desk, f"http://127.0.0.1:{desk.settings.http.port}{answer.headers['Location']}")
    assert "inchangée" in text
    [ticket] = await desk.tickets()
    assert ticket.messages == 3
    reply = (await desk.ticket(1)).messages[-1]
    assert (reply.channel, reply.sender, reply.attachments) == (
        "portal",
        "claire@example.com",
        ["facture.pdf (8 bytes)"],
    )
    [address] = re.findall(r'href="(\S+/files/\d+)"', text)
    async with desk.http.get(f"http://127.0.0.1:{desk.settings.http.port}{address}") as answer:
        assert (answer.status, await answer.read()) == (200, b"%PDF-1.7")
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''facture.pdf"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert all(row.difference == 0 for row in await desk.balance())


async def test_a_double_click_is_one_reply_and_a_resolved_ticket_opens_again(
    desk: Desk, link: str, worker: None
) -> None:
    await desk.rows("UPDATE ticket SET status = 'resolved' RETURNING 1")
    for _ in range(2):
        async with desk.http.post(link, data={"text": "Encore faux", "key": "same"}, allow_redirects=False) as answer:
            assert answer.status == 303
    [ticket] = await desk.tickets()
    assert (ticket.messages, ticket.status) == (3, "open")


async def test_an_empty_reply_and_one_that_is_too_long_come_back_with_their_text(desk: Desk, link: str) -> None:
    for text, status in ((" ", 422), ("<b>" + "x" * 20_000, 413)):
        async with desk.http.post(link, data={"text": text}, allow_redirects=False) as answer:
            body = await answer.text()
            assert answer.status == status
            assert "<b>x" not in body
            assert status == 422 or "&lt;b&gt;xxx" in body
    assert (await desk.tickets())[0].messages == 2


@pytest.mark.parametrize(
    "token", ["", "%20", "None", "null", "0" * 22, "A" * 21, "A" * 23, "link-" + "0" * 32, "..%2f", "'"]
)
async def test_what_opens_nothing_gets_one_and_the_same_answer(desk: Desk, link: str, token: str) -> None:
    """T8, T9."""
    await desk.rows("UPDATE page_link SET expires_at = now() RETURNING 1")
    expired = await page(desk, link, 404)
    assert await page(desk, f"{desk.url}/t/{token}", 404) == expired
    async with desk.http.post(f"{desk.url}/t/{token}", data={"text": "let me in"}) as answer:
        assert (answer.status, await answer.text()) == (404, expired)
    assert (await desk.tickets())[0].messages == 2


async def test_one_ticket_s_link_opens_no_other_ticket_s_things(desk: Desk, link: str) -> None:
    """T8: files and messages of others look as if they were not there."""
    mail = letter("secret", sender="eve@example.net", subject="Other")
    mail.add_attachment(b"secret", maintype="text", subtype="plain", filename="secret.txt")
    await desk.send(mail, sender="eve@example.net")
    await desk.settle()
    [file] = await desk.rows("SELECT id, message_id FROM attachment")
    missing = await page(desk, f"{link}/files/999999", 404)
    for path in (f"files/{file.id}", f"messages/{file.message_id}", "files/0", "files/-1", "messages/x"):
        assert await page(desk, f"{link}/{path}", 404) == missing


async def test_what_a_stranger_writes_into_the_ticket_is_not_shown(desk: Desk, link: str) -> None:
    """T6: a sign-up elsewhere with our reply address would bring its code to whoever opened the ticket."""
    mail = message_from_bytes(desk.outgoing()[0], policy=default)
    ours = mail["Reply-To"].split("<")[-1].strip("> ")
    code = letter("Your code is 424242", sender="no-reply@bank.example", to=ours, subject="Your code")
    await desk.send(code, sender="no-reply@bank.example", to=ours)
    await desk.settle()
    assert "424242" in str((await desk.ticket(1)).messages), "it did come into the ticket"
    assert "424242" not in await page(desk, link)


async def test_tokens_stand_neither_in_the_database_nor_in_the_logs(
    desk: Desk, link: str, worker: None, capfd: pytest.CaptureFixture[str]
) -> None:
    token = link.rpartition("/")[2]
    async with desk.http.post(link, data={"text": "hello"}):
        pass
    await page(desk, link[:-1] + ("A" if link[-1] != "A" else "B"), 404)
    tables = await desk.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    for table in tables:
        [found] = await desk.rows(
            f"SELECT count(*) AS times FROM {table.name} AS t WHERE t::text LIKE '%' || :token || '%'", token=token
        )
        assert found.times == 0, table.name
    logged = capfd.readouterr()
    assert token not in logged.out + logged.err


async def test_the_page_tells_nobody_its_address(desk: Desk, link: str) -> None:
    async with desk.http.get(link) as answer:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        size = len(await answer.read())
    async with desk.http.get(f"{desk.url}/t/page.css") as css, desk.http.get(f"{desk.url}/t/page.js") as script:
        assert size + len(await css.read()) + len(await script.read()) < 100_000


async def test_whoever_guesses_is_stopped(desk: Desk, link: str) -> None:
    answers = []
    for number in range(desk.settings.portal.guesses_per_minute + 5):
        async with desk.http.get(f"{desk.url}/t/{number:022}") as answer:
            answers.append(answer.status)
    assert answers[:5] == [404] * 5
    assert answers[-3:] == [429] * 3
    await page(desk, link, 429)


async def test_a_fresh_link_goes_to_the_ticket_s_own_address_alone(desk: Desk, link: str) -> None:
    await desk.rows("UPDATE page_link SET expires_at = now() RETURNING 1")
    said = set()
    for number, email in (
        ("1", "eve@example.net"),
        ("2", "claire@example.com"),
        ("x", ""),
        ("#1", "Claire@Example.com"),
        ("1", "claire@example.com"),
    ):
        async with desk.http.post(f"{desk.url}/t", data={"number": number, "email": email}) as answer:
            said.add((answer.status, await answer.text()))
        await desk.dispatch()
    assert len(said) == 1, "the answer tells nothing"
    assert len(desk.outgoing()) == 2, "one acknowledgement and one fresh link"
    fresh = SEALED.findall(newest(desk))[0]
    assert fresh != link
    assert "Facture fausse" in await page(desk, fresh)
    await page(desk, link, 404)


async def test_the_page_hears_of_news(desk: Desk, link: str) -> None:
    async with desk.http.get(f"{link}/live") as stream:
        assert stream.content_type == "text/event-stream"
        await stream.content.readuntil(b"\n\n")
        await desk.reply(1, "news")
        async with asyncio.timeout(5):
            assert await stream.content.readuntil(b"\n\n") == b"event: changed\ndata:\n\n"
    assert "news" in await page(desk, f"{link}/history")


async def test_without_a_public_address_no_link_is_sent(settings: Settings, desk: Desk) -> None:
    desk.settings.public_url = ""
    await desk.send(letter(sender="paul@example.net"), sender="paul@example.net")
    await desk.settle()
    assert await desk.rows("SELECT 1 FROM page_link") == []
