"""How soon an agent's mail is with the customer's provider: over the SMTP door and a worker process of its own."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time

from tests.agents_desk import MX, answer, assign, notices, send, staffed, to
from tests.desk import Desk
from tests.fakes import meta
from tests.processes import ROOT, clean_environment
from tests.provider_desk import hear
from tests.test_agent_mail import desk, pinned_reader

pytest_plugins = ("tests.provider_fixtures",)
ANSWERS = 7
MOST_SECONDS = 2.0


def worker(desk: Desk) -> subprocess.Popen[bytes]:
    """`guichet workers` beside the desk, with the same settings."""
    settings = desk.settings
    environment = clean_environment(
        DATABASE_URL=settings.database_url,
        REDIS_URL=settings.redis_url,
        GUICHET_VAR=str(settings.var),
        GUICHET_AUTHENTICITY__AUTHSERV_IDS=json.dumps([MX]),
        GUICHET_SMTP__RECIPIENTS=json.dumps(settings.smtp.recipients),
        GUICHET_META__APP_SECRET=meta.SECRET,
        GUICHET_META__VERIFY_TOKEN=meta.VERIFY,
        GUICHET_META__ACCESS_TOKEN=meta.TOKEN,
        GUICHET_META__PHONE_NUMBER_IDS=json.dumps([meta.NUMBER]),
        GUICHET_META__API_URL=settings.meta.api_url,
    )
    line = [sys.executable, "-m", "guichet", "workers"]
    return subprocess.Popen(line, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


async def taken(graph: meta.Meta, count: int, seconds: float = 30) -> None:
    """Until the provider has so many messages."""
    deadline = time.monotonic() + seconds
    while len(graph.taken) < count:
        assert time.monotonic() < deadline, graph.wrong
        await asyncio.sleep(0.005)


async def test_an_agents_mail_is_with_the_provider_within_two_seconds(
    desk: Desk,
    graph: meta.Meta,
) -> None:
    crew = await staffed(desk)
    await hear(desk, meta.message(text="Bonjour, où est mon colis ?"))
    await assign(desk, 1, crew.ids["marie"])
    await notices(desk)
    [notice] = to(desk)
    graph.taken.clear()
    process = worker(desk)
    try:
        await _answer(desk, notice, "échauffement", 0)
        await taken(graph, 1)
        spent = []
        for number in range(1, ANSWERS + 1):
            begun = time.monotonic()
            await _answer(desk, notice, f"Réponse {number}", number)
            await taken(graph, number + 1)
            spent.append(time.monotonic() - begun)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
    print("seconds from mail to provider:", ", ".join(f"{one:.2f}" for one in spent))
    assert statistics.median(spent) <= MOST_SECONDS


async def _answer(desk: Desk, notice: object, words: str, number: int) -> None:
    mail = answer(notice, words, Message_ID=f"<fast-{number}@example.org>")  # type: ignore[arg-type]
    raw = f"Authentication-Results: {MX}; dmarc=pass header.from=example.org\r\n".encode() + bytes(mail)
    await desk.send(raw, sender="marie@example.org", to=str(mail["To"]))


__all__ = ["desk", "pinned_reader", "send"]
