"""Gateways that fetch from mailboxes, for tests: the real inbox, the real door, quick pauses."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from channels.email.imap import Mailbox
from channels.email.login import Login, tokens
from config.database import Database, connect
from config.objects import Objects
from config.settings import ImapAccount, ImapFolder, Settings
from gateway.accept import Inbox
from models.cursor import Standing, standings

NAME = "support"


def mail(number: int, *, body: str = "Bonjour,\r\nma facture est fausse.\r\n", head: str = "") -> bytes:
    """A customer's mail, unlike all others by its number."""
    return (
        f"Return-Path: <c{number}@example.com>\r\nFrom: C <c{number}@example.com>\r\nTo: support@example.org\r\n"
        f"Subject: Facture {number}\r\nMessage-ID: <m{number}@example.com>\r\n{head}\r\n{body}"
    ).encode()


def account(port: int, **values: Any) -> ImapAccount:
    """Settings of a mailbox on loopback."""
    given = {
        "address": "support@example.org",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "username": "claire",
        "password": "open-sesame",
        "poll_seconds": 0.1,
        "idle": False,
        "import_old": True,
        "timeout_seconds": 5,
    }
    return ImapAccount.model_validate(given | values)


class Gateway:
    """One gateway's inbox, and the mailboxes that it looks after."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database: Database = connect(settings.database_url)
        self.inbox = Inbox(self.database, Objects(settings), settings, lambda: None)
        self.tasks: list[asyncio.Task[None]] = []
        self.mailboxes: list[Mailbox] = []

    def fetch_from(self, account: ImapAccount, *, name: str = NAME, **how: Any) -> None:
        """Begin to look after each folder of the account."""
        for folder in account.folders:
            self.fetch_folder(account, folder, name=name, **how)

    def fetch_folder(self, account: ImapAccount, folder: ImapFolder, *, name: str = NAME, **how: Any) -> Mailbox:
        """Begin to look after one folder."""
        mailbox = Mailbox(
            name,
            account,
            folder,
            channel="email",
            accept=self.inbox,
            login=Login(account.username, account.password, account.oauth, tokens(self.settings.var)),
            max_bytes=self.settings.smtp.max_message_bytes,
            **{"shortest_pause": 0.01, "lease_seconds": 1.0, **how},
        )
        self.mailboxes.append(mailbox)
        self.tasks.append(asyncio.create_task(mailbox.run()))
        return mailbox

    async def stop(self) -> None:
        """End all looking after."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()

    async def die(self) -> None:
        """The same without a word: the lease is not given back, as when the process is killed."""
        for mailbox in self.mailboxes:
            mailbox._cursor.release = _nothing  # type: ignore[method-assign]
        await self.stop()

    async def bodies(self) -> list[bytes]:
        """What is in the inbox, in order."""
        return [row.body for row in await self.rows("SELECT body FROM inbox ORDER BY id")]

    async def rows(self, statement: str) -> list[Any]:
        """Of any query."""
        async with self.database.engine.connect() as connection:
            return list(await connection.execute(text(statement)))

    async def standing(self, name: str = f"email:{NAME}/INBOX") -> Standing:
        """How a folder fares."""
        async with self.database.engine.connect() as connection:
            return next(standing for standing in await standings(connection) if standing.name == name)

    async def wait(self, true: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
        """Until it is true; fails the test if that takes too long."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not await true():
            assert asyncio.get_running_loop().time() < deadline, await self._report()
            await asyncio.sleep(0.02)

    async def wait_for(self, count: int, seconds: float = 15) -> None:
        """Until the inbox holds `count` items and every folder has been looked at since."""

        async def enough() -> bool:
            return len(await self.rows("SELECT 1 FROM inbox")) >= count

        await self.wait(enough, seconds)

    async def looked(self, times: int = 2, seconds: float = 15) -> None:
        """Until so many further looks at the only folder went well."""
        for _ in range(times):
            before = (await self.rows("SELECT max(last_success) AS at FROM cursor"))[0].at

            async def newer(before: Any = before) -> bool:
                at = (await self.rows("SELECT max(last_success) AS at FROM cursor"))[0].at
                return at is not None and at != before

            await self.wait(newer, seconds)

    async def _report(self) -> str:
        rows = await self.rows("SELECT name, value, last_error FROM cursor")
        items = (await self.rows("SELECT count(*) AS n FROM inbox"))[0].n
        return f"{items} items; " + "; ".join(f"{row.name} {row.value} {row.last_error}" for row in rows)


async def _nothing() -> None:
    """Released nothing."""


@asynccontextmanager
async def gateways(settings: Settings, count: int = 1) -> AsyncIterator[list[Gateway]]:
    """So many gateways over one database; their mailboxes are let go at the end."""
    running = [Gateway(settings) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for gateway in running:
            stack.push_async_callback(gateway.database.dispose)
            stack.push_async_callback(gateway.stop)
        yield running


async def main(database_url: str, folder: str, port: str, user: str) -> None:
    """A gateway in a process of its own, to be killed: it fetches from INBOX and deletes there."""
    settings = Settings(var=Path(folder) / "var", database_url=database_url)
    async with gateways(settings) as [gateway]:
        gateway.fetch_from(account(int(port), username=user, after="delete"), lease_seconds=0.3)
        await asyncio.gather(*gateway.tasks)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
