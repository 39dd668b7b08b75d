"""The two directions of one SMTP connection: bytes wait here for the dialogue, replies wait here for the socket.

In come what the event loop reports (`feed`, `end`, `lose`, `clog`, `unclog`) and the watch's `check`; out go lines,
the growing `buffer` itself (bulk data is read in place, never copied line by line) and grouped replies. May raise
`Silence` when a deadline passes, `Dismissed` when the gateway stops, `EndlessLine`, and `ConnectionResetError`.

No timer is armed per command: each wait only notes its deadline, and one watch of the listener checks them all.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from typing import Any

CEILING = 128 * 1024
"""Bytes that may wait unread before reading is paused (bulk data raises it)."""
LONGEST_LINE = 64 * 1024
"""A run of so many bytes without a line end is not a line."""
GROUP = 100
"""So many replies go out together even while more commands are waiting."""


class Silence(TimeoutError):
    """The peer did not do its part before the deadline."""


class Dismissed(Exception):
    """The gateway is stopping."""


class EndlessLine(ValueError):
    """More than `LONGEST_LINE` bytes without a line end."""


class Wire:
    """One connection's bytes. Used by exactly one task; everything else only wakes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self.transport = transport
        self.buffer = bytearray()
        self.ceiling: float = CEILING
        self.deadline = math.inf
        self.ended = False
        """The peer will send nothing more."""
        self.lost = False
        """The peer will hear nothing more either."""
        self.dismissed = False
        self._deaf = False
        self._held = False
        self._clogged = False
        self._replies: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    # What the event loop reports.

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived."""
        if self._deaf:
            return
        self.buffer += data
        if len(self.buffer) > self.ceiling and not self._held:
            self._held = True
            self.transport.pause_reading()
        self.wake()

    def end(self) -> None:
        """The peer shut its sending side; it may still be listening."""
        self.ended = True
        self.wake()

    def lose(self) -> None:
        """The connection is gone."""
        self.ended = self.lost = True
        self.wake()

    def clog(self) -> None:
        """The socket takes no more replies for now."""
        self._clogged = True

    def unclog(self) -> None:
        """The socket takes replies again."""
        self._clogged = False
        self.wake()

    def wake(self, _: object = None) -> None:
        """Let the waiting task look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def dismiss(self) -> None:
        """Make the next wait for the peer raise `Dismissed`."""
        self.dismissed = True
        self.wake()

    def check(self, now: float) -> None:
        """End the wait whose deadline has passed with `Silence`. Called by the listener's watch."""
        if now > self.deadline and self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Silence())

    # What the dialogue asks for.

    async def line(self, seconds: float) -> bytes | None:
        """The next line without its end, or None when the peer is done. LF ends a command as CRLF does."""
        if len(self._replies) >= GROUP:
            await self._breathe(self._loop.time() + seconds)
        buffer, scanned = self.buffer, 0
        while (end := buffer.find(b"\n", scanned)) < 0:
            scanned = len(buffer)
            if scanned > LONGEST_LINE:
                raise EndlessLine
            if self.ended:
                return None
            await self.more(self._loop.time() + seconds)
        line = bytes(buffer[: end - 1 if end and buffer[end - 1] == 13 else end])
        del buffer[: end + 1]
        return None if self.lost else line

    async def more(self, deadline: float) -> None:
        """Wait for bytes, for the peer's end or for the connection's. `deadline` is in the loop's time."""
        self.flush()
        if self.dismissed:
            raise Dismissed
        if self._held and len(self.buffer) <= self.ceiling:
            self._held = False
            self.transport.resume_reading()
        await self._park(deadline)
        await self._unclogged(deadline)

    async def _breathe(self, deadline: float) -> None:
        """Amid many commands in one packet: let other connections run, and the peer read its replies."""
        self.flush()
        await asyncio.sleep(0)
        await self._unclogged(deadline)

    async def _unclogged(self, deadline: float) -> None:
        while self._clogged and not self.lost:
            if self.dismissed:
                raise Dismissed
            await self._park(deadline)

    async def outlast(self, task: asyncio.Task[Any], seconds: float) -> None:
        """Wait until `task` is done, whatever becomes of the connection. On `Silence` the task goes on alone."""
        deadline = self._loop.time() + seconds
        task.add_done_callback(self.wake)
        self.flush()
        while not task.done():
            await self._park(deadline)

    async def _park(self, deadline: float) -> None:
        self._waiter = self._loop.create_future()
        self.deadline = deadline
        try:
            await self._waiter
        finally:
            self._waiter = None
            self.deadline = math.inf

    def write(self, reply: bytes) -> None:
        """Queue a reply. It leaves with the others when the dialogue next waits (RFC 2920 §3.2)."""
        self._replies.append(reply)

    def flush(self) -> None:
        """Hand all queued replies to the socket."""
        if self._replies:
            if not self.lost:
                self.transport.write(b"".join(self._replies))
            self._replies.clear()

    async def secure(self, protocol: asyncio.Protocol, context: ssl.SSLContext, seconds: float) -> None:
        """Start TLS. What the peer sent before the handshake is forgotten (RFC 3207 §4.2). Raises OSError."""
        self.flush()
        self.buffer.clear()
        if self._held:
            self._held = False
            self.transport.resume_reading()
        transport = await self._loop.start_tls(
            self.transport, protocol, context, server_side=True, ssl_handshake_timeout=seconds
        )
        if transport is None:
            raise ConnectionResetError
        self.transport = transport

    async def linger(self, seconds: float) -> None:
        """Ignore what else comes until the peer ends: closing at once would reset away our last reply."""
        self._deaf = True
        self.buffer.clear()
        self.flush()
        if self._held:
            self._held = False
            self.transport.resume_reading()
        deadline = self._loop.time() + seconds
        while not self.ended:
            try:
                await self._park(deadline)
            except Silence:
                return

    def hang_up(self, seconds: float) -> None:
        """Send what is queued, then close; after `seconds` close even if the peer does not take it."""
        self.flush()
        if self.lost:
            return
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._loop.call_later(seconds, self.transport.abort)
