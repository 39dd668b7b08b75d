"""How Alembic reaches the database: one asyncpg connection, one transaction, one migrating process at a time."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

import models.access_event
import models.agent
import models.alarm
import models.answer_window
import models.api_request
import models.api_token
import models.blocks
import models.canned_text
import models.care
import models.clock
import models.closing
import models.contact
import models.conversation
import models.cursor
import models.flow
import models.incident
import models.joining
import models.ledger
import models.life
import models.notice
import models.operation
import models.page_link
import models.presence
import models.resemblance
import models.saved_view
import models.search
import models.statistics.tables
import models.survey
import models.ticket
import models.webhook  # noqa: F401 - the imports register the tables

MIGRATION_LOCK = 0x6775_6963_6800


def run(connection: Connection) -> None:
    """Migrate over `connection`, in one transaction."""
    context.configure(connection=connection, target_metadata=SQLModel.metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        context.run_migrations()


async def main() -> None:
    """Open the connection that the caller's configuration names."""
    engine = create_async_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
