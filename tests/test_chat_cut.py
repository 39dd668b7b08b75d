"""The chat when things break: cut at any byte, gateways killed in the middle, two gateways, a storm of reconnects.

Nothing said is lost, nothing is doubled, the order is kept. tests/chaos does the same to the whole, for longer.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from aiohttp import ClientError, ClientSession, WSMsgType

from config.settings import Settings
from tests.chat_site import with_chat
from tests.chat_window import window
from tests.desk import Desk, free_port
from tests.processes import ROOT, clean_environment
from tests.tunnel import Tunnel


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_chat(settings, sockets_per_address=1000, newcomers_per_minute=10_000)


class Traveller:
    """A window that loses its connection again and again, and does what docs/chat.md tells it to do."""

    def __init__(self, http: ClientSession, url: str) -> None:
        self.http, self.url = http, url
        self.token = ""
        self.queue: list[tuple[str, str]] = []
        """What is not acknowledged yet, in order."""
        self.connections = 0

    def write(self, *texts: str) -> None:
        self.queue += [(secrets.token_hex(8), text) for text in texts]

    async def travel(self) -> None:
        """Connect until everything is acknowledged."""
        while self.queue:
            try:
                await self._ride()
            except (ClientError, ConnectionError, TimeoutError, TypeError):
                await asyncio.sleep(0.02)

    async def _ride(self) -> None:
        self.connections += 1
        async with self.http.ws_connect(f"{self.url}/chat", max_msg_size=0) as socket:
            await socket.send_json({"type": "hello", "token": self.token})
            while True:
                message = await socket.receive(timeout=5)
                if message.type is not WSMsgType.TEXT:
                    raise ConnectionError
                frame = message.json()
                if frame["type"] == "welcome":
                    self.token = frame["token"]
                    for line_id, text in self.queue:
                        await socket.send_json({"type": "say", "id": line_id, "text": text})
                elif frame["type"] == "ack":
                    self.queue = [line for line in self.queue if line[0] != frame["id"]]
                    if not self.queue:
                        return


async def said(desk: Desk) -> list[str]:
    """All lines as they stand in the tickets, in order."""
    await desk.settle()
    return [row.text for row in await desk.rows("SELECT text FROM message WHERE direction = 'in' ORDER BY id")]


async def test_cut_at_any_byte_nothing_is_lost_or_doubled_and_the_order_is_kept(desk: Desk) -> None:
    random = Random(7)
    expected: list[str] = []
    async with Tunnel(desk.settings.http.port) as tunnel:
        traveller = Traveller(desk.http, tunnel.url)
        traveller.write("the first line")
        await traveller.travel()
        for journey in range(60):
            texts = [f"journey {journey}, line {number}" for number in range(4)]
            expected += texts
            traveller.write(*texts)
            tunnel.allowance = random.randint(1, 600)
            await asyncio.wait_for(traveller.travel(), 10)
            tunnel.allowance = None
            tunnel.cut()
    assert traveller.connections > 80
    assert await said(desk) == ["the first line", *expected]
    [row] = await desk.balance()
    assert (row.received, row.difference, row.duplicate) == (241, 0, 0)


@asynccontextmanager
async def gateway(settings: Settings, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A gateway in a process of its own; killed at the end."""
    environment = clean_environment(
        DATABASE_URL=settings.database_url,
        REDIS_URL=settings.redis_url,
        GUICHET_VAR=str(settings.var),
        GUICHET_HTTP__PORT=str(port),
        GUICHET_SMTP__PORT=str(free_port()),
        GUICHET_CHAT__LINES_PER_MINUTE="6000",
        GUICHET_LOG__LEVEL="warning",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guichet", "gateway", cwd=ROOT, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()


async def test_a_gateway_killed_in_the_middle_loses_nothing(desk: Desk) -> None:
    port, random = free_port(), Random(11)
    traveller = Traveller(desk.http, f"http://127.0.0.1:{port}")
    texts = [f"line {number}" for number in range(600)]
    traveller.write(*texts)
    journey = asyncio.create_task(traveller.travel())
    for _ in range(3):
        async with gateway(desk.settings, port):
            while not journey.done() and len(traveller.queue) > 0:
                left = len(traveller.queue)
                await asyncio.sleep(random.uniform(0.01, 0.1))
                if len(traveller.queue) < left:
                    break  # in the middle of it
    async with gateway(desk.settings, port):
        await asyncio.wait_for(journey, 30)
    assert await said(desk) == texts


async def test_a_window_on_another_gateway_hears_of_it(desk: Desk) -> None:
    other_port = free_port()
    settings = desk.settings.model_copy(
        update={
            "http": desk.settings.http.model_copy(update={"port": other_port}),
            "smtp": desk.settings.smtp.model_copy(update={"port": free_port()}),
            "chat": desk.settings.chat.model_copy(update={"catch_up_seconds": 60}),
        }
    )
    async with (
        Desk(settings, desk.ingest.reader) as other,
        window(desk.http, desk.url) as here,
        window(other.http, other.url, token=here.token) as there,
    ):
        await here.say("said on the first gateway")
        await desk.settle()
        assert (await there.until("line", text="said on the first gateway"))["number"]
        await desk.reply(1, "answered from anywhere")
        await there.until("line", text="answered from anywhere")


async def test_a_storm_of_reconnects_is_weathered(desk: Desk) -> None:
    """B80."""
    travellers = [Traveller(desk.http, desk.url) for _ in range(150)]
    for number, traveller in enumerate(travellers):
        traveller.write(f"visitor {number}")
    await asyncio.gather(*(traveller.travel() for traveller in travellers))
    for number, traveller in enumerate(travellers):
        traveller.write(f"visitor {number} again")
    await asyncio.wait_for(asyncio.gather(*(traveller.travel() for traveller in travellers)), 20)
    assert sorted(await said(desk)) == sorted(f"visitor {n}{again}" for n in range(150) for again in ("", " again"))
