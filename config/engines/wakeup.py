"""Sleep that a signal ends at once: for a loop that waits for the death of children and for the wish to stop."""

from __future__ import annotations

import select
import signal
import socket
import time
from types import FrameType, TracebackType
from typing import Self

_ONE_WISH_SECONDS = 0.5
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wakeup:
    """While it is entered, SIGINT, SIGTERM and SIGHUP are counted and, like SIGCHLD, end `sleep`. Main thread only.

    Signals that come together count once: a terminal or `make` may pass on the same wish by two ways.
    """

    def __init__(self) -> None:
        self.stops = 0
        self._last_stop = float("-inf")

    def __enter__(self) -> Self:
        """Take the signals over."""
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._old_descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._old_handlers = {number: signal.signal(number, self._note) for number in (*_STOPS, signal.SIGCHLD)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give them back."""
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_descriptor)
        self._reader.close()
        self._writer.close()

    def sleep(self, seconds: float) -> None:
        """Wait for a signal, or so many seconds."""
        if select.select([self._reader], [], [], max(0.0, seconds))[0]:
            self._reader.recv(4096)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in _STOPS:
            now = time.monotonic()
            if now - self._last_stop > _ONE_WISH_SECONDS:
                self._last_stop = now
                self.stops += 1
