"""The chat's figures: `python -m bench.chat [--sockets 2000] [--seconds 10] [--output var/bench-chat.json]`.

A Guichet of its own (`bench.instance`) with one gateway and one worker; the windows are real WebSockets of this
process, on the same machine.

- *Ack at 200 lines a second*: that many lines a second, in turn from each of all open windows; from sending the frame
  to hearing its ack, so after the commit. The tail is the load's and the gateway's together, on the same cores.
- *A socket*: growth of the gateway's memory divided by the windows that were opened and greeted.
- *Lines a second*: 64 windows, each sending its next line when the one before it is acknowledged.
- *Reconnects*: all windows drop at once and come back with their token and their last number; until all are welcomed.

Exit status 1 where a line was lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from rich.console import Console
from sqlalchemy import text

from bench.instance import NO_LIMIT, SETTINGS, Instance
from bench.report import Figure, show, write_json
from config.database import connect
from gateway.simulation_summary import percentile

LINES_PER_SECOND = 200
BUSY_WINDOWS = 64
BUSY_SECONDS = 6.0
AT_ONCE = 200
"""Windows that are being opened at one time."""
SETTINGS_OF_CHAT = {
    "GUICHET_CHAT__LINES_PER_MINUTE": NO_LIMIT,
    "GUICHET_CHAT__SOCKETS_PER_ADDRESS": NO_LIMIT,
    "GUICHET_CHAT__NEWCOMERS_PER_MINUTE": NO_LIMIT,
}


class Window:
    """One open window."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url = http, url
        self.token = ""
        self.acked = 0
        self.waits: list[float] = []
        self._sent: dict[str, tuple[float, asyncio.Future[None]]] = {}

    async def open(self) -> None:
        """Connect, greet, wait for the welcome."""
        self.socket = await self._http.ws_connect(f"{self._url}/chat", max_msg_size=0)
        await self.socket.send_json({"type": "hello", "token": self.token})
        welcome = await self.socket.receive_json(timeout=60)
        self.token = welcome["token"]
        self._task = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        async for message in self.socket:
            frame: dict[str, Any] = message.json()
            if frame["type"] == "ack" and frame["id"] in self._sent:
                sent, future = self._sent.pop(frame["id"])
                self.waits.append(time.perf_counter() - sent)
                self.acked += 1
                future.set_result(None)

    async def say(self, words: str) -> None:
        """Say a line and wait until it is acknowledged."""
        line_id = secrets.token_hex(8)
        future = asyncio.get_running_loop().create_future()
        self._sent[line_id] = (time.perf_counter(), future)
        await self.socket.send_json({"type": "say", "id": line_id, "text": words})
        await future

    async def close(self) -> None:
        """Leave without a word."""
        self._task.cancel()
        await self.socket.close()


async def each(windows: list[Window], what: str) -> float:
    """Open or close all, so many at a time. Returns the seconds that it took."""
    slots, begun = asyncio.Semaphore(AT_ONCE), time.perf_counter()

    async def one(window: Window) -> None:
        async with slots:
            await getattr(window, what)()

    await asyncio.gather(*map(one, windows))
    return time.perf_counter() - begun


async def steady(windows: list[Window], seconds: float) -> list[float]:
    """So many lines a second, whether or not the ones before are acknowledged. Returns the waits, in seconds."""
    for window in windows:
        window.waits.clear()
    loop, tasks = asyncio.get_running_loop(), []
    start, count = loop.time() + 0.2, int(seconds * LINES_PER_SECOND)
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / LINES_PER_SECOND - loop.time()))
        tasks.append(asyncio.create_task(windows[number % len(windows)].say(f"line {number} of a steady rain")))
    await asyncio.gather(*tasks)
    return [wait for window in windows for wait in window.waits]


async def saturate(windows: list[Window], seconds: float) -> float:
    """Each window says line after line. Returns acknowledged lines a second."""
    begun, before = time.perf_counter(), sum(window.acked for window in windows)

    async def one(window: Window) -> None:
        while time.perf_counter() < begun + seconds:
            await window.say("as fast as it is taken")

    await asyncio.gather(*map(one, windows))
    return (sum(window.acked for window in windows) - before) / (time.perf_counter() - begun)


async def measure(instance: Instance, sockets: int, seconds: float) -> tuple[list[Figure], int]:
    """All figures, and how many lines were lost or doubled."""
    database = connect(instance.database_url, pool=1, name="bench-chat")
    connector = aiohttp.TCPConnector(limit=0)
    url = f"http://127.0.0.1:{instance.http_port}"
    async with aiohttp.ClientSession(connector=connector) as http:
        windows = [Window(http, url) for _ in range(sockets)]
        first = Window(http, url)
        await first.open()
        await first.say("warm")
        before = instance.memory()[0]
        opened = await each(windows, "open")
        after = instance.memory()[0]
        waits = await steady(windows, seconds)
        await each(windows, "close")
        back = await each(windows, "open")
        rate = await saturate(windows[:BUSY_WINDOWS], BUSY_SECONDS)
        acked = first.acked + sum(window.acked for window in windows)
        settled = await settle(database, acked)
        await each([*windows, first], "close")
    async with database.engine.begin() as connection:
        stored = (await connection.execute(text("SELECT count(*) FROM message WHERE direction = 'in'"))).scalar_one()
    await database.dispose()
    figures = [
        Figure("chat_sockets", sockets, "", "Open windows on one gateway"),
        Figure("chat_ack_p50", 1000 * percentile(waits, 0.5), "ms", f"Line → ack at {LINES_PER_SECOND} lines/s, p50"),
        Figure("chat_ack_p99", 1000 * percentile(waits, 0.99), "ms", f"Line → ack at {LINES_PER_SECOND} lines/s, p99"),
        Figure("chat_socket", (after - before) * 1000 / sockets, "KB", "Gateway memory for each open window"),
        Figure("chat_lines", rate, "lines/s", f"Acknowledged lines, {BUSY_WINDOWS} windows"),
        Figure("chat_opened", sockets / opened, "/s", "Windows opened and greeted"),
        Figure("chat_reconnects", back, "s", f"{sockets} windows back after all were cut"),
        Figure("chat_settled", settled, "s", "From the last ack until every line stood in a ticket"),
        Figure("chat_wrong", abs(acked - stored), "", "Lines lost or doubled"),
    ]
    return figures, abs(acked - stored)


async def settle(database: Any, acked: int) -> float:
    """Wait until all lines are settled. Returns the seconds."""
    begun = time.perf_counter()
    while time.perf_counter() < begun + 60:
        async with database.engine.begin() as connection:
            stored = (
                await connection.execute(text("SELECT count(*) FROM message WHERE direction = 'in'"))
            ).scalar_one()
        if stored >= acked:
            break
        await asyncio.sleep(0.1)
    return time.perf_counter() - begun


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.chat", description="Measure the chat on this machine.")
    parser.add_argument("--sockets", type=int, default=2_000, help="open windows")
    parser.add_argument("--seconds", type=float, default=10, help="how long 200 lines a second are sent")
    parser.add_argument("--output", type=Path, default=Path("var/bench-chat.json"), help="where the JSON goes")
    wanted = parser.parse_args()
    SETTINGS.update(SETTINGS_OF_CHAT)
    with Instance() as instance:
        instance.workers(1)
        figures, wrong = uvloop.run(measure(instance, wanted.sockets, wanted.seconds))
    write_json(figures, wanted.output)
    show(figures, Console())
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
