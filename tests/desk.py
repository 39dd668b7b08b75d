"""A whole Guichet in one process, behind its real sockets, whose workers work when a test says so."""

from __future__ import annotations

import asyncio
import socket
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import aiosmtplib
from aiohttp import ClientSession, web
from sqlalchemy import text

from channels import load
from config import secret
from config.database import Database, connect
from config.hints import Hints
from config.objects import Objects
from config.settings import Settings
from gateway.app import build
from models.actor import Actor
from models.balance import Balance, balance
from models.listing import TicketLine, TicketWhole, ticket, tickets
from models.relay import relay
from workers.absence import Absence
from workers.assign import Assign
from workers.batch import Office
from workers.clock import Clock
from workers.deliver import Deliver
from workers.fetch import Fetch
from workers.ingest import Ingest
from workers.outlook import Outlook
from workers.reader import Reader
from workers.rules import Rules
from workers.surge import Surge


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def letter(
    body: str = "Bonjour,\n\nma facture est fausse, pouvez-vous la corriger ?\n",
    *,
    sender: str = "Claire Martin <claire@example.com>",
    to: str = "support@example.org",
    subject: str = "Facture fausse",
    **headers: str,
) -> EmailMessage:
    """A plain mail; further headers by keyword, `_` for `-`."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    return mail


class Desk:
    """The gateway's application and one worker's drains."""

    def __init__(self, settings: Settings, reader: Reader) -> None:
        self.settings = settings
        self.database = connect(settings.database_url)
        self.url = f"http://127.0.0.1:{settings.http.port}"
        channels = load(settings)
        office = Office(settings, channels, Rules.of(settings), secret.key(settings), Outlook.of(settings))
        self.hints = Hints(settings.redis_url)
        self.ingest = Ingest(self.database, Objects(settings), reader, office, self.hints.send)
        self.others: list[Database] = []
        self.deliver = Deliver(self.database, channels, settings, tell=self.hints.send)
        self.fetch = Fetch(self.database, self.ingest.objects, channels, settings)
        self.absence = Absence(self.database, office)
        self.clock = Clock(self.database, settings)
        self.surge = Surge(self.database, office)
        self.assign = Assign(self.database, settings, self.hints.send)

    async def __aenter__(self) -> Self:
        """Open the doors."""
        app = build(self.settings, connect(self.settings.database_url), self.settings.redis_url)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.settings.http.port).start()
        self.http = ClientSession()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close them."""
        await self.http.close()
        await self.hints.close()
        await self.runner.cleanup()
        for channel in self.fetch.channels.values():
            await channel.close()
        for database in (self.database, *self.others):
            await database.dispose()

    async def send(
        self, mail: EmailMessage | bytes, *, sender: str = "claire@example.com", to: str = "support@example.org"
    ) -> str:
        """Hand a mail to the SMTP door; its reply."""
        raw = mail if isinstance(mail, bytes) else bytes(mail)
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=self.settings.smtp.port, start_tls=False) as client:
            await client.ehlo()
            _refused, reply = await client.sendmail(sender, [to], raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        return reply

    async def settle(self) -> None:
        """Drain the inbox until nothing is due."""
        while (await self.ingest.drain())[0]:
            pass

    async def send_raw(self, raw: bytes, *, sender: str = "claire@example.com", to: str = "support@example.org") -> str:
        """Hand bytes to the SMTP door as they are, dots stuffed; the reply to the last dot."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.smtp.port)
        reply = ""
        for command in ("EHLO desk", f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA", ""):
            if not command:
                stuffed = raw.replace(b"\r\n.", b"\r\n..")
                writer.write(b"." * raw.startswith(b".") + stuffed + b"\r\n" * (not raw.endswith(b"\r\n")) + b".\r\n")
            elif command == "EHLO desk":
                await reader.readline()
            writer.write(command.encode() + b"\r\n" * bool(command))
            while (line := await reader.readline())[3:4] == b"-":
                pass
            reply = line.decode()
        writer.close()
        return reply

    def another_worker(self) -> Ingest:
        """The drain of one more worker, over connections of its own."""
        self.others.append(connect(self.settings.database_url))
        return Ingest(self.others[-1], self.ingest.objects, self.ingest.reader, self.ingest.office)

    async def dispatch(self) -> None:
        """Drain the outbox until nothing is due."""
        while await self.deliver.drain():
            pass

    async def fetch_all(self) -> None:
        """Fetch files until nothing is due."""
        while await self.fetch.drain():
            pass

    async def reply(self, number: int, words: str, agent: str = "Marie") -> int:
        """An agent answers; what is due goes out."""
        async with self.database.engine.begin() as connection:
            message_id = await relay(connection, self.ingest.office, number, words, actor=Actor("agent", name=agent))
        await self.dispatch()
        return message_id

    async def tickets(self) -> list[TicketLine]:
        """Every ticket."""
        async with self.database.engine.connect() as connection:
            return await tickets(connection)

    async def ticket(self, number: int) -> TicketWhole:
        """One ticket, whole."""
        async with self.database.engine.connect() as connection:
            found = await ticket(connection, number)
        assert found is not None, f"there is no ticket {number}"
        return found

    async def balance(self) -> list[Balance]:
        """The balance by channel."""
        async with self.database.engine.connect() as connection:
            return await balance(connection)

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """The rows of any query."""
        async with self.database.engine.begin() as connection:
            return list(await connection.execute(text(statement), values))

    def outgoing(self) -> list[bytes]:
        """The mails in the local maildir."""
        return [path.read_bytes() for path in sorted(Path(self.settings.var / "outgoing" / "new").glob("*"))]

    async def wait(self, statement: str, seconds: float = 10) -> Any:
        """The first true value of a query's only column; fails after `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            row = (await self.rows(statement))[0]
            if row[0]:
                return row[0]
            assert asyncio.get_running_loop().time() < deadline, statement
            await asyncio.sleep(0.02)
