"""A worker process: connects, warms up, works until told to stop.

`run` blocks until SIGTERM or SIGINT, then lets the drains in hand finish (their items are due again by themselves if
they do not). It ends the process with exit status 78 where the settings cannot work.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from channels import load
from config import logs, secret
from config.bell import Bell
from config.broker import QUEUES, bell, broker
from config.database import Database, connect
from config.hints import Hints
from config.objects import Objects
from config.settings import Settings
from models.alive import alive
from workers.absence import Absence
from workers.actors import Drain, Loop, listen, sweep
from workers.batch import Office
from workers.clocks import clocks_of
from workers.closing import Closing
from workers.count import count
from workers.deliver import Deliver
from workers.fetch import Fetch
from workers.idle import watch
from workers.indexing import Indexing
from workers.ingest import Ingest
from workers.notify import Notify
from workers.outlook import Outlook
from workers.pace import Pace
from workers.reader import Reader
from workers.reminder import remind
from workers.report import Report
from workers.rules import Rules
from workers.tell import Tell
from workers.watches import watches_of
from workers.webhooks import Webhooks

STOP_SECONDS = 8
"""What a drain under way may still take when the process is to stop."""
CLOCK_SECONDS = 10.0
"""How often is looked for what falls due by the passing of time alone."""
SWEPT = ("media",)
"""Queues without a bell: what lies in them may wait for the next sweep."""

log = logs.of("workers")


@dataclass(slots=True)
class Work:
    """The drains of one process, and what they stand on."""

    database: Database
    reader: Reader
    ingest: Ingest
    deliver: Deliver
    hints: Hints
    loops: dict[str, Loop]
    webhooks: Webhooks
    clocks: dict[str, Loop]
    """What nobody rings for: it is due when time has passed."""
    paced: dict[str, tuple[Loop, float]]
    """The same, each with a pace of its own (seconds)."""

    async def close(self) -> None:
        """Finish the drains under way, give back what waits, end the reader, close every connection."""
        await asyncio.gather(*(loop.stop(seconds=STOP_SECONDS) for loop in self.loops.values()))
        with contextlib.suppress(SQLAlchemyError, OSError):
            await self.ingest.close()
        await self.paced["webhooks"][0].stop(seconds=STOP_SECONDS)
        await self.webhooks.close()
        await self.reader.close()
        await self.deliver.pace.close()
        for channel in self.deliver.channels.values():
            await channel.close()
        await self.hints.close()
        await self.database.dispose()


def office_of(settings: Settings) -> Office:
    """What settling and relaying need beside the database."""
    return Office(settings, load(settings), Rules.of(settings), secret.key(settings), Outlook.of(settings))


def assemble(
    settings: Settings, database_url: str, redis_url: str, queues: Sequence[str], bells: dict[str, Bell], hints: Hints
) -> Work:
    """Build the drains of `queues`."""
    database = connect(database_url, name="guichet-worker")
    reader = Reader(settings)
    office = office_of(settings)
    objects = Objects(settings)
    ingest = Ingest(database, objects, reader, office, hints.send)
    deliver = Deliver(database, office.channels, settings, Pace(redis_url), hints.send)
    fetch = Fetch(database, objects, office.channels, settings)
    webhooks, tell = Webhooks(database, settings), Tell(database)

    async def drain_inbox() -> bool:
        claimed, to_send = await ingest.drain()
        if to_send and "outbox" in bells:
            bells["outbox"].ring()
        if claimed == settings.workers.batch and "inbox" in bells:
            bells["inbox"].ring()  # more than one process may be needed
        return claimed > 0

    async def drain_outbox() -> bool:
        return await deliver.drain() > 0

    async def drain_media() -> bool:
        return await fetch.drain() > 0

    async def tell_subscribers() -> bool:
        return await tell.drain() + await webhooks.drain() > 0

    drains = {"inbox": drain_inbox, "outbox": drain_outbox, "media": drain_media}
    loops = {queue: Loop(queue, drains[queue]) for queue in queues}
    queueing = {
        "absence": Absence(database, office).drain,
        "closing": Closing(database, office).drain,
        "report": Report(database, office).drain,
        "notices": Notify(database, office).drain,
    }
    clocks = {
        **{name: Loop(name, _then_ring(drain, bells)) for name, drain in queueing.items()},
        "search": Loop("search", Indexing(database).drain),
        **clocks_of(database, office, bells, hints),
        **watches_of(database, office, objects, bells, redis_url),
    }
    paced = {
        "assign": (clocks.pop("assign"), settings.workers.sweep_seconds),
        "notices": (clocks.pop("notices"), settings.answering.look_seconds),
        "webhooks": (Loop("webhooks", tell_subscribers), settings.webhooks.look_seconds),
    }
    return Work(database, reader, ingest, deliver, hints, loops, webhooks, clocks, paced)


def _then_ring(drain: Callable[[], Awaitable[int]], bells: dict[str, Bell]) -> Drain:
    """A drain that queues messages, and has them looked at."""

    async def queue() -> bool:
        queued = await drain()
        if queued and "outbox" in bells:
            bells["outbox"].ring()
        return queued > 0

    return queue


async def run(settings: Settings, database_url: str, redis_url: str, queues: Sequence[str] = (*QUEUES, *SWEPT)) -> None:
    """Work `queues` until a signal says stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    redis = broker(redis_url)
    bells = {queue: bell(redis, queue) for queue in QUEUES}
    work = assemble(settings, database_url, redis_url, queues, bells, Hints(redis_url))
    await work.reader.warm()
    gc.freeze()
    gc.set_threshold(50_000)  # settling makes many small values and hardly a circle: looking for those costs a tenth
    worker = listen(redis, {queue: drain for queue, drain in work.loops.items() if queue in QUEUES}, loop)
    await asyncio.to_thread(worker.start)
    clocks = [
        asyncio.create_task(sweep(work.loops, seconds=settings.workers.sweep_seconds)),
        asyncio.create_task(sweep(work.clocks, seconds=CLOCK_SECONDS)),
        *(asyncio.create_task(sweep({name: loop}, seconds=pace)) for name, (loop, pace) in work.paced.items()),
        asyncio.create_task(remind(work.database, settings.conversation.reminder_minutes)),
        asyncio.create_task(watch(work.database, settings)),
        asyncio.create_task(count(work.database, settings)),
    ]
    log.info("worker_ready", queues=list(queues))

    def figures() -> dict[str, object]:
        return {"settled": work.ingest.settled, "delivered": work.deliver.delivered, "queues": list(queues)}

    async with alive(work.database, "worker", settings.var, figures):
        await stop.wait()
    log.info("worker_stopping")
    for task in clocks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await asyncio.to_thread(worker.stop, timeout=1_000 * STOP_SECONDS)
    await work.close()
