"""Alive: while a process runs, it says so (`models.presence`).

Enters: what the process counts. Leaves: its row, renewed every few seconds and taken away at the end. Nothing fails:
while the database is away nobody reads it either.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import resource
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from asyncpg import InterfaceError, PostgresError
from sqlalchemy.exc import SQLAlchemyError

from config.database import Database
from models import presence

EVERY_SECONDS = 10.0
AWAY = (SQLAlchemyError, PostgresError, InterfaceError, OSError, TimeoutError)


@asynccontextmanager
async def alive(
    database: Database, kind: str, folder: Path, figures: Callable[[], dict[str, object]]
) -> AsyncIterator[None]:
    """Give signs of life for as long as the block runs. `folder` is on the disk that is watched."""
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    task = asyncio.create_task(_signs(database, name, kind, folder, figures))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(2), database.engine.begin() as connection:
                await presence.leave(connection, name)


async def _signs(
    database: Database, name: str, kind: str, folder: Path, figures: Callable[[], dict[str, object]]
) -> None:
    while True:
        said = {**figures(), "memory": memory(), "disk_free": room(folder)}
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(5), database.engine.begin() as connection:
                await presence.sign(
                    connection,
                    name=name,
                    kind=kind,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    version=version(),
                    figures=said,
                )
        await asyncio.sleep(EVERY_SECONDS)


def version() -> str:
    """Of Guichet as it is installed; '' where it runs from a folder that is not."""
    try:
        return importlib.metadata.version("guichet-gateway")
    except importlib.metadata.PackageNotFoundError:
        return ""


def memory() -> int:
    """The most bytes of memory that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def room(folder: Path) -> int:
    """Free bytes on the disk of `folder`; 0 where it is not there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
