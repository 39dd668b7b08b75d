"""The witness: senders that behave like real ones, and write down what was answered yes.

A mail that gets no reply, or a temporary no, is sent again until it is accepted; what was accepted is what must be
found afterwards, exactly once.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.chaos.providers import Providers

CRLF = b"\r\n"


@dataclass(slots=True)
class Sent:
    """One message of the load."""

    id: str
    root: str
    sender: str
    tries: int = 0
    accepted: bool = False
    refused: str = ""

    @property
    def form(self) -> bool:
        """Whether it goes through the form: every tenth new matter does."""
        return self.id == self.root and int(self.id.split("-")[1].split("@")[0]) % 10 == 0

    @property
    def line(self) -> bool:
        """Whether it is a line by WhatsApp or SMS."""
        return self.sender.startswith("+")


@dataclass(slots=True)
class Witness:
    """All that was sent, by id, and who still waits for an answer."""

    smtp_port: int
    http_port: int
    random: random.Random
    providers: Providers
    sent: dict[str, Sent] = field(default_factory=dict)
    roots: list[Sent] = field(default_factory=list)
    sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def load(self, rate: float, stop: asyncio.Event) -> None:
        """Send `rate` messages a second until told to stop, then wait until each one was answered."""
        loop = asyncio.get_running_loop()
        began, count = loop.time(), 0
        while not stop.is_set():
            task = asyncio.create_task(self._send(self._next(count)))
            self.sending.add(task)
            task.add_done_callback(self.sending.discard)
            count += 1
            await asyncio.sleep(max(0.0, began + count / rate - loop.time()))
        while self.sending:
            await asyncio.wait(self.sending, timeout=1)

    def _next(self, count: int) -> Sent:
        """A new matter, or in three of ten cases an answer within one that was accepted."""
        answerable = [root for root in self.roots[-200:] if root.accepted and not root.form]
        if answerable and self.random.random() < 0.3:
            root = self.random.choice(answerable)
            sent = Sent(f"reply-{count}@chaos.example", root.id, root.sender)
        else:
            sender = f"+336{count:08}" if count % 5 in (1, 2) else f"c{count}@d{count}.example"
            sent = Sent(f"root-{count}@chaos.example", f"root-{count}@chaos.example", sender)
            self.roots.append(sent)
        self.sent[sent.id] = sent
        return sent

    async def _send(self, message: Sent) -> None:
        """Try until it is accepted, as a queueing sender does."""
        pause = 0.2
        while not message.accepted and not message.refused and message.tries < 600:
            message.tries += 1
            try:
                answer = await self._hand_over(message)
            except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError):
                answer = ""  # no reply: it may have been taken or not
            if answer.startswith(("250", "201", "202", "200")):
                message.accepted = True
            elif answer.startswith("5") and not answer.startswith("503"):
                message.refused = answer
            else:
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 1.5)

    async def _hand_over(self, message: Sent) -> str:
        if message.line:
            return await self.providers.line(message.id, message.sender, message.root)
        return await (self._post(message) if message.form else self._mail(message))

    async def _mail(self, message: Sent) -> str:
        """One SMTP transaction; the reply to the last dot, or the first reply that is no yes."""
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.smtp_port)
            try:
                await reader.readline()
                for command in (b"EHLO chaos", b"MAIL FROM:<%b>", b"RCPT TO:<support@example.org>", b"DATA"):
                    writer.write((command % message.sender.encode() if b"%b" in command else command) + CRLF)
                    reply = await self._reply(reader)
                    if reply[:1] not in ("2", "3"):
                        return reply
                writer.write(_letter(message) + CRLF + b"." + CRLF)
                return await self._reply(reader)
            finally:
                writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> str:
        while True:
            line = await reader.readline()
            if not line:
                raise EOFError
            if line[3:4] != b"-":
                return line.decode()

    async def _post(self, message: Sent) -> str:
        """One form, posted as JSON with an idempotency key; its status."""
        body = {"name": "Chaos", "email": message.sender, "subject": message.id, "message": "Something is wrong here."}
        request = Request(
            f"http://127.0.0.1:{self.http_port}/forms/contact",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": message.id},
        )
        try:
            answer = await asyncio.to_thread(urlopen, request, timeout=30)
        except URLError as error:
            return str(getattr(error, "code", "")) + " "
        return str(answer.status)


def _letter(message: Sent) -> bytes:
    reply = f"In-Reply-To: <{message.root}>\r\nReferences: <{message.root}>\r\n" if message.id != message.root else ""
    subject = f"{'Re: ' if reply else ''}{message.root}"
    return (
        f"From: <{message.sender}>\r\nTo: <support@example.org>\r\nSubject: {subject}\r\n"
        f"Message-ID: <{message.id}>\r\n{reply}\r\nSomething is wrong here.\r\n{'-' * 60}\r\n" + "x" * 3000
    ).encode()
