"""Cursors: how far a channel has fetched from a place outside, and which gateway fetches there now.

A cursor is leased before it is used. Whoever holds it may move it; a gateway whose lease ran out and was taken by
another holds it no longer, and moves nothing. `value` is the channel's own business.

All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, Integer, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, moment, words


class CursorRow(SQLModel, table=True):
    """One place that is fetched from, and how it fares."""

    __tablename__: ClassVar[str] = "cursor"
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    name: str = Field(sa_column=Column(Text, primary_key=True))
    """`<channel>:<the channel's name of the place>`."""
    value: str = words()
    holder: str = words()
    """Who has the lease; '' for nobody."""
    leased_until: Moment = moment(nullable=True)
    last_success: Moment = moment(nullable=True)
    last_error: str = words()
    """Of the latest failure; '' once a look at the place has succeeded."""
    failed_at: Moment = moment(nullable=True)
    backlog: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Messages seen there that are not stored yet."""
    drift: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    """Messages there that should be stored and are not, at the last check; NULL before the first."""
    checked_at: Moment = moment(nullable=True)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one place fares."""

    name: str
    held: bool
    """Whether a gateway looks after it now."""
    success_age: float | None
    """Seconds since the last look that went well; None before the first."""
    last_error: str
    backlog: int
    drift: int | None


async def lease(connection: AsyncConnection, name: str, holder: str, seconds: float) -> str | None:
    """Take or renew the lease of `name`. Returns the cursor's value, '' for a new one; None where another holds it."""
    row = (await connection.execute(_LEASE, {"name": name, "holder": holder, "seconds": seconds})).one_or_none()
    return None if row is None else str(row.value)


async def move(connection: AsyncConnection, name: str, holder: str, value: str) -> bool:
    """Set the value. False where `holder` no longer holds the cursor: then nothing has changed."""
    return bool((await connection.execute(_MOVE, {"name": name, "holder": holder, "value": value})).rowcount)


async def release(connection: AsyncConnection, name: str, holder: str) -> None:
    """Give the lease back before its time."""
    await connection.execute(_RELEASE, {"name": name, "holder": holder})


async def succeed(connection: AsyncConnection, name: str, *, backlog: int, complaint: str = "") -> None:
    """Note a look that went well, how much is still to be fetched, and what could not be done beside it."""
    await connection.execute(_SUCCEED, {"name": name, "backlog": backlog, "complaint": complaint})


async def fail(connection: AsyncConnection, name: str, error: str) -> None:
    """Note a failure, also where the place was never reached before."""
    await connection.execute(_FAIL, {"name": name, "error": error})


async def check(connection: AsyncConnection, name: str, *, drift: int) -> None:
    """Note what a comparison of the place with the inbox gave."""
    await connection.execute(_CHECK, {"name": name, "drift": drift})


async def standings(connection: AsyncConnection) -> list[Standing]:
    """Every place, by name."""
    return [_standing(row) for row in await connection.execute(_STANDINGS)]


def _standing(row: Any) -> Standing:
    age = None if row.success_age is None else float(row.success_age)
    return Standing(
        name=row.name,
        held=row.held,
        success_age=age,
        last_error=row.last_error,
        backlog=row.backlog,
        drift=row.drift,
    )


_LEASE = text(
    """
    INSERT INTO cursor (name, holder, leased_until) VALUES (:name, :holder, now() + make_interval(secs => :seconds))
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until
    WHERE cursor.holder IN ('', excluded.holder) OR cursor.leased_until < now()
    RETURNING value
    """
)
_MOVE = text("UPDATE cursor SET value = :value WHERE name = :name AND holder = :holder")
_RELEASE = text("UPDATE cursor SET holder = '', leased_until = NULL WHERE name = :name AND holder = :holder")
_SUCCEED = text(
    """
    UPDATE cursor SET last_success = now(), last_error = :complaint, backlog = :backlog,
        failed_at = CASE WHEN :complaint = '' THEN failed_at ELSE now() END
    WHERE name = :name
    """
)
_FAIL = text("UPDATE cursor SET last_error = :error, failed_at = now() WHERE name = :name")
_CHECK = text("UPDATE cursor SET drift = :drift, checked_at = now() WHERE name = :name")
_STANDINGS = text(
    """
    SELECT name, holder <> '' AND leased_until > now() AS held, last_error, backlog, drift,
        extract(epoch FROM now() - last_success) AS success_age
    FROM cursor ORDER BY name
    """
)
