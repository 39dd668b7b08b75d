"""The bell: after a commit, tell the workers to look now. A hint, never a promise.

Rings of one process are merged to about one in 20 ms for each queue. A ring that fails (Redis away) is logged when the
bell falls silent and when it sounds again; the sweeper in the workers finds the rows in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from redis.exceptions import RedisError

from config import logs
from config.faults import crash_point

GAP = 0.02
"""Seconds between two rings of one queue."""

log = logs.of("bell")


class Bell:
    """Rings for one queue, from one event loop."""

    def __init__(self, queue: str, send: Callable[[], None]) -> None:
        """`send` puts one message on the wire; it may block, and may raise what Redis raises."""
        self.queue = queue
        self.send = send
        self.sounding = True
        self._due: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"bell-{queue}")
        self._ringing: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Say "look now", soon. Never blocks and never raises; to be called on the event loop."""
        if self._due is not None:
            return
        loop = asyncio.get_running_loop()
        self._due = loop.call_at(max(loop.time(), self._last + GAP), self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = None
        if self._ringing is not None and not self._ringing.done():
            self.ring()  # Redis is slow: keep one ring in the air, and one waiting
            self._last = loop.time()
            return
        self._last = loop.time()
        self._ringing = loop.run_in_executor(self._thread, self._send)

    def _send(self) -> None:
        crash_point("X4")
        try:
            self.send()
        except (RedisError, OSError) as error:
            if self.sounding:
                log.warning("bell_silent", queue=self.queue, error=type(error).__name__)
            self.sounding = False
            return
        if not self.sounding:
            log.info("bell_sounds_again", queue=self.queue)
        self.sounding = True
        crash_point("X5")

    def now(self) -> None:
        """Ring at once, and wait for it: for commands, which end right after. Never raises."""
        self._send()

    def close(self) -> None:
        """Drop what is not rung yet."""
        if self._due is not None:
            self._due.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
