"""Loads against an instance: tells the generator what to send, reads the meters around it, puts both together."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

import msgspec

from bench.instance import Instance
from bench.load import Found, Plan, Ran, Ready

T = TypeVar("T")
PARTS = ("gateway", "workers", "readers", "postgres", "valkey")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One load's figures."""

    ran: Ran
    found: Found
    seconds: dict[str, float]
    """CPU seconds by part, from the first mail until all was settled."""

    @property
    def accepts(self) -> float:
        """Accepted a second."""
        return self.ran.accepted / (self.ran.last - self.ran.first)

    @property
    def tickets(self) -> float:
        """Settled a second, from the first mail to the last commit."""
        return self.found.settled / max(self.found.settled_at - self.ran.first, 1e-9)

    @property
    def cpu(self) -> float:
        """CPU milliseconds a message of all our processes and PostgreSQL."""
        return 1_000 * sum(self.seconds.values()) / max(self.ran.accepted, 1)

    def cpu_of(self, part: str) -> float:
        """CPU milliseconds a message of one part."""
        return 1_000 * self.seconds.get(part, 0.0) / max(self.ran.accepted, 1)

    @property
    def wrong(self) -> int:
        """Lost, doubled, misplaced, refused or left over: must be 0."""
        found = self.found
        return found.lost + found.doubled + found.misplaced + found.quarantined + self.ran.refused


class Generator:
    """The load generator, a process of its own that carries out one plan after the other."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        """Running already."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End it: its input ends."""
        self._process.communicate()

    def load(self, count: int, how: str = "saturate", *, seed: int = 1, **more: Any) -> Outcome:
        """Send `count` messages and wait until they are settled (unless `settle=False`)."""
        instance = self._instance
        here = {
            "smtp_port": instance.smtp_port,
            "http_port": instance.http_port,
            "database_url": instance.database_url,
            "start": datetime.now(UTC),
        }
        self._say(msgspec.json.encode(Plan(count=count, how=how, seed=seed, **{**here, **more})))
        self._hear(Ready)
        time.sleep(0.2)
        before = instance.meter()
        self._say(b"go")
        ran = self._hear(Ran)
        seconds = instance.meter().since(before)
        self._say(b"judge")
        return Outcome(ran, self._hear(Found), seconds)

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def _hear(self, what: type[T]) -> T:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended with {self._process.wait()}")
        return msgspec.json.decode(line, type=what)
