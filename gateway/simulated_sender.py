"""The sending half of a simulated mail server: one kept SMTP connection (RFC 5321, with PIPELINING, RFC 2920).

Enters: a mail. Leaves: the reply code that decided about it. Fails with `ConnectionError` or `TimeoutError` where the
reply was never heard: the mail may have been taken or not, and a real server would send it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Self, cast

REPLY_SECONDS = 120.0


class Connection(asyncio.Protocol):
    """One SMTP connection. `open` it, `send` mails one after the other, `close` it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._codes: deque[int] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lost: Exception | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Connect and say hello. Raises OSError, ConnectionError or TimeoutError."""
        loop = asyncio.get_running_loop()
        _transport, connection = await loop.create_connection(cls, host, port)
        try:
            await connection._expect(220)
            connection._write(b"EHLO sender.example\r\n")
            await connection._expect(250)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def send(self, sender: str, recipient: str, raw: bytes) -> int:
        """Send one mail. Returns the code that decided: 250, or the first one that said no."""
        self._write(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
        async with asyncio.timeout(REPLY_SECONDS):
            codes = [await self._reply() for _command in range(3)]
            refusal = next((code for code in codes if code >= 400), 0)
            if codes[2] != 354:
                return refusal
            self._write(stuffed(raw))
            return await self._reply()

    async def close(self) -> None:
        """Say good-bye."""
        if self._lost is None and self._transport is not None:
            self._write(b"QUIT\r\n")
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def __aenter__(self) -> Self:
        """Already open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        """Note the code of each whole reply: its last line has no hyphen (RFC 5321 §4.2.1)."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._codes.extend(int(line[:3]) for line in lines if line[3:4] != b"-")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._lost = exc or ConnectionResetError("the server closed the connection")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _write(self, data: bytes) -> None:
        if self._lost is not None or self._transport is None:
            raise ConnectionResetError("the connection is closed") from self._lost
        self._transport.write(data)

    async def _reply(self) -> int:
        while not self._codes:
            if self._lost is not None:
                raise ConnectionResetError("no reply was heard") from self._lost
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._codes.popleft()

    async def _expect(self, code: int) -> None:
        async with asyncio.timeout(REPLY_SECONDS):
            found = await self._reply()
        if found != code:
            raise ConnectionRefusedError(f"the server said {found}")


def stuffed(raw: bytes) -> bytes:
    """A mail with its dots stuffed (RFC 5321 §4.5.2) and its end. It must end with CRLF."""
    if b"\r\n." in raw:
        raw = raw.replace(b"\r\n.", b"\r\n..")
    return (b"." if raw.startswith(b".") else b"") + raw + b".\r\n"
