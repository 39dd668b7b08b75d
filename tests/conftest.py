"""Engines for the whole run, a clean database and a running desk for each test that asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from config.database import connect
from config.embedded import Engines
from config.settings import Settings
from models.migrations import upgrade
from tests.desk import Desk, free_port


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """PostgreSQL and Valkey of this run, or those that DATABASE_URL and REDIS_URL name; with all tables."""
    with Engines(Settings(var=tmp_path_factory.mktemp("engines"))) as running:
        upgrade(running.database_url)
        yield running


@pytest.fixture
async def database_url(engines: Engines) -> str:
    """The database, emptied."""
    database = connect(engines.database_url, pool=1)
    async with database.engine.begin() as connection:
        names = await connection.execute(
            text("SELECT string_agg(tablename, ',') AS all FROM pg_tables WHERE schemaname = 'public'"
                 " AND tablename <> 'alembic_version'")
        )
        await connection.execute(text(f"TRUNCATE {names.scalar_one()} RESTART IDENTITY CASCADE"))
    await database.dispose()
    return engines.database_url


@pytest.fixture
def settings(tmp_path: Path, database_url: str, engines: Engines) -> Settings:
    """Settings of a desk on free ports, in a folder of its own."""
    return Settings(
        var=tmp_path / "var",
        database_url=database_url,
        redis_url=engines.redis_url,
        http={"port": free_port()},
        smtp={"port": free_port(), "recipients": ["support@example.org", "sales@example.org"]},
        form={"min_seconds": 0},
    )


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """A gateway behind real sockets and the drains of one worker, in this process."""
    async with Desk(settings) as running:
        yield running
