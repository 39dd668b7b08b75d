"""The reminder: a ticket that waits for us says so before its window for answers closes.

Enters: how long before. Leaves: a line in the history of each such ticket, once a window. Nothing fails: while the
database is away there is nothing to remind of.
"""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from config import logs
from config.database import Database
from models import answer_window

LOOK_SECONDS = 60.0

log = logs.of("reminder")


async def remind(database: Database, minutes: float, *, every: float = LOOK_SECONDS) -> None:
    """Look every minute, until cancelled."""
    while minutes:
        try:
            async with database.engine.begin() as connection:
                closing = await answer_window.remind(connection, minutes=minutes)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("drain_failed", queue="reminder", error=type(error).__name__)
        else:
            if closing:
                log.info("conversation_closing", tickets=closing)
        await asyncio.sleep(every)
