"""Indexing: what was said becomes findable (`models.search`), a little behind settling and never at its cost.

Enters: messages that are not indexed. Leaves: their rows of the index. It rests after each step, for long while
anything waits to be settled. May fail: with what the database raises; the clock comes round again.
"""

from __future__ import annotations

import asyncio
import time

from config.database import Database
from models import search

STEP = 50
"""Messages at a time: some ten milliseconds of the database's."""
SHARE, SHARE_AT_REST = 0.1, 0.5
"""Of the time that is spent indexing: while something is to be settled, and while nothing is."""


class Indexing:
    """Follows the messages. Any number of processes may; one at a time does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def drain(self) -> bool:
        """Index a step, and rest. True while there may be more."""
        async with self._database.engine.begin() as connection:
            busy = await search.busy(connection, waiting=1)
            began = time.monotonic()
            more = await search.follow(connection, most=STEP) == STEP
        if more:
            await asyncio.sleep((time.monotonic() - began) * (1 / (SHARE if busy else SHARE_AT_REST) - 1))
        return more
