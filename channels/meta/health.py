"""Whether Meta still accepts our token, and how it rates our numbers, once an hour.

Enters: the ids of our numbers. Leaves: a note for people on the cursor of each, and a log line where something is
wrong, before the first customer's answer meets it. Nothing fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from channels import Accept, AcceptError, ChannelError
from channels.meta.graph import Graph
from config import logs
from config.telephony import Meta

EVERY = 3_600.0
GOOD = frozenset(("GREEN", "UNKNOWN"))

log = logs.of("health")


class Health:
    """Looks, for as long as the application runs."""

    def __init__(self, name: str, settings: Meta, accept: Accept) -> None:
        self._name = name
        self._settings = settings
        self._accept = accept

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        """For aiohttp's cleanup_ctx."""
        task = asyncio.create_task(self._keep())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _keep(self) -> None:
        graph = Graph(self._settings)
        try:
            while True:
                for number in self._settings.phone_number_ids:
                    await self.look(graph, number)
                await asyncio.sleep(EVERY)
        finally:
            await graph.close()

    async def look(self, graph: Graph, number: str) -> str:
        """One number: '' where all is well, else what is wrong, which is noted."""
        cursor = self._accept.cursor(f"{self._name}:{number}")
        wrong = ""
        try:
            if await cursor.lease(EVERY / 2) is None:
                return ""  # another gateway looks
            quality = await graph.quality(number)
            await cursor.succeed(backlog=0)
            if quality not in GOOD:
                wrong = f"Meta rates the number {quality}"
        except AcceptError:
            return ""  # the database is away, which is seen elsewhere
        except ChannelError as error:
            wrong = str(error)[:300]
        if wrong:
            log.error("number_unwell", account=number, error=wrong)
            with contextlib.suppress(AcceptError):
                await cursor.fail(wrong)
        return wrong
