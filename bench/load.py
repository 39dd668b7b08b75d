"""The load generator, a process of its own: `python -m bench.load`, one `Plan` a line as JSON on standard input.

For each it makes all messages first, so that making them costs nothing while it measures; says that it is `Ready`;
waits for a line; sends; waits until everything is settled; reports how it `Ran`; waits for a line; asks the database;
reports what it `Found`.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import aiohttp
import msgspec
import uvloop
from sqlalchemy import text

from bench.instance import RECIPIENTS
from config.database import Database, connect
from gateway.simulated_mail import Customers, SimulatedForm, SimulatedMail
from gateway.simulated_sender import Connection
from gateway.simulation_summary import percentile
from gateway.witness import Sent, Witness, name_of

SETTLE_SECONDS = 180.0
PERSONAL = {"new": 70.0, "reply": 30.0}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and how."""

    smtp_port: int
    http_port: int
    database_url: str
    count: int
    how: str = "saturate"
    """saturate, connect (one mail a connection), open (`rate` a second), lone (one by one, idle between), forms."""
    connections: int = 64
    rate: float = 0.0
    seed: int = 1
    start: datetime
    settle: bool = True
    """Wait until the inbox is empty."""
    passes: int = 1
    """How often everything is sent; when more than once, one more time to the second mailbox."""


class Ready(msgspec.Struct, frozen=True):
    """Everything is made."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How sending went. Moments are seconds since 1970."""

    accepted: int
    refused: int
    first: float
    """When the first one was sent."""
    last: float
    """When the last yes was heard."""
    bytes: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says about it."""

    items: int
    settled: int
    settled_at: float
    """Commit of the last ticket, seconds since 1970."""
    queued: int
    """Acknowledgements."""
    tickets: int
    replies: int
    lost: int
    doubled: int
    misplaced: int
    pending: int
    quarantined: int
    p50_ms: float
    """From the yes to the commit of the ticket."""
    p99_ms: float


class Load:
    """One plan, carried out."""

    def __init__(self, plan: Plan) -> None:
        customers = Customers(plan.seed, start=plan.start, recipients=RECIPIENTS, shares=PERSONAL)
        make = customers.form if plan.how == "forms" else customers.next
        self.plan = plan
        self.messages: list[Sent] = [make() for _ in range(plan.count)]
        self.yes: dict[str, float] = {}
        """Digest of the mail → when its yes was heard."""
        self.refused = 0
        self.first = self.last = 0.0
        self.witness = Witness()
        self._remaining = iter(self.messages if plan.passes == 1 else self._again(plan.passes))

    def _again(self, passes: int) -> list[Sent]:
        mails = [mail for mail in self.messages if isinstance(mail, SimulatedMail)]
        copies = [replace(mail, recipient=RECIPIENTS[1], kind="copy") for mail in mails]
        return [*self.messages * passes, *copies]

    async def send(self) -> None:
        """Send everything, as the plan says."""
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "saturate": self._kept,
            "connect": self._each_its_own,
            "open": self._on_schedule,
            "lone": self._lone,
            "forms": self._forms,
        }
        self.first = time.time()
        await ways[self.plan.how]()
        self.last = time.time()

    async def _all(self, one: Callable[[], Awaitable[None]]) -> None:
        await asyncio.gather(*(one() for _ in range(self.plan.connections)))

    async def _open(self) -> Connection:
        return await Connection.open("127.0.0.1", self.plan.smtp_port)

    async def _mail(self, connection: Connection, mail: Sent) -> None:
        assert isinstance(mail, SimulatedMail)
        code = await connection.send(mail.sender, mail.recipient, mail.raw)
        self._heard(mail, yes=code == 250)

    def _heard(self, sent: Sent, *, yes: bool) -> None:
        if yes:
            self.witness.heard_yes(sent)
            self.yes.setdefault(name_of(sent), time.time())
        else:
            self.refused += 1

    async def _kept(self) -> None:
        connections = await asyncio.gather(*(self._open() for _ in range(self.plan.connections)))
        self.first = time.time()

        async def one(connection: Connection) -> None:
            for mail in self._remaining:
                await self._mail(connection, mail)
            await connection.close()

        await asyncio.gather(*map(one, connections))

    async def _each_its_own(self) -> None:
        async def one() -> None:
            for mail in self._remaining:
                async with await self._open() as connection:
                    await self._mail(connection, mail)

        await self._all(one)

    async def _on_schedule(self) -> None:
        due: asyncio.Queue[Sent | None] = asyncio.Queue()

        async def one() -> None:
            async with await self._open() as connection:
                while (mail := await due.get()) is not None:
                    await self._mail(connection, mail)

        tasks = [asyncio.create_task(one()) for _ in range(self.plan.connections)]
        loop = asyncio.get_running_loop()
        start = loop.time() + 0.5
        for number, mail in enumerate(self.messages):
            await asyncio.sleep(max(0.0, start + number / self.plan.rate - loop.time()))
            due.put_nowait(mail)
        for _ in tasks:
            due.put_nowait(None)
        await asyncio.gather(*tasks)

    async def _lone(self) -> None:
        async with await self._open() as connection:
            for mail, pause in zip(self.messages, itertools.cycle((0.13, 0.17, 0.23, 0.19)), strict=False):
                await asyncio.sleep(pause)
                await self._mail(connection, mail)

    async def _forms(self) -> None:
        url = f"http://127.0.0.1:{self.plan.http_port}/forms/contact"
        connector = aiohttp.TCPConnector(limit=self.plan.connections)
        async with aiohttp.ClientSession(connector=connector) as browser:

            async def one() -> None:
                for form in self._remaining:
                    assert isinstance(form, SimulatedForm)
                    headers = {"Idempotency-Key": form.key}
                    async with browser.post(url, json=form.fields, headers=headers) as answer:
                        await answer.read()
                        self._heard(form, yes=answer.status in (201, 202))

            await self._all(one)

    async def settled(self, database: Database) -> None:
        """Wait until nothing is pending."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.plan.settle and time.monotonic() < deadline:
            async with database.engine.begin() as connection:
                if not (await connection.execute(_PENDING)).scalar_one():
                    return
            await asyncio.sleep(0.1)

    async def judge(self, database: Database) -> Found:
        """Compare what was accepted with what is there."""
        async with database.engine.begin() as connection:
            verdict = await self.witness.judge(connection)
            rows = (await connection.execute(_COMMITS, {"since": self.witness.since})).all()
        digests = {
            hashlib.sha256(mail.raw).hexdigest(): mail.message_id
            for mail in self.messages
            if isinstance(mail, SimulatedMail)
        }
        waits = [
            row.committed - self.yes[digests[row.digest]]
            for row in rows
            if row.committed and digests.get(row.digest) in self.yes
        ]
        return Found(
            items=verdict.items,
            settled=sum(verdict.outcomes.values()) - verdict.outcomes.get("pending", 0),
            settled_at=max((row.committed for row in rows if row.committed), default=0.0),
            queued=verdict.queued,
            tickets=verdict.outcomes.get("ticket", 0),
            replies=verdict.replies,
            lost=len(verdict.lost),
            doubled=len(verdict.doubled),
            misplaced=len(verdict.misplaced),
            pending=verdict.outcomes.get("pending", 0),
            quarantined=verdict.outcomes.get("quarantined", 0),
            p50_ms=1_000 * statistics.median(waits) if waits else 0.0,
            p99_ms=1_000 * percentile(waits, 0.99) if waits else 0.0,
        )


