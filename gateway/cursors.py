"""One leased cursor, as a channel gets it from accept (`channels.Cursor`).

Enters: raw messages that a channel fetched, and how far it has got by them. Leaves: both, in one commit. May fail:
`Busy` when the database does not commit, `Lost` when another gateway has taken the lease; nothing was stored then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import Busy, Lost
from models import cursor
from models.envelope import Accepted, RawMessage

if TYPE_CHECKING:
    from gateway.accept import Inbox


class LeasedCursor:
    """Implements `channels.Cursor` over PostgreSQL. `holder` is this object's own, so that two never share a lease."""

    def __init__(self, inbox: Inbox, name: str, holder: str) -> None:
        self.inbox = inbox
        self.name = name
        self.holder = holder

    async def lease(self, seconds: float) -> str | None:
        """Take or renew the lease; the stored value, or None where another has it."""
        async with self._transaction() as connection:
            return await cursor.lease(connection, self.name, self.holder, seconds)

    async def release(self) -> None:
        """Give it back."""
        async with self._transaction() as connection:
            await cursor.release(connection, self.name, self.holder)

    async def store(self, raws: Sequence[RawMessage], value: str) -> list[Accepted]:
        """Store all of `raws` and the new value, or nothing at all."""
        return await self.inbox.store_together(raws, lambda connection: self._move(connection, value))

    async def _move(self, connection: AsyncConnection, value: str) -> None:
        if not await cursor.move(connection, self.name, self.holder, value):
            raise Lost(f"another gateway has the cursor {self.name}")

    async def absent(self, keys: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """Those of `keys` (channel, account, external id) that were never accepted."""
        return await self.inbox.absent(keys)

    async def succeed(self, *, backlog: int, complaint: str = "") -> None:
        """Note a look that went well."""
        async with self._transaction() as connection:
            await cursor.succeed(connection, self.name, backlog=backlog, complaint=complaint.replace("\0", ""))

    async def fail(self, error: str) -> None:
        """Note a failure."""
        async with self._transaction() as connection:
            await cursor.fail(connection, self.name, error.replace("\0", ""))

    async def check(self, *, drift: int) -> None:
        """Note what a comparison with the inbox gave."""
        async with self._transaction() as connection:
            await cursor.check(connection, self.name, drift=drift)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self.inbox.database.engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise Busy("the database does not answer") from error
