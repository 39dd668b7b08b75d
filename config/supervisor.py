"""Keeps the processes of one machine alive: starts them in order, restarts the dead, stops all in order.

Enters: children, and the folder that gets `run.json`. Leaves: the exit code for the command. What fails is told by
log lines: `child_started`, `child_died`, `child_restarted`, `child_not_started`, `child_failed`, `child_refused`,
`child_killed`, `stopping`, `stopped`.

    waiting ──start──► starting ──ready──► serving ──stop──► stopped      at the beginning each child waits until the
       ▲                  │                   │                           one before it serves
       └──── delay ───────┴────── dies ───────┘

A dead child is back at once; when it dies again and again, its starts are kept apart by growing spans of up to 5 s.
Half a minute of life makes it new again.
A child that ends with 78 says that its settings cannot work: everything is stopped. Only where an earlier life of the
same child was healthy is it tried again even then, since what it runs on was right a moment ago.
`run.json`: `{"pid", "started", "children": {name: {"pid", "started", "restarts"}}}`; it goes when the run ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import NoReturn

import structlog

from config.child import EX_CONFIG, Child, kill, spawn
from config.engine import EngineError
from config.wakeup import Wakeup

__all__ = ["EX_CONFIG", "Child", "Supervisor", "delay", "refuse"]

_LONGEST_DELAY = 5.0
_SHORTEST_RETRY = 0.25
_LONGEST_PAUSE = 30.0
_LOOK_SECONDS = 0.05
_LAST_WORDS = "SUPERVISOR_LAST_WORDS"

log = structlog.get_logger()


def refuse(message: str) -> NoReturn:
    """End this process with 78: `message` says why its settings cannot work, and starting it again would not help.

    The supervisor, if there is one, hears the message too and repeats it as its own last word.
    """
    sys.stderr.write(message + "\n")
    if _LAST_WORDS in os.environ:
        Path(os.environ[_LAST_WORDS]).write_text(message)
    sys.exit(EX_CONFIG)


def delay(deaths: int) -> float:
    """Seconds from one start to the next after so many deaths in a row: none, then doubling up to five."""
    return 0.0 if deaths <= 1 else min(_LONGEST_DELAY, 0.25 * 2 ** (deaths - 2))


@dataclass(slots=True)
class _Tended:
    """A child and what has become of it.

    `due`: when it may start, in seconds of the clock. `deaths`, `failed_starts`: in a row, and those of them that came
    before it was ready. `served`: has been ready at least once. `proven`: was healthy once. `done`: a duty that ended.
    """

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    started_at: datetime | None = None
    due: float = 0.0
    deaths: int = 0
    failed_starts: int = 0
    restarts: int = -1
    serving: bool = False
    served: bool = False
    proven: bool = False
    done: bool = False

    @property
    def alive(self) -> bool:
        return self.process is not None


class Supervisor:
    """Runs `children` until a signal, or one that cannot work, ends it."""

    def __init__(
        self,
        children: Iterable[Child],
        var: Path,
        *,
        healthy_seconds: float = 30,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tended = [_Tended(child) for child in children]
        self._var = var.resolve()
        self._healthy_seconds = healthy_seconds
        self._clock = clock
        self._now = now
        self._began = now()
        self._exit_code: int | None = None
        self._last_word = ""

    def run(self) -> int:
        """Block until the end: 0 after SIGINT, SIGTERM or SIGHUP, else the code of the child that ended it all."""
        self._var.mkdir(parents=True, exist_ok=True)
        with Wakeup() as wakeup:
            try:
                while self._exit_code is None and not wakeup.stops:
                    self._tend_all()
                    if self._exit_code is None and not wakeup.stops:
                        wakeup.sleep(self._pause())
            finally:
                self._stop(wakeup)
                with suppress(OSError):
                    (self._var / "run.json").unlink()
        if self._last_word:
            sys.stderr.write(self._last_word + "\n")
        return self._exit_code or 0

    def _tend_all(self) -> None:
        """Look at each child once. One that has never served keeps those after it waiting."""
        for tended in self._tended:
            self._tend(tended)
            if not tended.served:
                return

    def _tend(self, tended: _Tended) -> None:
        self._reap(tended)
        if not tended.alive and not tended.done and self._exit_code is None and self._clock() >= tended.due:
            self._start(tended)
        if tended.alive and not tended.serving and tended.child.restart:
            tended.serving = _is_ready(tended.child)
            tended.served |= tended.serving
            tended.failed_starts = 0 if tended.serving else tended.failed_starts

    def _start(self, tended: _Tended) -> None:
        child = tended.child
        try:
            tended.process = self._adopt(tended) or self._spawn(tended)
        except (OSError, EngineError) as error:
            tended.deaths += 1
            tended.due = self._clock() + max(_SHORTEST_RETRY, delay(tended.deaths))
            log.error("child_not_started", child=child.name, reason=str(error))
            return
        tended.started, tended.started_at = self._clock(), self._now()
        tended.restarts += 1
        event = "child_restarted" if tended.restarts else "child_started"
        log.info(event, child=child.name, pid=tended.process.pid, restarts=tended.restarts)
        self._write()

    def _adopt(self, tended: _Tended) -> subprocess.Popen[bytes] | None:
        """The process that the child came with, at its first start, if it still lives."""
        running = tended.child.running
        return running if running is not None and tended.restarts < 0 and running.poll() is None else None

    def _spawn(self, tended: _Tended) -> subprocess.Popen[bytes]:
        child = tended.child
        if child.prepare:
            child.prepare(tended.failed_starts)
        with suppress(OSError):  # none, or a disk in trouble: an old word does no harm
            self._words(child).unlink()
        return spawn(child, {_LAST_WORDS: str(self._words(child))})

    def _reap(self, tended: _Tended) -> None:
        """Take note of a death, and of what it means."""
        process = tended.process
        if process is None or (code := process.poll()) is None:
            return
        kill(process)  # what it may have left of its group
        lived = self._clock() - tended.started
        tended.failed_starts += not tended.serving
        tended.process, tended.serving = None, False
        if not tended.child.restart:
            self._finish(tended, code)
        elif code == EX_CONFIG and not tended.proven:
            self._refused(tended)
        else:
            healthy = lived >= self._healthy_seconds
            tended.proven |= healthy
            tended.deaths = 1 if healthy else tended.deaths + 1
            tended.due = tended.started + delay(tended.deaths)
            log.warning("child_died", child=tended.child.name, pid=process.pid, lived=round(lived, 1), **_ending(code))
            self._write()

    def _finish(self, tended: _Tended, code: int) -> None:
        """A duty done once has ended: well, or so that all ends."""
        tended.done = True
        if code == 0:
            tended.served = True
        elif code == EX_CONFIG:
            self._refused(tended)
        else:
            log.error("child_failed", child=tended.child.name, **_ending(code))
            self._exit_code = code if code > 0 else 1

    def _refused(self, tended: _Tended) -> None:
        self._exit_code = EX_CONFIG
        try:
            self._last_word = self._words(tended.child).read_text()
        except OSError:
            self._last_word = f"{tended.child.name} cannot work with these settings; what it said stands above."
        log.error("child_refused", child=tended.child.name, reason=self._last_word)

    def _pause(self) -> float:
        """Seconds until something may have to be done that no signal announces."""
        if any(tended.alive and not tended.serving for tended in self._tended):
            return _LOOK_SECONDS
        due = [tended.due - self._clock() for tended in self._tended if not tended.alive and not tended.done]
        return min([_LONGEST_PAUSE, *due])

    def _stop(self, wakeup: Wakeup) -> None:
        """Stop tier after tier, the highest first. A second signal, or a member's lost patience, means SIGKILL."""
        log.info("stopping")
        asked = wakeup.stops
        order = sorted((tended for tended in self._tended if tended.alive), key=lambda tended: -tended.child.tier)
        for _, tier in groupby(order, key=lambda tended: tended.child.tier):
            self._stop_tier(list(tier), wakeup, hurry=lambda: wakeup.stops > max(asked, 1))
        log.info("stopped")

    def _stop_tier(self, tier: Sequence[_Tended], wakeup: Wakeup, hurry: Callable[[], bool]) -> None:
        begun = self._clock()
        for tended in tier:
            if tended.process is not None:
                with suppress(ProcessLookupError):
                    tended.process.send_signal(tended.child.stop_signal)
        while living := [tended for tended in tier if tended.process is not None and tended.process.poll() is None]:
            for tended in living:
                if tended.process is not None and (hurry() or self._clock() - begun > tended.child.patience):
                    log.warning("child_killed", child=tended.child.name, pid=tended.process.pid)
                    kill(tended.process)
            wakeup.sleep(_LOOK_SECONDS)
        for tended in tier:
            if tended.process is not None:
                kill(tended.process)

    def _words(self, child: Child) -> Path:
        return self._var / f"{child.name}.last-words"

    def _write(self) -> None:
        """Write `run.json` anew, so that a reader finds the old or the new one, whole."""
        children = {
            tended.child.name: {
                "pid": tended.process.pid,
                "started": tended.started_at.isoformat(),
                "restarts": tended.restarts,
            }
            for tended in self._tended
            if tended.process is not None and tended.started_at is not None
        }
        draft = self._var / "run.json.new"
        try:
            draft.write_text(json.dumps({"pid": os.getpid(), "started": self._began.isoformat(), "children": children}))
            draft.replace(self._var / "run.json")
        except OSError as error:  # a full disk is no reason to stop keeping processes alive
            log.error("run_file_not_written", reason=str(error))


def _is_ready(child: Child) -> bool:
    try:
        return child.ready is None or child.ready()
    except OSError:  # a look that needs a socket or a file found none
        return False


def _ending(code: int) -> dict[str, object]:
    """How it ended: an exit code or the name of a signal."""
    return {"code": code} if code >= 0 else {"signal": signal.Signals(-code).name}
