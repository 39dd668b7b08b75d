"""Who runs: a row for each gateway and worker process, renewed every few seconds for as long as it lives.

Enters: a process's own figures. Leaves: who is alive, who ended, who fell silent. A process that ends in order takes
its row away; one that does not leaves it behind, and the row's age says since when. All functions work inside the
caller's transaction; they raise only what the database raises.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Integer, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from config.database import to_json
from models.columns import Moment, document, moment, one_of, words

PROCESSES = ("gateway", "worker")
SILENT_SECONDS = 60.0
"""A process that was not heard of for so long has gone, or hangs."""
FORGOTTEN_HOURS = 24
"""After so long nobody looks for it any more."""


class Presence(SQLModel, table=True):
    """One process."""

    __tablename__: ClassVar[str] = "presence"
    __table_args__ = (one_of("kind", PROCESSES), {"postgresql_with": {"fillfactor": "50"}})

    name: str = Field(sa_column=Column(Text, primary_key=True))
    """`host:pid:` and some letters, so that no two are alike."""
    kind: str = words()
    host: str = words()
    pid: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    version: str = words()
    started_at: Moment = moment(now=True)
    seen_at: Moment = moment(now=True)
    figures: dict[str, object] = document()
    """What it says of itself: counts since it began, memory, the disk that it writes to."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A process as it was last heard of."""

    name: str
    kind: str
    host: str
    pid: int
    version: str
    started_at: datetime
    age: float
    """Seconds since its last sign."""
    figures: dict[str, Any]

    @property
    def alive(self) -> bool:
        """Whether it was heard of lately."""
        return self.age < SILENT_SECONDS


async def sign(
    connection: AsyncConnection, *, name: str, kind: str, host: str, pid: int, version: str, figures: dict[str, object]
) -> None:
    """Give a sign of life, and forget those that have been silent for a day."""
    values = {"name": name, "kind": kind, "host": host, "pid": pid, "version": version, "figures": to_json(figures)}
    await connection.execute(_SIGN, values)
    await connection.execute(_FORGET, {"hours": FORGOTTEN_HOURS})


async def leave(connection: AsyncConnection, name: str) -> None:
    """Go in order."""
    await connection.execute(_LEAVE, {"name": name})


async def everybody(connection: AsyncConnection) -> list[Seen]:
    """All processes, gateways first, by host and beginning."""
    return [
        Seen(
            name=row.name,
            kind=row.kind,
            host=row.host,
            pid=row.pid,
            version=row.version,
            started_at=row.started_at,
            age=float(row.age),
            figures=row.figures,
        )
        for row in await connection.execute(_EVERYBODY)
    ]


_SIGN = text(
    """
    INSERT INTO presence (name, kind, host, pid, version, figures)
    VALUES (:name, :kind, :host, :pid, :version, cast(:figures AS jsonb))
    ON CONFLICT (name) DO UPDATE SET seen_at = now(), figures = excluded.figures
    """
)
_FORGET = text("DELETE FROM presence WHERE seen_at < now() - make_interval(hours => :hours)")
_LEAVE = text("DELETE FROM presence WHERE name = :name")
_EVERYBODY = text(
    """
    SELECT name, kind, host, pid, version, started_at, figures, extract(epoch FROM now() - seen_at) AS age
    FROM presence ORDER BY kind, host, started_at, name
    """
)
