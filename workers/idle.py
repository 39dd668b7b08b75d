"""Idle: looks now and then for tickets that nobody touches (`models.idle`), until cancelled.

Enters: the settings. Leaves: lines in histories. While the database is away there is nothing to look at.
"""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from config import logs
from config.database import Database
from config.settings import Settings
from models import idle

LOOK_SECONDS = 60.0

log = logs.of("idle")


async def look(database: Database, settings: Settings) -> int:
    """Once. Returns how many tickets were told of."""
    async with database.engine.begin() as connection:
        woken = await idle.wake(connection)
        silent = await idle.inactive(connection, days=settings.life.inactive_days)
        ownerless = await idle.unassigned(connection, minutes=settings.life.unassigned_minutes)
    if woken or silent or ownerless:
        log.info("idle_tickets", woken=woken, inactive=silent, unassigned=ownerless)
    return woken + silent + ownerless


async def watch(database: Database, settings: Settings, *, every: float = LOOK_SECONDS) -> None:
    """Look every minute."""
    while True:
        try:
            await look(database, settings)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("drain_failed", queue="idle", error=type(error).__name__)
        await asyncio.sleep(every)
