"""A Guichet of its own for measuring: engines, one gateway, as many workers as asked for, in a fresh folder.

Enters: environment settings. Leaves: running processes, their addresses and what they have cost so far. Everything dies
with this process, and the folder goes with it. Fails with `RuntimeError` where a part does not become ready.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import asyncpg

from bench import webhooks
from bench.cpu import Meter, family, megabytes_of
from config.embedded import Engines
from config.engines import postgres
from config.engines.child import Child, end, spawn
from config.settings import Settings
from models.migrations import upgrade

RECIPIENTS = ("support@example.org", "support@example.com")
NO_LIMIT = str(10**9)
SETTINGS = {
    "GUICHET_SMTP__RECIPIENTS": '["support@example.org", "support@example.com"]',
    # Every new ticket is acknowledged, so that the dearest way of a message is measured.
    "GUICHET_ACKNOWLEDGE__ADDRESS_HOURS": "0.000000000001",
    "GUICHET_ACKNOWLEDGE__SAME_SUBJECT": NO_LIMIT,
    "GUICHET_ACKNOWLEDGE__ANY_SUBJECT": NO_LIMIT,
    "GUICHET_ACKNOWLEDGE__DOMAIN_HOUR": NO_LIMIT,
    "GUICHET_ACKNOWLEDGE__SOURCE_HOUR": NO_LIMIT,
    "GUICHET_ACKNOWLEDGE__ACCOUNT_HOUR": NO_LIMIT,
    "GUICHET_ACKNOWLEDGE__ACCOUNT_GROWTH": NO_LIMIT,
    "GUICHET_FORM__PER_MINUTE": NO_LIMIT,
}
READY_SECONDS = 120.0


class Instance:
    """One running Guichet. Use it as a context manager, in the main thread."""

    def __init__(self) -> None:
        self.http_port, self.smtp_port = _free_port(), _free_port()
        self._stack = ExitStack()
        self._gateway: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []
        self._queues = ""
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start the engines and the gateway."""
        with ExitStack() as undo:
            self.var = Path(tempfile.mkdtemp(prefix="guichet-bench-"))
            undo.callback(rmtree, self.var, ignore_errors=True)
            self.var.chmod(0o711)  # the engines' account has to pass
            # Commit times tell when a ticket was really there: settled_at is the beginning of its transaction.
            postgres.SETTINGS["track_commit_timestamp"] = "on"
            self._engines = undo.enter_context(Engines(Settings(var=self.var, database_url="", redis_url="")))
            self._environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")},
                **SETTINGS,
                **webhooks.ENVIRONMENT,
                "GUICHET_VAR": str(self.var),
                "GUICHET_HTTP__PORT": str(self.http_port),
                "GUICHET_SMTP__PORT": str(self.smtp_port),
                "DATABASE_URL": self.database_url,
                "REDIS_URL": self.redis_url,
            }
            upgrade(self.database_url)
            undo.callback(self.stop)
            self._gateway = self._start("gateway")
            self._until(self._gateway, self._answers)
            self._stack = undo.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop everything and remove the folder."""
        self._stack.close()

    @property
    def database_url(self) -> str:
        """Where PostgreSQL is."""
        return self._engines.database_url

    @property
    def redis_url(self) -> str:
        """Where Valkey is."""
        return self._engines.redis_url

    def workers(self, count: int, queues: str = "inbox", *, warm: bool = True) -> None:
        """Have exactly `count` worker processes, on these queues. Those that run already are kept.

        `warm` waits until they are ready, which they say once they have worked off what they found.
        """
        self.resume()
        if queues != self._queues:
            self._end_workers()
        self._end_workers(keep=count)
        self._queues = queues
        while len(self._workers) < count:
            log = self.var / "log" / f"worker-{len(self._workers)}.log"
            log.unlink(missing_ok=True)
            self._workers.append(self._start("workers", "--queues", queues, log=log))
        for number, process in enumerate(self._workers if warm else ()):
            log = self.var / "log" / f"worker-{number}.log"
            self._until(process, functools.partial(_says, log, "worker_ready"))
        time.sleep(0.5 if count and warm else 0)  # readers warm up behind worker_ready

    def pause(self) -> None:
        """Stop the workers where they are; they cost nothing until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the workers go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            worker.send_signal(number)

    def stop(self) -> None:
        """End gateway and workers."""
        self._end_workers()
        if self._gateway is not None:
            end(self._gateway, signal.SIGTERM, 20)
        self._gateway = None

    def meter(self) -> Meter:
        """CPU seconds so far, by part."""
        assert self._gateway is not None
        workers = [worker.pid for worker in self._workers]
        readers = [pid for worker in workers for pid in family(worker)[1:]]
        return Meter.read(
            {"gateway": family(self._gateway.pid), "workers": workers, "readers": readers}
            | {child.name: family(child.running.pid) for child in self._engines.children() if child.running}
        )

    def memory(self) -> tuple[float, float]:
        """Proportional and resident MB of the gateway and one worker with its reader."""
        assert self._gateway is not None
        parts = [megabytes_of(self._gateway.pid), megabytes_of(self._workers[0].pid)]
        return sum(pss for pss, _rss in parts), sum(rss for _pss, rss in parts)

    def sql(self, statement: str, *values: object, seconds: float = 120, settings: dict[str, str] | None = None) -> Any:
        """Run one statement as the cluster's owner. Returns its rows."""

        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(
                host=self.sockets, user="postgres", database="guichet", server_settings=settings or {}
            )
            try:
                return list(await connection.fetch(statement, *values, timeout=seconds))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def commits(self, statement: str, times: int) -> list[float]:
        """Seconds that each of `times` commits of one statement takes, one after the other."""

        async def measure() -> list[float]:
            connection = await asyncpg.connect(host=self.sockets, user="postgres", database="guichet")
            seconds = []
            for _ in range(times):
                begun = time.perf_counter()
                await connection.execute(statement)
                seconds.append(time.perf_counter() - begun)
            await connection.close()
            return seconds

        return asyncio.run(measure())

    @property
    def sockets(self) -> str:
        """Folder of PostgreSQL's socket."""
        return parse_qs(urlsplit(self.database_url).query)["host"][0]

    def commit_delay(self, milliseconds: int) -> None:
        """Make every flush of the log wait so long (`commit_delay` with `commit_siblings` 0); 0 for none."""
        for name, value in (("commit_siblings", 0), ("commit_delay", milliseconds * 1_000)):
            self.sql(f"ALTER SYSTEM SET {name} = {value}")
        self.sql("SELECT pg_reload_conf()")
        time.sleep(0.3)

    def _start(self, *words: str, log: Path | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "guichet", *words]
        log = log or self.var / "log" / f"{words[0]}.log"
        return spawn(Child(words[0], command, env=self._environment, log=log))

    def _end_workers(self, keep: int = 0) -> None:
        self.resume()
        surplus, self._workers = self._workers[keep:], self._workers[:keep]
        for worker in surplus:
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        for worker in surplus:
            end(worker, signal.SIGTERM, 20)

    def _until(self, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with suppress(OSError):
                if ready():
                    return
            if process.poll() is not None or time.monotonic() > deadline:
                logs = "\n".join(path.read_text(errors="replace")[-2_000:] for path in (self.var / "log").glob("*.log"))
                raise RuntimeError(f"it does not start:\n{logs}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)


def _says(log: Path, words: str) -> bool:
    return words in log.read_text(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