async def serve(plan: Plan) -> None:
    """Carry the plan out, in step with the lines that arrive."""
    load = Load(plan)
    database = connect(plan.database_url, pool=1, name="bench-load")
    async with database.engine.begin() as connection:
        await load.witness.begin(connection)
    say(Ready())
    sys.stdin.readline()
    await load.send()
    await load.settled(database)
    size = sum(len(mail.raw) for mail in load.messages if isinstance(mail, SimulatedMail))
    yes = len(load.witness.accepted)
    say(Ran(accepted=yes, refused=load.refused, first=load.first, last=load.last, bytes=size))
    sys.stdin.readline()
    say(await load.judge(database))
    await database.dispose()


def say(value: object) -> None:
    """One line of JSON."""
    print(msgspec.json.encode(value).decode(), flush=True)


def main() -> None:
    """Carry out plan after plan until the input ends."""
    while line := sys.stdin.readline():
        uvloop.run(serve(msgspec.json.decode(line, type=Plan)))


_PENDING = text("SELECT EXISTS (SELECT FROM inbox WHERE state = 'pending' ORDER BY id LIMIT 1)")
_COMMITS = text(
    """
    SELECT coalesce(nullif(body_sha256, ''), encode(sha256(body), 'hex')) AS digest,
        CASE WHEN settled_at IS NOT NULL
            THEN cast(extract(epoch FROM pg_xact_commit_timestamp(xmin)) AS float) END AS committed
    FROM inbox WHERE id > :since
    """
)

if __name__ == "__main__":
    main()
