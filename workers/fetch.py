"""Fetch: drain the files that providers still keep. Claim what is due, get it, put it into its place in the ticket.

fetched      → stored under its SHA-256, the attachment points at it
Unavailable  → due again after the schedule's next step, until the schedule ends; then unavailable, with the reason
Refused      → unavailable, with the reason

A file that is never to be had costs its place in the ticket, never the ticket: that stood long before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import text

from channels import Channel, Refused, Unavailable
from config import logs
from config.database import Database
from config.objects import Objects
from config.settings import Settings
from models import ledger
from models.envelope import AttachedFile, PendingFile
from models.ledger import Claim

MINUTE, HOUR = 60.0, 3600.0
SCHEDULE = (2.0, 10.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR)
"""Waits between attempts: about a day in all. Providers keep files for days."""
BATCH = 4
"""Files at once, each whole in memory."""
LEASE = 90.0
"""Longer than the longest fetch, so that a slow file is not fetched twice."""

log = logs.of("fetch")


class Fetch:
    """Drains the media queue of one process."""

    def __init__(
        self, database: Database, objects: Objects, channels: Mapping[str, Channel], settings: Settings
    ) -> None:
        self.database = database
        self.objects = objects
        self.channels = channels
        self.settings = settings

    async def drain(self) -> int:
        """Fetch one batch, all at once. Returns how many items were claimed."""
        async with self.database.hasty.begin() as connection:
            rows = await ledger.claim(connection, "media", limit=BATCH, lease=LEASE)
        await asyncio.gather(*map(self._fetch, rows))
        return len(rows)

    async def _fetch(self, row: Any) -> None:
        claim = Claim(row.id, row.attempts)
        with logs.trace(row.trace_id, media_id=row.id):
            try:
                file = await self._get(row)
            except Refused as reason:
                await self._give_up(row, claim, str(reason))
            except Unavailable as reason:
                await self._again(row, claim, str(reason), reason.retry_after)
            except Exception as error:
                log.exception("fetch_bug", channel=row.channel)
                await self._again(row, claim, f"{type(error).__name__}: {error}", None)
            else:
                await self._store(row, claim, file)

    async def _get(self, row: Any) -> AttachedFile:
        channel = self.channels.get(row.channel)
        if channel is None:
            raise Refused(f"there is no channel {row.channel!r} in the settings")
        return await channel.fetch(row.account, msgspec.convert(row.payload, PendingFile))

    async def _store(self, row: Any, claim: Claim, file: AttachedFile) -> None:
        large = len(file.content) > self.settings.ledger.inline_bytes
        if large:
            await self.objects.put(file.content)
        async with self.database.engine.begin() as connection:
            if await ledger.complete(connection, "media", [claim]):
                await connection.execute(
                    _STORED,
                    {
                        "id": row.attachment_id,
                        "filename": file.filename,
                        "content_type": file.content_type,
                        "size": len(file.content),
                        "sha256": file.sha256,
                        "content": None if large else file.content,
                    },
                )
        log.info("media_fetched", channel=row.channel, size=len(file.content))

    async def _again(self, row: Any, claim: Claim, reason: str, retry_after: float | None) -> None:
        if row.attempts > len(SCHEDULE):
            await self._give_up(row, claim, f"given up after {row.attempts} attempts: {reason}")
            return
        seconds = max(SCHEDULE[row.attempts - 1], retry_after or 0.0)
        async with self.database.engine.begin() as connection:
            await ledger.defer(connection, "media", claim, seconds=seconds, error=reason[:500])
        log.warning("fetch_deferred", channel=row.channel, seconds=seconds, reason=reason[:200])

    async def _give_up(self, row: Any, claim: Claim, reason: str) -> None:
        async with self.database.engine.begin() as connection:
            if await ledger.bury(connection, "media", claim, error=reason[:500]):
                await connection.execute(_UNAVAILABLE, {"id": row.attachment_id, "detail": reason[:500]})
        log.warning("media_unavailable", channel=row.channel, reason=reason[:200])


_STORED = text(
    """
    UPDATE attachment SET filename = :filename, content_type = :content_type, size = :size, sha256 = :sha256,
        content = :content, state = 'stored', detail = ''
    WHERE id = :id
    """
)
_UNAVAILABLE = text("UPDATE attachment SET state = 'unavailable', detail = :detail WHERE id = :id")
