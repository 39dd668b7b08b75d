"""A process that we start and that dies with us: what it is, how it is started and how it is ended.

`spawn` raises OSError when the system has no process to give, RuntimeError off the main thread. `end` does not raise.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.engines import parent_death
from config.engines.account import Account

EX_CONFIG = 78
"""Exit code of a child that says: starting me again will not help (sysexits.h)."""

_LOG_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive.

    `env`: its whole environment (None: ours). `user`: the account it runs under (None: ours).
    `ready`: a quick look whether it serves yet (None: as soon as it runs); at the start the next child waits for it.
    `restart`: False for a duty done once, which must end with 0 before the next child starts.
    `tier`: the highest is stopped first, its members together. `patience`: seconds from `stop_signal` to SIGKILL.
    `death_signal`: what it gets when we are killed. `log`: file that takes its output (None: ours takes it).
    `prepare`: called before each start with the number of starts in a row that died before `ready`; may raise OSError
    or EngineError, which counts as a death.
    `running`: started already, to be adopted.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    user: Account | None = None
    ready: Callable[[], bool] | None = None
    restart: bool = True
    tier: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    patience: float = 10
    log: Path | None = None
    cwd: Path | None = None
    prepare: Callable[[int], None] | None = None
    running: subprocess.Popen[bytes] | None = None


def spawn(child: Child, more: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the child, with `more` in its environment.

    It gets a session of its own, so that Ctrl-C reaches us alone and we stop everything in our order.
    """
    if threading.current_thread() is not threading.main_thread():
        # The kernel ties a child to the thread that started it: it would die with a pool's thread.
        raise RuntimeError("children are started by the main thread")
    uid, gid = (None, None) if child.user is None else (child.user.uid, child.user.gid)
    line = parent_death.command(child.argv, death_signal=child.death_signal, uid=uid, gid=gid)
    output = _open_log(child.log) if child.log else None
    try:
        return subprocess.Popen(  # noqa: S603 - the programs are our own
            line,
            env={**(os.environ if child.env is None else child.env), **(more or {})},
            cwd=child.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        if output is not None:
            os.close(output)


def end(process: subprocess.Popen[bytes], stop_signal: int, patience: float) -> int:
    """Stop the process: ask, wait up to `patience` seconds, then kill it. Its exit code."""
    with suppress(ProcessLookupError):
        process.send_signal(stop_signal)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        kill(process)
    return process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process, if it lives, and whatever it left in its session's group."""
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, where only zombies are left
        os.killpg(process.pid, signal.SIGKILL)


def _open_log(path: Path) -> int:
    """A descriptor that appends to the file; one that grew large is set aside first, as `.1`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
