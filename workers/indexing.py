"""Indexing: what was said becomes findable (`models.search`), a little behind settling and never at its cost.

Enters: messages that are not indexed. Leaves: their rows of the index. While more waits to be settled than a batch, it
takes small steps only, one each time that the clock comes round. May fail: with what the database raises; the clock
comes round again.
"""

from __future__ import annotations

from config.database import Database
from models import search

STEP, SMALL_STEP = 500, 50
WAITING = 200
"""Messages still to be settled from which on settling needs the database more."""


class Indexing:
    """Follows the messages. Any number of processes may; one at a time does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def drain(self) -> bool:
        """Index a step. True while there may be more, and room for it."""
        async with self._database.engine.begin() as connection:
            busy = await search.busy(connection, waiting=WAITING)
            step = SMALL_STEP if busy else STEP
            return await search.follow(connection, most=step) == step and not busy
