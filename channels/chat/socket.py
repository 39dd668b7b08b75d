"""One WebSocket (RFC 6455): frames in, frames out, and every bound on both.

1001  the gateway goes; come back at once     1008  three broken frames, or too many in a second
1009  a frame above 64 KiB                    1013  the window does not read, or there are too many
4401  the token or the identity opens nothing 4408  no hello within ten seconds
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from channels.chat import frames
from channels.chat.session import Session
from channels.chat.visitor import StrangerError
from channels.limits import Bucket
from config import logs

HEARTBEAT = 20.0
"""Seconds between pings of ours; a window that answers none is gone."""
HELLO_SECONDS = 10.0
STRIKES = 3
FRAMES_PER_SECOND, FRAMES_AT_ONCE = 50.0, 200.0
MOST_BUFFERED = 1_048_576
"""Bytes that wait for a window that does not read."""
FAREWELL_SECONDS = 2.0
STRANGER, SILENT = 4401, 4408

log = logs.of("chat")


class Socket:
    """One connection, as long as it is open."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._transport = request.transport
        self._socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT,
            autoping=False,
            compress=False,
            max_msg_size=frames.LONGEST_FRAME,
            decode_text=False,
        )
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._pump: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    def put(self, frame: dict[str, Any]) -> None:
        """Queue a frame. Where the window does not read, it is cut off instead."""
        if self._ending is not None or self._socket.closed:
            return
        data = frames.wire(frame)
        if self._waiting and self._size + len(data) > MOST_BUFFERED:
            self.cut()
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._send())

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):  # the window has gone: its handler ends by itself
            while self._waiting:
                data = self._waiting.popleft()
                await self._socket.send_frame(data, WSMsgType.TEXT)
                self._size -= len(data)

    def cut(self) -> None:
        """Drop the connection: no farewell reaches a window that does not read."""
        self._waiting.clear()
        if self._pump is not None:
            self._pump.cancel()
        if self._transport is not None:
            self._transport.abort()

    def end(self, code: int, reason: str = "") -> None:
        """Close soon, once what is queued has gone."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(code, reason))

    async def _end(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                if self._pump is not None:
                    await asyncio.wait({self._pump})
                await self._socket.close(code=code, message=reason.encode(), drain=False)
        except (TimeoutError, ConnectionError, RuntimeError):  # it has gone, or does not answer
            self.cut()

    async def run(self, open_session: Callable[[Callable[[dict[str, Any]], None]], Session]) -> web.WebSocketResponse:
        """Speak with one window until it goes."""
        await self._socket.prepare(self._request)
        session = open_session(self.put)
        try:
            await self._listen(session)
        finally:
            session.close()
            if self._pump is not None and self._socket.closed:
                self._pump.cancel()
            if self._ending is not None:
                await asyncio.shield(self._ending)
        return self._socket

    async def _listen(self, session: Session) -> None:
        strikes, loop = 0, asyncio.get_running_loop()
        flood = Bucket(FRAMES_PER_SECOND, FRAMES_AT_ONCE, loop.time())
        while True:
            try:
                message = await self._socket.receive(timeout=None if session.visitor else HELLO_SECONDS)
            except TimeoutError:
                return self.end(SILENT)
            if message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type not in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PONG):
                return None
            if flood.take(loop.time()):
                return self.end(WSCloseCode.POLICY_VIOLATION, "too many frames")
            if message.type in (WSMsgType.PING, WSMsgType.PONG):
                continue
            code = await self._handle(session, message)
            if code == "stranger":
                return self.end(STRANGER)
            strikes += bool(code)
            if strikes >= STRIKES:
                return self.end(WSCloseCode.POLICY_VIOLATION, "three broken frames")

    async def _handle(self, session: Session, message: Any) -> str:
        """Do what a frame says. Returns the code where it was broken, else ''."""
        if message.type is WSMsgType.BINARY:
            self.put(frames.error("binary"))
            return "binary"
        try:
            await session.handle(frames.read(message.data))
        except frames.FrameError as error:
            self.put(frames.error(str(error)))
            return str(error)
        except StrangerError:
            self.put(frames.error("stranger"))
            return "stranger"
        return ""
