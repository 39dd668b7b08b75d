"""An SMTP door on a free port with an inbox that only remembers, and a client that sends exactly what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from channels.email.smtp_listener import Listener
from models.envelope import Accepted, RawMessage

MAIL = b"From: Ana <ana@example.com>\r\nTo: support@example.org\r\nSubject: Bonjour\r\n\r\nMa commande ?\r\n"


class Inbox:
    """An accept that remembers. `trouble` is raised instead; `gate` holds commits back until it is set."""

    def __init__(self) -> None:
        self.mails: list[RawMessage] = []
        self.trouble: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = 0

    async def __call__(self, raw: RawMessage) -> Accepted:
        self.entered += 1
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        known = [mail.envelope.external_id for mail in self.mails]
        if raw.envelope.external_id in known:
            return Accepted(item_id=known.index(raw.envelope.external_id) + 1, repeated=True)
        self.mails.append(raw)
        return Accepted(item_id=len(self.mails))

    async def outcome(self, channel: str, account: str, external_id: str, *, wait: float = 0.0) -> None:
        raise NotImplementedError

    @property
    def only(self) -> RawMessage:
        assert len(self.mails) == 1
        return self.mails[0]


class Client:
    """A scripted SMTP client: what it sends is exactly what the test wrote."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        """The next reply, all its lines; '' once the server has closed."""
        lines = []
        while line := await asyncio.wait_for(self.reader.readline(), 10):
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def say(self, command: str) -> str:
        await self.send(command.encode() + b"\r\n")
        return await self.reply()

    async def hello(self) -> None:
        assert (await self.reply()).startswith("220 ")
        assert (await self.say("EHLO client.example")).startswith("250")

    async def envelope(self, sender: str = "ana@example.com", *recipients: str) -> None:
        assert (await self.say(f"MAIL FROM:<{sender}>")).startswith("250 2.1.0")
        for recipient in recipients or ("support@example.org",):
            assert (await self.say(f"RCPT TO:<{recipient}>")).startswith("250 2.1.5")

    async def deliver(self, data: bytes = MAIL) -> str:
        assert (await self.say("DATA")).startswith("354")
        await self.send(data + b".\r\n")
        return await self.reply()

    async def closed(self) -> bool:
        """True when the server closes; False when it goes on talking."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except ConnectionError:
            return True


class Door:
    """A listener on a free port, and clients for it."""

    def __init__(self, listener: Listener, inbox: Inbox) -> None:
        self.listener = listener
        self.inbox = inbox
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self._writers.append(writer)
        return Client(reader, writer)

    async def client(self) -> Client:
        """A client that has said EHLO."""
        client = await self.connect()
        await client.hello()
        return client

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        await self.listener.stop()


Opener = Callable[..., Awaitable[Door]]


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for `condition` with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.005)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 if Path("/proc/self/statm").exists() else 0
