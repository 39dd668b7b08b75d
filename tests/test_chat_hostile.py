"""The chat against strangers: foreign sites, broken frames, floods, tokens of others, windows that do not read."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest

from channels.chat import visitor
from config import secret
from config.settings import Settings
from tests.chat_site import signed, with_chat
from tests.chat_window import window
from tests.desk import Desk


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_chat(settings)


@pytest.mark.parametrize(
    ("origin", "status"), [("https://evil.example", 403), ("null", 403), ("https://shop.example", 101)]
)
async def test_only_listed_sites_may_open_a_window(desk: Desk, origin: str, status: int) -> None:
    """B76."""
    headers = {
        "Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    async with desk.http.get(f"{desk.url}/chat?site=shop", headers=headers) as answer:
        assert answer.status == status
    async with desk.http.post(
        f"{desk.url}/chat/frames?site=shop", headers={"Origin": origin}, json={"hello": {"type": "hello"}}
    ) as answer:
        assert answer.status == (200 if status == 101 else status)
        assert answer.headers.get("Access-Control-Allow-Origin", "") == (origin if status == 101 else "")


async def test_an_unknown_site_and_a_plain_request_are_told_so(desk: Desk) -> None:
    for path, status in (("/chat?site=nowhere", 404), ("/chat", 426), ("/chat/files/1", 401)):
        async with desk.http.get(desk.url + path) as answer:
            assert answer.status == status


async def test_broken_frames_are_answered_and_the_third_ends_it(desk: Desk) -> None:
    """B77."""
    async with window(desk.http, desk.url) as guest:
        await guest.socket.send_bytes(b"\x00\x01")
        assert (await guest.hear())["code"] == "binary"
        await guest.socket.send_str('{"type": "say", ')
        assert (await guest.hear())["code"] == "malformed"
        await guest.send("since", after=10**30)
        assert await guest.closed() == 1008
    async with window(desk.http, desk.url) as guest:
        await guest.socket.send_str('{"type": "become_admin"}')
        assert (await guest.hear())["code"] == "malformed"


async def test_nothing_is_said_before_hello(desk: Desk) -> None:
    async with window(desk.http, desk.url, greet=False) as guest:
        await guest.send("say", id="12345678", text="hello?")
        assert (await guest.hear())["code"] == "hello"
    assert await desk.balance() == []


async def test_frames_too_long_or_too_many_end_it(desk: Desk) -> None:
    """B78."""
    async with window(desk.http, desk.url) as guest:
        await guest.send("say", id="12345678", text="x" * 70_000)
        assert await guest.closed() == 1009
    async with window(desk.http, desk.url) as guest:
        for _ in range(400):
            await guest.socket.send_str('{"type":"ping"}')
        assert await guest.closed() == 1008


@pytest.mark.parametrize("spoilt", ["", "other-site", "forged", "expired", "nonsense"])
async def test_a_token_that_is_not_ours_opens_nothing(desk: Desk, spoilt: str) -> None:
    """B79."""
    key, who = secret.key(desk.settings), visitor.newcomer(b"0123456789abcdef")
    now = 1_700_000_000.0 if spoilt == "expired" else 1.9e9 if spoilt == "" else time.time()
    token = visitor.issue(key, "shop" if spoilt == "other-site" else "default", who, now)
    token = {"forged": "b" + token[1:], "nonsense": "'; DROP TABLE visitor; --"}.get(spoilt, token)
    async with window(desk.http, desk.url, greet=False) as guest:
        await guest.send("hello", token=token)
        assert (await guest.hear())["code"] == "stranger"
        assert await guest.closed() == 4401


async def test_a_window_that_does_not_read_is_cut_off_and_harms_nobody(desk: Desk) -> None:
    """B80."""
    async with window(desk.http, desk.url) as talker:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", desk.settings.http.port))
        reader, writer = await asyncio.open_connection(sock=deaf, limit=1024)
        hello = json.dumps({"type": "hello", "token": talker.token}).encode()
        writer.write(
            b"GET /chat HTTP/1.1\r\nHost: desk\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes([0x81, 0x80 | 126]) + len(hello).to_bytes(2, "big") + bytes(4) + hello)
        await asyncio.sleep(0.2)
        for _ in range(6):  # 9 MB in all: more than the kernel's buffers and ours together
            async with window(desk.http, desk.url, token=talker.token, after=1) as tab:
                for _ in range(150):
                    await tab.say("x" * 9_990)
        assert await guest_is_gone(writer)


async def guest_is_gone(writer: asyncio.StreamWriter) -> bool:
    """Whether the other side has hung up on a peer that never read."""
    for _ in range(100):
        try:
            writer.write(bytes([0x89, 0x80, 0, 0, 0, 0]))
            await writer.drain()
        except ConnectionError:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_blank_and_endless_lines_are_refused(desk: Desk) -> None:
    """B81."""
    async with window(desk.http, desk.url) as guest:
        for text, code in ((" \n\t", "blank"), ("x" * 10_001, "long")):
            await guest.send("say", id="12345678", text=text)
            assert (await guest.hear())["code"] == code
        await guest.send("say", id="../../etc", text="hello")
        assert (await guest.hear())["code"] == "id"
        await guest.say("a\0b")
    await desk.settle()
    assert (await desk.ticket(1)).messages[0].text == "a\ufffdb"


@pytest.mark.parametrize(
    "identity",
    [signed("another key", id="42"), signed(id="42", exp=1.0), signed(id=""), "e30.00", signed(id="42") + "0"],
)
async def test_an_identity_that_is_not_signed_right_opens_nothing(desk: Desk, identity: str) -> None:
    async with window(desk.http, desk.url, site="shop", greet=False) as guest:
        await guest.send("hello", identity=identity)
        assert await guest.closed() == 4401


async def test_too_many_lines_in_a_minute_are_put_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with window(desk.http, desk.url) as guest:
        for number in range(120):
            await guest.send("say", id=f"line-{number:04}", text="!")
        await guest.until("ack", id="line-0000")
    monkeypatch.undo()


async def test_a_file_too_large_is_refused_before_it_is_read(desk: Desk) -> None:
    async with window(desk.http, desk.url) as guest:
        headers = {"Authorization": f"Bearer {guest.token}", "X-Line-Id": "a-file-1", "X-File-Name": "big"}
        async with desk.http.post(f"{desk.url}/chat/files", data=b"x" * 25_000_000, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (413, "large")
    assert await desk.balance() == []
