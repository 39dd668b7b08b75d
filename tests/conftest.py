"""Engines for the whole run, a clean database and a running desk for each test that asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser
from sqlalchemy import text

from config.database import connect
from config.embedded import Engines
from config.settings import Settings
from models.migrations import upgrade
from tests.browser import chromium
from tests.desk import Desk, free_port
from tests.processes import reachable_folder
from workers.reader import Reader

OURS = ["support@example.org", "sales@example.org"]


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL and Valkey of this run, or those that DATABASE_URL and REDIS_URL name; with all tables."""
    with reachable_folder() as folder, Engines(Settings(var=folder / "var")) as running:
        upgrade(running.database_url)
        yield running


@pytest.fixture
async def database_url(engines: Engines) -> str:
    """The database, emptied."""
    database = connect(engines.database_url, pool=1)
    async with database.engine.begin() as connection:
        names = await connection.execute(
            text(
                "SELECT string_agg(tablename, ',') AS all FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename <> 'alembic_version'"
            )
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
        smtp={"port": free_port(), "recipients": OURS, "max_connections_per_address": 1000},
        form={"min_seconds": 0},
    )


@pytest.fixture(scope="session")
async def reader(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    """The child that reads, shared by all desks: starting it takes longer than most tests."""
    child = Reader(Settings(var=tmp_path_factory.mktemp("reader"), smtp={"recipients": OURS}))
    yield child
    await child.close()


@pytest.fixture
async def desk(settings: Settings, reader: Reader) -> AsyncIterator[Desk]:
    """A gateway behind real sockets and the drains of one worker, in this process."""
    async with Desk(settings, reader) as running:
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the whole run. Skips where there is none."""
    async with chromium() as running:
        yield running
