"""What the parts can do alone, measured in the same minute, so that ratios can be read.

`python -m bench.references smtp` serves stock aiosmtpd that discards everything, and says its port. `inserts` and
`noops` print one number: how many a second.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import asyncpg
import dramatiq
import uvloop
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
from dramatiq.brokers.redis import RedisBroker

from bench.instance import Instance
from bench.run import Generator
from gateway.simulated_mail import Customers

CONNECTIONS = 64


def aiosmtpd(generator: Generator, count: int) -> float:
    """Mails a second that stock aiosmtpd takes and forgets."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.references", "smtp"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            return generator.load(count, settle=False, smtp_port=port).accepts
        finally:
            server.kill()


def inserts(instance: Instance, count: int) -> float:
    """Commits a second of one raw mail each, over as many connections as the load has."""
    instance.sql("CREATE TABLE IF NOT EXISTS reference (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, raw bytea)")
    instance.sql("ALTER TABLE reference ALTER COLUMN raw SET STORAGE EXTERNAL")
    rate = _apart("inserts", instance.sockets, count)
    instance.sql("DROP TABLE reference")
    return rate


def noops(instance: Instance, count: int) -> float:
    """Messages a second that a Dramatiq worker of eight threads takes and does nothing with."""
    return _apart("noops", instance.redis_url, count)


def _apart(what: str, where: str, count: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "bench.references", what, where, str(count)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _insert(sockets: str, count: int) -> None:
    customers = Customers(1, start=datetime.now(UTC))
    remaining = iter([customers.next().raw for _ in range(count)])
    connections = [await asyncpg.connect(host=sockets, user="postgres", database="guichet") for _ in range(CONNECTIONS)]

    async def one(connection: asyncpg.Connection) -> None:
        statement = await connection.prepare("INSERT INTO reference (raw) VALUES ($1)")
        for raw in remaining:
            await statement.fetch(raw)

    begun = time.perf_counter()
    await asyncio.gather(*map(one, connections))
    print(count / (time.perf_counter() - begun))
    for connection in connections:
        await connection.close()


def _noop(redis_url: str, count: int) -> None:
    broker = RedisBroker(url=redis_url, namespace="reference")  # type: ignore[no-untyped-call]
    dramatiq.set_broker(broker)

    @dramatiq.actor(queue_name="noop", broker=broker)
    def nothing() -> None:
        pass

    for _ in range(count):
        nothing.send()
    worker = dramatiq.Worker(broker, worker_threads=8)
    begun = time.perf_counter()
    worker.start()
    broker.join("noop")
    print(count / (time.perf_counter() - begun), flush=True)
    broker.flush_all()
    os._exit(0)  # stopping in good order takes Dramatiq seconds


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["smtp"]:
            uvloop.run(_serve())
        case ["inserts", where, number]:
            uvloop.run(_insert(where, int(number)))
        case ["noops", where, number]:
            _noop(where, int(number))
