"""A server that an earlier run left behind, or only its pid file.

The caller holds the folder's lock, so nobody else may have started a server in it: what is found here is either a
stale pid file or a server whose parent was killed and which is on its way out.
Whether a pid is still that server is told by its working folder (both engines live in their data folder), because
pids are used again, in containers at every start.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from config.engines.engine import EngineError

_SECONDS = 6.0
_PROC = Path("/proc")


def clear(pid_file: Path, folder: Path) -> None:
    """Make the way free for a new server in `folder`: wait for the old one, end it, or remove its stale pid file.

    Raises EngineError when an old server lives on for about twelve seconds, OSError when the file cannot be removed.
    Without /proc (macOS) nothing is done: the server's own check of its pid file decides.
    """
    pid = _read(pid_file)
    if pid is None or not _PROC.is_dir():
        return
    if not _serves(pid, folder):
        pid_file.unlink(missing_ok=True)
        return
    if not _gone(pid, folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT if pid_file.name == "postmaster.pid" else signal.SIGTERM)
    if not _gone(pid, folder):
        raise EngineError(
            f"A server from an earlier run (process {pid}) still works in {folder} and does not end: nothing was "
            f"started, the data are safe. End it with `kill {pid}`, then start Guichet again."
        )
    pid_file.unlink(missing_ok=True)


def _read(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split(maxsplit=1)[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _serves(pid: int, folder: Path) -> bool:
    """Whether the process lives and works in the folder. A zombie has no working folder any more."""
    try:
        return (_PROC / str(pid) / "cwd").readlink() == folder
    except OSError:
        return False


def _gone(pid: int, folder: Path) -> bool:
    deadline = time.monotonic() + _SECONDS
    while _serves(pid, folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
