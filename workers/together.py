"""One commit for all who wait: while one is under way, the next gathers by itself.

Enters: entries, one from each caller. Leaves: each caller, once a commit that holds its entry is done. May fail: with
whatever the commit raises, for the caller that made it; the others' entries go into the next one, which they make.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Commits of one kind, from one event loop. Entries must be distinct."""

    def __init__(self, commit: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        """`commit` commits all that it is given, or raises and has changed nothing."""
        self._commit = commit
        self._turn = asyncio.Lock()
        self._waiting: list[T] = []

    async def __call__(self, entry: T) -> None:
        """Return once `entry` is committed."""
        self._waiting.append(entry)
        async with self._turn:
            if entry not in self._waiting:
                return  # whoever had the turn before took it along
            together, self._waiting = self._waiting, []
            try:
                await self._commit(together)
            except BaseException:
                self._waiting = [*(other for other in together if other is not entry), *self._waiting]
                raise
