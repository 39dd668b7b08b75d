"""The campaigns: where a process is killed, and what is taken away, while the load goes on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio as redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from config.database import connect
from tests.chaos.judge import Verdict, judge
from tests.chaos.providers import Providers
from tests.chaos.relay import Mailbox
from tests.chaos.site import Site
from tests.chaos.witness import Witness

POINTS = {
    "X1": "gateway: bytes read, before INSERT",
    "X2": "gateway: before COMMIT",
    "X3": "gateway: after COMMIT, before the reply",
    "X4": "gateway: after the reply, before the bell",
    "X5": "gateway: after the bell",
    "X6": "worker: claimed, before reading",
    "X7": "reader child: while reading",
    "X8": "worker: read, before the transaction",
    "X9": "worker: inside the transaction",
    "X10": "worker: after COMMIT, before the bell is acknowledged",
    "X11": "worker: outbox claimed",
    "X12": "worker: request sent, reply unread",
    "X13": "worker: reply read, not recorded",
    "X14": "worker: recorded",
}
OUTAGES = (
    "redis flushed",
    "redis killed",
    "postgres killed",
    "postgres restarted",
    "workers killed",
    "gateway killed",
    "disk full",
)
DISK_BYTES = 5_000_000_000
"""Size of the file system that gets filled up; a memory file system, which only root can mount. It must hold what the
longest campaign stores and PostgreSQL's log (`max_wal_size`), or it is full without being filled."""
RATE = 25.0
SETTLE_SECONDS = 180.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """One campaign: trials by point, and the verdict over all of it."""

    trials: dict[str, int]
    verdict: Verdict
    seconds: float


async def run(
    points: Sequence[str], outages: Sequence[str], *, trials: int, seed: int, say: Progress, minutes: float = 90
) -> Report:
    """Run every point and outage `trials` times under load, at most so many `minutes`, then judge."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="guichet-chaos-") as name:
        folder = Path(name) / "disk"
        folder.mkdir()
        folder.parent.chmod(0o755)  # PostgreSQL runs as another account than root's
        mounted = "disk full" in outages and os.geteuid() == 0
        if mounted:
            await asyncio.to_thread(_mount, folder)
        site: Site | None = None
        mailbox = Mailbox(folder / "faults", lambda: site.kill("worker") if site else None)
        server = await mailbox.serve()
        port = server.sockets[0].getsockname()[1]
        providers = Providers(folder / "faults", mailbox.kill_workers)
        await providers.__aenter__()
        site = Site(
            folder,
            **providers.settings,
            GUICHET_MAIL__RELAY__HOST="127.0.0.1",
            GUICHET_MAIL__RELAY__PORT=str(port),
            GUICHET_MAIL__RELAY__SECURITY="none",
        )
        try:
            await asyncio.to_thread(site.__enter__)
            chance = random.Random(seed)
            providers.open(site.http_port, chance)
            witness = Witness(site.smtp_port, site.http_port, chance, providers)
            stop = asyncio.Event()
            load = asyncio.create_task(witness.load(RATE, stop))
            await _first_settled(site)
            counts = await _trials(site, points, outages, trials, say, until=began + 60 * minutes)
            stop.set()
            await load
            await _quiet(site)
            await providers.finish()
            await _quiet(site)
            verdict = await judge(witness, mailbox, site.database_url)
        except BaseException:
            say("\n".join((folder / "up.log").read_text().splitlines()[-60:]))
            raise
        finally:
            await asyncio.to_thread(site.__exit__)
            server.close()
            await providers.__aexit__()
            if mounted:
                await asyncio.to_thread(_unmount, folder)
    return Report(counts, verdict, time.monotonic() - began)


async def _trials(
    site: Site, points: Sequence[str], outages: Sequence[str], trials: int, say: Progress, *, until: float
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for trial in range(1, trials + 1):
        if time.monotonic() > until:
            say(f"out of time after {trial - 1} trials")
            break
        for point in points:
            counts[point] = counts.get(point, 0) + await _strike(site, point)
            say(f"trial {trial}/{trials}  {point} {POINTS[point]}")
        for outage in outages:
            await _OUTAGES[outage](site)
            await asyncio.to_thread(site.await_ready, 60)
            counts[outage] = counts.get(outage, 0) + 1
            say(f"trial {trial}/{trials}  {outage}")
    return counts


async def _strike(site: Site, point: str) -> int:
    """Arm a point and wait until a process has died there. 0 where nobody came by."""
    armed = site.faults / point
    armed.touch()
    deadline = time.monotonic() + 30
    while armed.exists():
        if time.monotonic() > deadline:
            armed.unlink(missing_ok=True)
            return 0
        await asyncio.sleep(0.02)
    await asyncio.to_thread(site.await_ready, 60)
    return 1


async def _first_settled(site: Site) -> None:
    """Wait until the workers are there: from then on delays are those that the campaign causes."""
    database = connect(site.database_url, pool=1)
    async with asyncio.timeout(60):
        while True:
            async with database.engine.connect() as connection:
                if (await connection.execute(text("SELECT count(*) FROM ticket"))).scalar_one():
                    break
            await asyncio.sleep(0.2)
    await database.dispose()


async def _quiet(site: Site) -> None:
    """Wait until nothing is pending any more."""
    database = connect(site.database_url, pool=1)
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        with suppress(SQLAlchemyError, OSError):
            async with database.engine.connect() as connection:
                if not (await connection.execute(_PENDING)).scalar_one():
                    break
        await asyncio.sleep(0.2)
    await database.dispose()


async def _flush(site: Site) -> None:
    client = redis.Redis.from_url(site.redis_url)
    await client.flushall()
    await client.aclose()


async def _kill_redis(site: Site) -> None:
    site.kill("valkey")
    await asyncio.sleep(0.5)


async def _kill_postgres(site: Site) -> None:
    site.kill("postgres")
    await asyncio.sleep(0.5)


async def _restart_postgres(site: Site) -> None:
    """As an administrator does it: fast shutdown, which the supervisor follows by a start."""
    pid = site.children()["postgres"]["pid"]
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    await asyncio.sleep(0.5)


async def _fill_disk(site: Site) -> None:
    """Leave no byte free for a while, then give the room back. What is answered yes meanwhile must be kept."""
    if os.geteuid() != 0:
        return
    filler = site.var / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"\0" * 1_000_000):
            pass
    await asyncio.sleep(4)
    filler.unlink()


def _mount(folder: Path) -> None:
    options = f"size={DISK_BYTES},mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "guichet-chaos", folder], check=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)


async def _kill_workers(site: Site) -> None:
    site.kill("worker")
    await asyncio.sleep(0.2)


async def _kill_gateway(site: Site) -> None:
    site.kill("gateway")
    await asyncio.sleep(0.2)


_OUTAGES: dict[str, Callable[[Site], Awaitable[None]]] = {
    "redis flushed": _flush,
    "redis killed": _kill_redis,
    "postgres killed": _kill_postgres,
    "postgres restarted": _restart_postgres,
    "workers killed": _kill_workers,
    "gateway killed": _kill_gateway,
    "disk full": _fill_disk,
}
_PENDING = text(
    "SELECT (SELECT count(*) FROM inbox WHERE state = 'pending')"
    " + (SELECT count(*) FROM outbox WHERE state = 'pending')"
)
