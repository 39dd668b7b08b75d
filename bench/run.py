"""One load against an instance: starts the generator, reads the meters around it, and puts both together."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from bench.instance import Instance
from bench.load import Found, Plan, Ran

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


def load(instance: Instance, count: int, how: str = "saturate", *, seed: int = 1, **more: Any) -> Outcome:
    """Send `count` messages and wait until they are settled (unless `settle=False`)."""
    plan = Plan(
        smtp_port=instance.smtp_port,
        http_port=instance.http_port,
        database_url=instance.database_url,
        count=count,
        how=how,
        seed=seed,
        **{"start": datetime.now(UTC), **more},
    )
    command = [sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as generator:
        assert generator.stdin is not None
        assert generator.stdout is not None

        def line() -> bytes:
            said = generator.stdout.readline()  # type: ignore[union-attr]
            if not said:
                raise RuntimeError(f"the load generator ended with {generator.wait()}")
            return said.encode()

        line()
        time.sleep(0.2)
        before = instance.meter()
        generator.stdin.write("go\n")
        generator.stdin.flush()
        ran = msgspec.json.decode(line(), type=Ran)
        seconds = instance.meter().since(before)
        generator.stdin.write("judge\n")
        generator.stdin.flush()
        found = msgspec.json.decode(line(), type=Found)
    return Outcome(ran, found, seconds)
