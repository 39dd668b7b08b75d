"""A chat window without a browser: speaks the protocol of docs/chat.md over a real WebSocket, checks what it hears."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

Frame = dict[str, Any]


class Window:
    """One open window. `lines` is what it shows, by number; `heard` every frame."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[Frame] = []
        self.lines: dict[int, Frame] = {}
        self.token = ""

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def hear(self, seconds: float = 5) -> Frame:
        """The next frame."""
        message = await self.socket.receive(timeout=seconds)
        assert message.type is WSMsgType.TEXT, (message, self.socket.close_code)
        frame: Frame = message.json()
        self.heard.append(frame)
        for line in [frame] if frame["type"] == "line" else frame.get("lines", []):
            if line["number"]:
                assert line["number"] not in self.lines, "a line came twice"
                assert line["number"] > max(self.lines, default=0), "lines came out of order"
                self.lines[line["number"]] = line
        self.token = frame.get("token", self.token)
        return frame

    async def until(self, kind: str, seconds: float = 5, **fields: Any) -> Frame:
        """The next frame of that kind with these fields; what comes before is kept in `heard`."""
        async with asyncio.timeout(seconds):
            while True:
                frame = await self.hear()
                if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                    return frame

    async def say(self, text: str, line_id: str = "") -> Frame:
        """Say a line and wait until it is acknowledged."""
        line_id = line_id or secrets.token_hex(8)
        await self.send("say", id=line_id, text=text)
        return await self.until("ack", id=line_id)

    async def closed(self, seconds: float = 5) -> int:
        """The code with which the other side closes."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.socket.receive()
                if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
                    return self.socket.close_code or 1006

    @property
    def texts(self) -> list[str]:
        """What it shows, in order."""
        return [self.lines[number]["text"] for number in sorted(self.lines)]


@asynccontextmanager
async def window(
    http: ClientSession, url: str, *, site: str = "default", origin: str = "", greet: bool = True, **hello: Any
) -> AsyncIterator[Window]:
    """An open window, greeted unless told otherwise."""
    headers = {"Origin": origin} if origin else {}
    async with http.ws_connect(f"{url}/chat?site={site}", headers=headers, max_msg_size=0) as socket:
        opened = Window(socket)
        if greet:
            await opened.send("hello", **hello)
            await opened.until("welcome")
        yield opened
