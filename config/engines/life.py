"""What has become of one child: its starts, its deaths, and when it may start again. No process is touched here.

A dead child may start again at once; when it dies again and again, its starts are kept apart by growing spans of up to
5 s. Half a minute of life makes it new again.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime

from config.engines.child import EX_CONFIG, Child

_LONGEST_DELAY = 5.0
_SHORTEST_RETRY = 0.25
_HOPELESS_ERRORS = 6


def delay(deaths: int) -> float:
    """Seconds from one start to the next after so many deaths in a row: none, then doubling up to five."""
    return 0.0 if deaths <= 1 else min(_LONGEST_DELAY, 0.25 * 2 ** (deaths - 2))


@dataclass(slots=True)
class Life:
    """A child's life so far. All times are seconds of the supervisor's clock, but for `started_at`."""

    child: Child
    healthy_seconds: float
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    started_at: datetime | None = None
    due: float = 0.0
    """When it may start."""
    starts: int = 0
    deaths: int = 0
    """In a row, without a healthy life between them."""
    errors: int = 0
    """Of those, the ends by its own hand with an error code."""
    failed_starts: int = 0
    """In a row, deaths before it was ready."""
    serving: bool = False
    served: bool = False
    """Has been ready at least once."""
    proven: bool = False
    """Was healthy at least once: what it runs on was right then."""
    done: bool = False
    """A duty that has ended."""

    @property
    def alive(self) -> bool:
        """Whether it has a process, as far as we have looked."""
        return self.process is not None

    def may_start(self, now: float) -> bool:
        """Whether it lacks a process and may have one."""
        return not self.alive and not self.done and now >= self.due

    def began(self, process: subprocess.Popen[bytes], now: float, at: datetime) -> None:
        """It has a process."""
        self.process, self.started, self.started_at = process, now, at
        self.starts += 1

    def could_not_begin(self, now: float) -> None:
        """The system gave it no process, or its preparation failed."""
        self.deaths += 1
        self.due = now + max(_SHORTEST_RETRY, delay(self.deaths))

    def look(self) -> None:
        """See whether it serves by now."""
        if not self.alive or self.serving or not self.child.restart:
            return
        try:
            self.serving = self.child.ready is None or self.child.ready()
        except OSError:  # a look that needs a socket or a file found none
            return
        if self.serving:
            self.served, self.failed_starts = True, 0

    def died(self, code: int, now: float) -> bool:
        """Its process ended, with an exit code or, below zero, by a signal. Whether that is the end of the whole run.

        It is when nothing that we could start would do better: a duty failed; or a child that had no healthy life
        before says so itself (78), or errs time after time. Deaths by a signal do not count: they come from outside, or
        from a bug that the next message need not meet.
        """
        proven = self.proven
        if now - self.started >= self.healthy_seconds:
            self.proven = True
            self.deaths = self.errors = 0
        self.deaths += 1
        self.errors = self.errors + 1 if code > 0 else 0
        self.failed_starts += not self.serving
        self.process, self.serving = None, False
        self.due = self.started + delay(self.deaths)
        if not self.child.restart:
            self.done, self.served = True, code == 0
            return code != 0
        return not proven and (code == EX_CONFIG or self.errors >= _HOPELESS_ERRORS)
