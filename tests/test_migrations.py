"""Migrations on the real database: up, down, up again; and the models say what the tables are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.util.exc import CommandError
from sqlalchemy import text

from config.database import connect
from config.embedded import Engines
from models.migrations import configuration, downgrade, upgrade


@pytest.fixture
def empty_database(engines: Engines) -> Iterator[str]:
    """A second, empty database on the running server."""
    base, _, rest = engines.database_url.partition("/guichet?")

    async def execute(*statements: str) -> None:
        database = connect(engines.database_url.replace("//guichet@", "//postgres@"), pool=1)
        async with database.engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                await connection.execute(text(statement))
        await database.dispose()

    asyncio.run(execute("DROP DATABASE IF EXISTS migrations", "CREATE DATABASE migrations OWNER guichet"))
    yield f"{base}/migrations?{rest}"
    asyncio.run(execute("DROP DATABASE migrations WITH (FORCE)"))


async def tables(url: str) -> int:
    database = connect(url, pool=1)
    async with database.engine.connect() as connection:
        found = await connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
        count = int(found.scalar_one())
    await database.dispose()
    return count


def test_up_down_and_up_again(empty_database: str) -> None:
    upgrade(empty_database)
    full = asyncio.run(tables(empty_database))
    assert full > 10
    downgrade(empty_database)
    assert asyncio.run(tables(empty_database)) == 1, "only Alembic's own table is left"
    upgrade(empty_database)
    assert asyncio.run(tables(empty_database)) == full


def test_the_models_and_the_migrated_tables_agree(empty_database: str) -> None:
    upgrade(empty_database)
    try:
        command.check(configuration(empty_database))
    except CommandError as difference:
        pytest.fail(str(difference))


def test_bodies_are_stored_outside_and_plain(empty_database: str) -> None:
    upgrade(empty_database)

    async def storage() -> set[str]:
        database = connect(empty_database, pool=1)
        async with database.engine.connect() as connection:
            rows = await connection.execute(
                text(
                    "SELECT attrelid::regclass || '.' || attname AS name FROM pg_attribute"
                    " WHERE attstorage = 'e' AND attrelid IN ('inbox'::regclass, 'message'::regclass)"
                )
            )
            names = {row.name for row in rows}
        await database.dispose()
        return names

    assert asyncio.run(storage()) == {"inbox.body", "message.text", "message.reply_text", "message.html"}
