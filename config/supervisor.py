"""Keeps the processes of one machine alive: starts them in order, restarts the dead, stops all in order.

Enters: children, and the folder that gets `run.json`. Leaves: the exit code for the command. What fails is told by
log lines: `child_started`, `child_died`, `child_restarted`, `child_not_started`, `child_refused`,
`child_killed`, `stopping`, `stopped`.

    waiting ──start──► starting ──ready──► serving ──stop──► stopped      at the beginning each child waits until the
       ▲                  │                   │                           one before it serves
       └──── delay ───────┴────── dies ───────┘

When a dead child starts again, and when its end is the end of all, is told in `config.engines.life`: a child that ends
with 78 says that its settings cannot work, and one that errs time after time without ever having been healthy is
broken. Then everything is stopped, and the reason is the last word.
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
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import NoReturn

import structlog

from config.engines.child import EX_CONFIG, Child, kill, spawn
from config.engines.engine import EngineError
from config.engines.life import Life
from config.engines.wakeup import Wakeup

__all__ = ["EX_CONFIG", "Child", "Supervisor", "refuse"]

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
        self._lives = [Life(child, healthy_seconds) for child in children]
        self._var = var.resolve()
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
        for life in self._lives:
            self._tend(life)
            if not life.served or self._exit_code is not None:
                return

    def _tend(self, life: Life) -> None:
        self._reap(life)
        if self._exit_code is None and life.may_start(self._clock()):
            self._start(life)
        life.look()

    def _start(self, life: Life) -> None:
        child = life.child
        try:
            process = self._adopt(life) or self._spawn(life)
        except (OSError, EngineError) as error:
            life.could_not_begin(self._clock())
            log.error("child_not_started", child=child.name, reason=str(error))
            return
        life.began(process, self._clock(), self._now())
        event = "child_started" if life.starts == 1 else "child_restarted"
        log.info(event, child=child.name, pid=process.pid, starts=life.starts)
        self._write()

    def _adopt(self, life: Life) -> subprocess.Popen[bytes] | None:
        """The process that the child came with, at its first start, if it still lives. It has proven itself."""
        running = life.child.running
        if life.starts or running is None or running.poll() is not None:
            return None
        life.proven = True
        return running

    def _spawn(self, life: Life) -> subprocess.Popen[bytes]:
        child = life.child
        if child.prepare:
            child.prepare(life.failed_starts)
        with suppress(OSError):  # none, or a disk in trouble: an old word does no harm
            self._words(child).unlink()
        return spawn(child, {_LAST_WORDS: str(self._words(child))})

    def _reap(self, life: Life) -> None:
        """Take note of a death, and of what it means."""
        process = life.process
        if process is None or (code := process.poll()) is None:
            return
        kill(process)  # what it may have left of its group
        lived = round(self._clock() - life.started, 1)
        if life.died(code, self._clock()):
            self._end_with(life.child, code)
        elif not life.done:
            log.warning("child_died", child=life.child.name, pid=process.pid, lived=lived, **_ending(code))
        self._write()

    def _end_with(self, child: Child, code: int) -> None:
        self._exit_code = code if code > 0 else 1
        try:
            self._last_word = self._words(child).read_text()
        except OSError:
            self._last_word = f"{child.name} cannot go on: everything was stopped. What it said stands above."
        log.error("child_refused", child=child.name, reason=self._last_word, **_ending(code))

    def _pause(self) -> float:
        """Seconds until something may have to be done that no signal announces."""
        if any(life.alive and not life.serving for life in self._lives):
            return _LOOK_SECONDS
        due = [life.due - self._clock() for life in self._lives if not life.alive and not life.done]
        return min([_LONGEST_PAUSE, *due])

    def _stop(self, wakeup: Wakeup) -> None:
        """Stop tier after tier, the highest first. A second signal, or a member's lost patience, means SIGKILL."""
        log.info("stopping")
        asked = wakeup.stops
        order = sorted((life for life in self._lives if life.alive), key=lambda life: -life.child.tier)
        for _, tier in groupby(order, key=lambda life: life.child.tier):
            self._stop_tier(list(tier), wakeup, hurry=lambda: wakeup.stops > max(asked, 1))
        log.info("stopped")

    def _stop_tier(self, tier: Sequence[Life], wakeup: Wakeup, hurry: Callable[[], bool]) -> None:
        begun = self._clock()
        for life in tier:
            if life.process is not None:
                with suppress(ProcessLookupError):
                    life.process.send_signal(life.child.stop_signal)
        while living := [life for life in tier if life.process is not None and life.process.poll() is None]:
            for life in living:
                if life.process is not None and (hurry() or self._clock() - begun > life.child.patience):
                    log.warning("child_killed", child=life.child.name, pid=life.process.pid)
                    kill(life.process)
            wakeup.sleep(_LOOK_SECONDS)
        for life in tier:
            if life.process is not None:
                kill(life.process)

    def _words(self, child: Child) -> Path:
        return self._var / f"{child.name}.last-words"

    def _write(self) -> None:
        """Write `run.json` anew, so that a reader finds the old or the new one, whole."""
        children = {
            life.child.name: {
                "pid": life.process.pid,
                "started": life.started_at.isoformat(),
                "restarts": life.starts - 1,
            }
            for life in self._lives
            if life.process is not None and life.started_at is not None
        }
        draft = self._var / "run.json.new"
        try:
            draft.write_text(json.dumps({"pid": os.getpid(), "started": self._began.isoformat(), "children": children}))
            draft.replace(self._var / "run.json")
        except OSError as error:  # a full disk is no reason to stop keeping processes alive
            log.error("run_file_not_written", reason=str(error))


def _ending(code: int) -> dict[str, object]:
    """How it ended: an exit code or a signal's name."""
    return {"code": code} if code >= 0 else {"signal": signal.strsignal(-code) or -code}
