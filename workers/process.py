"""A worker process: connects, warms up, works until told to stop.

`run` blocks until SIGTERM or SIGINT, then lets the drains in hand finish (their items are due again by themselves if
they do not). It ends the process with exit status 78 where the settings cannot work.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from channels import load
from config import logs, secret
from config.bell import Bell
from config.broker import QUEUES, bell, broker
from config.database import Database, connect
from config.objects import Objects
from config.settings import Settings
from workers.actors import Loop, listen, sweep
from workers.batch import Office
from workers.deliver import Deliver
from workers.ingest import Ingest
from workers.reader import Reader
from workers.rules import Rules

STOP_SECONDS = 8
"""What a drain under way may still take when the process is to stop."""

log = logs.of("workers")


@dataclass(slots=True)
class Work:
    """The drains of one process, and what they stand on."""

    database: Database
    reader: Reader
    ingest: Ingest
    loops: dict[str, Loop]

    async def close(self) -> None:
        """Finish the drains under way, give back what waits, end the reader, close every connection."""
        await asyncio.gather(*(loop.stop(seconds=STOP_SECONDS) for loop in self.loops.values()))
        with contextlib.suppress(SQLAlchemyError, OSError):
            await self.ingest.close()
        await self.reader.close()
        await self.database.dispose()


def assemble(settings: Settings, database_url: str, queues: Sequence[str], bells: dict[str, Bell]) -> Work:
    """Build the drains of `queues`."""
    database = connect(database_url, name="guichet-worker")
    reader = Reader(settings)
    channels = load(settings)
    office = Office(settings, channels, Rules.of(settings), secret.key(settings))
    ingest = Ingest(database, Objects(settings), reader, office)
    deliver = Deliver(database, channels, settings)

    async def drain_inbox() -> bool:
        claimed, to_send = await ingest.drain()
        if to_send and "outbox" in bells:
            bells["outbox"].ring()
        if claimed == settings.workers.batch and "inbox" in bells:
            bells["inbox"].ring()  # more than one process may be needed
        return claimed > 0

    async def drain_outbox() -> bool:
        return await deliver.drain() > 0

    drains = {"inbox": drain_inbox, "outbox": drain_outbox}
    return Work(database, reader, ingest, {queue: Loop(queue, drains[queue]) for queue in queues})


async def run(settings: Settings, database_url: str, redis_url: str, queues: Sequence[str] = QUEUES) -> None:
    """Work `queues` until a signal says stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    redis = broker(redis_url)
    bells = {queue: bell(redis, queue) for queue in QUEUES}
    work = assemble(settings, database_url, queues, bells)
    await work.reader.warm()
    gc.freeze()
    gc.set_threshold(50_000)  # settling makes many small values and hardly a circle: looking for those costs a tenth
    worker = listen(redis, work.loops, loop)
    await asyncio.to_thread(worker.start)
    sweeping = asyncio.create_task(sweep(work.loops, seconds=settings.workers.sweep_seconds))
    log.info("worker_ready", queues=list(queues))
    await stop.wait()
    log.info("worker_stopping")
    sweeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeping
    await asyncio.to_thread(worker.stop, timeout=1_000 * STOP_SECONDS)
    await work.close()
