"""Retention: what is older than the settings allow goes, a little at a time.

Enters: `care` of the settings. Leaves: closed tickets without words, names and files; settled messages without their
raw bytes; the object store without what nobody needs. Each portion is one transaction. May fail with what the database
or the store raises; the next look goes on.
"""

from __future__ import annotations

import time

from config import logs
from config.database import Database
from config.objects import Objects
from config.settings import Settings
from models import erase, operation, raw
from models.actor import step

AT_ONCE = {"tickets": 100, "raw": 500, "objects": 100}
EVERY_SECONDS = 300.0
"""While nothing is left to do, how often is looked."""

log = logs.of("retention")


class Retention:
    """Removes what is old. One for each worker process."""

    def __init__(self, database: Database, objects: Objects, settings: Settings) -> None:
        self.database, self.objects, self.care = database, objects, settings.care
        self._next = float("-inf")

    async def drain(self) -> int:
        """One portion of each. Returns how much was removed; at rest, 0 without a look."""
        if time.monotonic() < self._next:
            return 0
        async with self.database.engine.begin() as connection:
            tickets = await erase.retire(connection, self.care.closed_days, self.care.category_days, AT_ONCE["tickets"])
            if tickets:
                await operation.write(connection, step("retention"), "retain", ["ticket"], f"{tickets} tickets")
        async with self.database.engine.begin() as connection:
            bodies = await raw.drop(connection, self.care.raw_days, AT_ONCE["raw"])
        objects = await self._objects()
        if tickets or bodies or objects:
            log.info("old_data_removed", tickets=tickets, bodies=bodies, objects=objects)
        else:
            self._next = time.monotonic() + EVERY_SECONDS
        return tickets + bodies + objects

    async def _objects(self) -> int:
        count = 0
        async with self.database.engine.begin() as connection:
            for sha256 in await raw.unneeded(connection, AT_ONCE["objects"]):
                if not await erase.needed(connection, sha256):
                    await self.objects.delete(sha256)
                    count += 1
                await raw.forget(connection, sha256)
        return count
