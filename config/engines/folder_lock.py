"""One Guichet a folder: a lock that ends with the process that holds it, however that ends.

Enters: the folder. Leaves: a lock held until `release`. Fails with AlreadyRunning, or EngineError when the folder
cannot be written.
"""

from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from pathlib import Path

from config.engines.engine import EngineError


class AlreadyRunning(EngineError):
    """Another process holds the folder."""


class FolderLock:
    """The file `guichet.lock`: locked with flock(2), it names who holds it and since when."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "guichet.lock"
        self._descriptor: int | None = None

    def take(self, now: datetime) -> None:
        """Take the lock, or raise AlreadyRunning, which names the holder."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise EngineError(
                f"Guichet cannot write in {self._path.parent} ({error.strerror}): nothing was started. "
                "Give this account the right to, or choose another folder with GUICHET_VAR."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunning(self._refusal()) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "started": now.isoformat()}).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the lock go. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _refusal(self) -> str:
        try:
            holder = json.loads(self._path.read_text())
            since = datetime.fromisoformat(holder["started"]).astimezone()
            who = f"process {holder['pid']}, started {since:%Y-%m-%d %H:%M:%S}"
        except (OSError, ValueError, KeyError):  # it is being written at this moment
            who = "a process that has only just started"
        return (
            f"Guichet is already running here ({who}): nothing was started. "
            "Stop it with Ctrl-C in its terminal, or choose another folder with GUICHET_VAR."
        )
