"""The clock of the figures: counts what changed, at a pace that leaves the machine to the messages.

Enters: the database, the settings. Leaves: figures that are a second old while little happens. Nothing fails: while the
database is away there is nothing to count. All worker processes run it; one counts at a time.
"""

from __future__ import annotations

import asyncio
import time

from asyncpg import InterfaceError, PostgresError
from sqlalchemy.exc import SQLAlchemyError

from config import logs
from config.database import Database
from config.settings import Settings
from models.statistics.basis import basis_of
from models.statistics.keep import keep

LOOK_SECONDS = 1.0
AT_ONCE = 50
"""Tickets that are counted without a pause: settling waits for the event loop as long as that takes."""
SHARE = 0.1
"""Of the time, at most, that is spent counting: under a flood the figures are late, not the answers."""

log = logs.of("figures")


async def count(database: Database, settings: Settings, *, every: float = LOOK_SECONDS, share: float = SHARE) -> None:
    """Count until cancelled."""
    basis = basis_of(settings)
    while True:
        began, more = time.monotonic(), False
        try:
            async with database.engine.begin() as connection:
                more = (await keep(connection, basis, most=AT_ONCE)).more
        except (SQLAlchemyError, PostgresError, InterfaceError, OSError, TimeoutError) as error:
            log.warning("figures_not_counted", error=type(error).__name__)
        spent = time.monotonic() - began
        rest = spent * (1 / share - 1)
        await asyncio.sleep(rest if more else max(every, rest))
