"""PostgreSQL: two engines over one server, and bulk inserts.

`connect` builds a `Database`. Its `engine` commits durably (synchronous_commit on). Its `hasty` engine is for claims
alone: losing the last claims in a crash only gives the items back sooner, so they need not wait for the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Database:
    """The two engines of one process."""

    engine: AsyncEngine
    hasty: AsyncEngine

    async def dispose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
        await self.hasty.dispose()


def to_json(value: object) -> str:
    """JSON text of any value that msgspec knows, structs included."""
    return _encode(value).decode()


def connect(url: str, *, pool: int = 5, name: str = "guichet") -> Database:
    """Engines for `url` (postgresql:// or postgresql+asyncpg://), each with up to `pool` connections."""
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+asyncpg://" + url.partition("://")[2]

    def engine(size: int, **parameters: str) -> AsyncEngine:
        return create_async_engine(
            url,
            pool_size=size,
            max_overflow=0,
            pool_pre_ping=False,
            pool_recycle=1800,
            json_serializer=to_json,
            json_deserializer=msgspec.json.decode,
            connect_args={
                "server_settings": {"application_name": name, "jit": "off", **parameters},
                "command_timeout": 60,
                "timeout": 10,
            },
        )

    return Database(
        engine=engine(pool, synchronous_commit="on"),
        # A claim's plan must not age: made while the table was small, it would read all of it later.
        hasty=engine(2, synchronous_commit="off", plan_cache_mode="force_custom_plan", enable_seqscan="off"),
    )


async def copy(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows` (all with the same keys) by binary COPY, inside the connection's transaction.

    About a quarter of the cost of an INSERT with many parameter sets. JSON columns take Python values.
    """
    if not rows:
        return
    names = list(rows[0])
    documents = {name for name in names if table.c[name].type.__class__.__name__ == "JSONB"}
    records = [tuple(to_json(row[name]) if name in documents else row[name] for name in names) for row in rows]
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None  # noqa: S101 - an AsyncConnection in a transaction always has one
    await driver.copy_records_to_table(table.name, columns=names, records=records)


async def draw(connection: AsyncConnection, counts: Sequence[tuple[str, int]]) -> list[list[int]]:
    """Draw `count` ids from the sequence of each table, in one statement. Ascending."""
    columns = ", ".join(
        f"ARRAY(SELECT nextval('{table}_id_seq') FROM generate_series(1, {count:d}))" for table, count in counts
    )
    row = (await connection.execute(text(f"SELECT {columns}"))).one()
    return [list(ids) for ids in row]
