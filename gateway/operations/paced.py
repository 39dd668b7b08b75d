"""A figure that is fetched at a measured pace, whoever asks and however often.

Enters: how to fetch it. Leaves: its last value, how old that is, and whether the last fetch failed. A hundred viewers
cost one fetch, a slow fetch delays nobody longer than they wish to wait, and a dear one is made seldom: fetching takes
at most `share` of the time. Fetching fails by the errors named at the making; any other is a bug and raises to whoever
asks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from config import logs

T = TypeVar("T")

log = logs.of("operations")


class Paced(Generic[T]):
    """One figure of one process."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[T]],
        failures: tuple[type[Exception], ...],
        *,
        timeout: float,
        patience: float = 5.0,
        least: float = 1.0,
        most: float = 60.0,
        share: float = 0.02,
    ) -> None:
        """Fetches follow each other after `least` to `most` seconds.

        One that takes more than `patience` seconds is overdue, one that takes more than `timeout` has failed.
        """
        self.value: T | None = None
        self.failure = ""
        """Name of the error of the last fetch; '' where it went well."""
        self.took = 0.0
        """Seconds that the last good fetch took."""
        self._name, self._fetch, self._failures = name, fetch, failures
        self._timeout, self._patience = timeout, patience
        self._least, self._most, self._share = least, most, share
        self._fetched_at = self._next_at = self._began = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def look(self, wait: float) -> T | None:
        """The value; where a fetch is due it is started, and waited for up to `wait` seconds."""
        if self._task is None and asyncio.get_running_loop().time() >= self._next_at:
            self._task = asyncio.create_task(self._run())
        task = self._task
        if task is not None:
            await asyncio.wait({task}, timeout=wait)
            if task.done():
                if self._task is task:
                    self._task = None
                task.result()
        return self.value

    @property
    def age(self) -> float | None:
        """Seconds since the value was fetched; None while there is none."""
        return None if self.value is None else asyncio.get_running_loop().time() - self._fetched_at

    @property
    def under_way(self) -> float:
        """Seconds since the fetch began that is not back yet; 0 where there is none."""
        return 0.0 if self._task is None else asyncio.get_running_loop().time() - self._began

    @property
    def answers(self) -> bool:
        """Whether the last fetch went well, and none is overdue."""
        return not self.failure and self.under_way < self._patience

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        self._began, pause = clock(), self._least
        try:
            async with asyncio.timeout(self._timeout):
                value = await self._fetch()
        except self._failures as error:
            if not self.failure:
                log.warning("figures_unavailable", figures=self._name, error=f"{type(error).__name__}: {error}"[:300])
            self.failure = type(error).__name__
        else:
            self.value, self.failure = value, ""
            self._fetched_at, self.took = clock(), clock() - self._began
            pause = min(max(self.took / self._share, self._least), self._most)
        self._next_at = clock() + pause

    async def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task
