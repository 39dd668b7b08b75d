"""1,000 contacts who write three lines each at once, on two channels: 1,000 tickets, 1,000 acknowledgements."""

from __future__ import annotations

import asyncio
import random

from tests.desk import Desk
from tests.fakes import meta, twilio
from tests.provider_desk import call, tell
from workers.ingest import Ingest

pytest_plugins = ("tests.provider_fixtures",)
CONTACTS, LINES, WORKERS = 1_000, 3, 4


async def test_three_lines_of_each_of_a_thousand_are_a_thousand_tickets(phone_desk: Desk) -> None:
    desk = phone_desk
    budgets = dict.fromkeys(("account_hour", "source_hour", "domain_hour"), 10 * CONTACTS)
    desk.settings.acknowledge = desk.settings.acknowledge.model_copy(update=budgets)

    async def say(number: int, line: int) -> None:
        name, words = f"{number}-{line}", f"Bonjour, ligne {line} de {number}"
        if number % 2:
            sent = meta.message(text=words, sender=f"336{number:08}", wamid=f"wamid.{name}")
            assert await tell(desk, meta.webhook([sent])) == 200
        else:
            fields = twilio.message(From=f"+336{number:08}", Body=words, MessageSid=f"SM{number:016}{line:016}")
            assert (await call(desk, fields))[0] == 200

    everything = [(number, line) for number in range(CONTACTS) for line in range(LINES)]
    random.Random(6).shuffle(everything)
    places = asyncio.Semaphore(200)

    async def one(number: int, line: int) -> None:
        async with places:
            await say(number, line)

    accepting = asyncio.gather(*(one(number, line) for number, line in everything))
    workers = [desk.ingest, *(desk.another_worker() for _ in range(WORKERS - 1))]

    async def work(ingest: Ingest) -> None:
        while (await ingest.drain())[0] or not accepting.done():
            pass

    await asyncio.gather(*(work(ingest) for ingest in workers))
    await accepting
    await desk.settle()
    [counted] = await desk.rows(
        "SELECT (SELECT count(*) FROM ticket) AS tickets, (SELECT count(DISTINCT contact_id) FROM ticket) AS contacts,"
        " (SELECT count(*) FROM outbox WHERE kind = 'acknowledgement') AS acknowledgements,"
        " (SELECT count(*) FROM message WHERE direction = 'in') AS lines,"
        " (SELECT count(*) FROM inbox WHERE outcome NOT IN ('ticket', 'appended')) AS others"
    )
    assert tuple(counted) == (CONTACTS, CONTACTS, CONTACTS, CONTACTS * LINES, 0)
