"""The chat: from the socket to the ticket, and the agent's answer back into every window."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from config.settings import Settings
from gateway.keys import INBOX
from tests.chat_site import KEY, signed, with_chat
from tests.chat_window import window
from tests.desk import Desk
from tests.documents import blocks
from workers.deliver import Deliver


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_chat(settings)


async def test_a_line_becomes_a_ticket_and_the_answer_comes_back(desk: Desk) -> None:
    async with window(desk.http, desk.url, language="fr") as guest:
        await guest.say("Bonjour, où est mon colis ?")
        await desk.settle()
        [ticket] = await desk.tickets()
        assert (ticket.channel, ticket.language, ticket.messages) == ("chat", "fr", 2)
        await guest.until("line", **{"from": "visitor"})
        await desk.reply(1, "Il arrive demain.")
        frame = await guest.until("line", **{"from": "agent"})
        assert (frame["text"], frame["name"]) == ("Il arrive demain.", "Marie")
        [reply] = [message for message in (await desk.ticket(1)).messages if message.text == "Il arrive demain."]
        assert reply.delivery == "sent"
    [row] = await desk.balance()
    assert (row.channel, row.ticket, row.difference) == ("chat", 1, 0)
    assert (await desk.tickets())[0].status == "waiting"


async def test_two_tabs_share_one_conversation(desk: Desk) -> None:
    async with window(desk.http, desk.url) as one, window(desk.http, desk.url, token=one.token) as other:
        await one.say("from the first tab")
        echo = await other.until("line", number=0)
        assert echo["text"] == "from the first tab"
        await other.say("from the second tab")
        await desk.settle()
        while len(one.lines) < 3 or len(other.lines) < 3:
            await asyncio.gather(*(tab.hear() for tab in (one, other) if len(tab.lines) < 3))
        assert one.texts == other.texts
        assert [row.count for row in await desk.rows("SELECT count(*) FROM ticket")] == [1]


async def test_a_line_sent_again_is_stored_once(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        for _ in range(3):
            await guest.say("is anybody there?", "the-same-line")
        token = guest.token
    async with window(desk.http, desk.url, token=token) as guest:
        await guest.say("is anybody there?", "the-same-line")
    await desk.settle()
    [row] = await desk.balance()
    assert (row.received, row.ticket) == (1, 1)


async def test_a_window_that_comes_back_gets_what_it_missed_and_nothing_twice(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        await guest.say("hello")
        await desk.settle()
        await guest.until("line", **{"from": "desk"})
        token, last = guest.token, max(guest.lines)
    await desk.reply(1, "one")
    await desk.reply(1, "two")
    async with window(desk.http, desk.url, token=token, after=last) as guest:
        assert guest.texts == ["one", "two"]
    async with window(desk.http, desk.url, token=token) as guest:
        assert [guest.lines[number]["from"] for number in guest.lines] == ["visitor", "desk", "agent", "agent"]


async def test_what_is_not_settled_yet_is_shown_on_return(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        await guest.say("nobody works yet", "first-line")
        token = guest.token
    async with window(desk.http, desk.url, token=token) as guest:
        [welcome] = guest.heard
        assert [(line["id"], line["text"]) for line in welcome["waiting"]] == [("first-line", "nobody works yet")]


async def test_an_answer_whose_hint_is_lost_arrives_all_the_same(desk: Desk) -> None:
    desk.deliver = Deliver(desk.database, desk.ingest.office.channels, desk.settings)
    async with window(desk.http, desk.url) as guest:
        await guest.say("hello")
        await desk.settle()
        await desk.reply(1, "nobody hinted at this")
        await guest.until("line", text="nobody hinted at this")


async def test_a_signed_identity_is_the_same_visitor_everywhere(desk: Desk) -> None:
    identity = signed(id="42", name="Zoé", email="zoe@example.net")
    async with window(desk.http, desk.url, site="shop", identity=identity) as phone:
        assert phone.heard[0]["guest"] == {"name": "Zoé", "email": "zoe@example.net", "proved": True}
        await phone.say("from the phone")
        await desk.settle()
        async with window(desk.http, desk.url, site="shop", identity=identity) as laptop:
            assert "from the phone" in laptop.texts
        token = phone.token
    [ticket] = await desk.tickets()
    assert [row.name for row in await desk.rows("SELECT name FROM contact")] == ["Zoé"]
    assert ticket.channel == "chat"
    async with window(desk.http, desk.url, site="shop", greet=False) as later:
        await later.send("hello", token=token)  # signed out of the shop: the token alone opens nothing
        assert await later.closed() == 4401


async def test_while_the_database_is_away_lines_are_put_off_and_keep_their_order(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = desk.runner.app[INBOX]  # type: ignore[index]
    async with window(desk.http, desk.url) as guest:
        with monkeypatch.context() as outage:
            outage.setattr(inbox, "_insert", away)
            await guest.send("say", id="line-one", text="one")
            assert (await guest.hear())["code"] == "busy"
        await guest.send("say", id="line-two", text="two")
        assert (await guest.hear()) == {"type": "later", "id": "line-two", "seconds": 3.0, "code": "order"}
        await guest.say("one", "line-one")
        await guest.say("two", "line-two")
    await desk.settle()
    assert [m.text for m in (await desk.ticket(1)).messages if m.direction == "in"] == ["one", "two"]


async def away(*_arguments: object) -> None:
    raise OSError("the database is away")


async def test_everything_goes_over_plain_http_too(desk: Desk) -> None:
    async def poll(wait: float = 0.0, **more: Any) -> list[dict[str, Any]]:
        body = {"hello": {"type": "hello", **hello}, "wait": wait, **more}
        async with desk.http.post(f"{desk.url}/chat/frames", json=body) as answer:
            assert answer.status == 200
            return list((await answer.json())["frames"])

    hello: dict[str, Any] = {}
    welcome, ack = await poll(frames=[{"type": "say", "id": "12345678", "text": "no sockets here"}])
    assert (welcome["type"], ack["type"]) == ("welcome", "ack")
    await desk.settle()
    hello = {"token": welcome["token"], "after": 2}
    waiting = asyncio.create_task(poll(wait=10))
    await asyncio.sleep(0.3)
    await desk.reply(1, "then like this")
    frames = await waiting
    assert [frame["text"] for frame in frames if frame["type"] == "line"] == ["then like this"]
    hello = {"token": "forged"}
    async with desk.http.post(f"{desk.url}/chat/frames", json={"hello": {"type": "hello", **hello}}) as answer:
        assert answer.status == 401


async def test_a_file_is_a_line_that_only_its_conversation_can_fetch(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest, window(desk.http, desk.url) as stranger:
        headers = {
            "Authorization": f"Bearer {guest.token}",
            "X-Line-Id": "a-file-1",
            "X-File-Name": "../../h%C3%A9.png",
        }
        for _ in range(2):
            async with desk.http.post(f"{desk.url}/chat/files", data=b"\x89PNG...", headers=headers) as answer:
                assert (answer.status, (await answer.json())["type"]) == (201, "ack")
        await desk.settle()
        line = await guest.until("line", id="a-file-1", number=1)
        [file] = line["files"]
        assert (file["name"], file["size"]) == ("hé.png", 7)
        address = f"{desk.url}/chat/files/{file['id']}"
        async with desk.http.get(address, headers={"Authorization": f"Bearer {guest.token}"}) as answer:
            assert (answer.status, await answer.read()) == (200, b"\x89PNG...")
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for token, status in ((stranger.token, 404), ("", 401)):
            async with desk.http.get(address, headers={"Authorization": f"Bearer {token}"}) as answer:
                assert answer.status == status
    assert [row.received for row in await desk.balance()] == [1]


async def test_what_was_on_the_screen_is_read(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        await guest.say("hello")
        await desk.settle()
        number = await desk.reply(1, "Good morning.")
        await guest.until("line", number=number)
        await guest.send("seen", number=number + 1_000_000)
        await desk.wait(f"SELECT delivery = 'read' FROM message WHERE id = {number}")
        [row] = await desk.rows("SELECT read_number FROM conversation")
        assert row.read_number == number, "nobody has read what was not there yet"


async def test_typing_is_seen_on_both_sides(desk: Desk) -> None:
    typed = asyncio.Event()
    conversations = desk.runner.app[INBOX].conversations  # type: ignore[index]
    conversations.watch(lambda _key, kind, _detail: typed.set() if kind == "typing" else None)
    async with window(desk.http, desk.url) as guest:
        await guest.say("hello")
        await desk.settle()
        key = (await desk.rows("SELECT conversation FROM ticket"))[0].conversation
        conversations.hint(key, "agent_typing", "Marie")
        assert (await guest.until("typing"))["detail"] == "Marie"
        await guest.send("typing")
        async with asyncio.timeout(5):
            await typed.wait()


async def test_the_window_knows_whether_somebody_is_there(desk: Desk) -> None:
    async with window(desk.http, desk.url, site="night", language="fr") as guest:
        assert guest.heard[0]["site"]["attended"] is False
    async with window(desk.http, desk.url, site="shop", origin="https://shop.example") as guest:
        assert (guest.heard[0]["site"]["attended"], guest.heard[0]["site"]["agent"]) == (True, "Marie")


async def test_who_it_is_can_be_said_once_they_are_asked(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        await guest.send("who", name="Zoé\r\nBcc: x", email="a@example.com, b@example.com")
        assert (await guest.hear())["code"] == "email"
        await guest.send("who", name="Zoé\r\nBcc: x", email="Zoe@Example.net")
        assert await guest.hear() == {"type": "known", "name": "Zoé Bcc: x", "email": "zoe@example.net"}
        token = guest.token
    async with window(desk.http, desk.url, token=token) as guest:
        assert guest.heard[0]["guest"]["email"] == "zoe@example.net"


async def test_the_identity_of_the_docs_is_taken(desk: Desk) -> None:
    [example] = blocks("docs/chat.md", "python")
    names: dict[str, Any] = {}
    exec(example, names)
    identity = names["identity"](KEY, "42", "Zoé", "zoe@example.net")
    async with window(desk.http, desk.url, site="shop", identity=identity) as guest:
        assert guest.heard[0]["guest"] == {"name": "Zoé", "email": "zoe@example.net", "proved": True}
