"""Requests with an Idempotency-Key: the same again gets the same answer, and changes nothing.

    begun (status NULL) → answered → forgotten after 24 hours

`begin` and `finish` stand in the transaction that does the work: then who comes at the same moment waits for it. Work
that accept does in a transaction of its own is begun in one before, and accept finds its own repetitions.

Both raise only what the database raises, and `begin` `KeyUsedError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, Integer, SQLModel

from config.database import to_json
from models.columns import Moment, document, moment, words

HOURS = 24


class ApiRequest(SQLModel, table=True):
    """A request, and what was answered."""

    __tablename__: ClassVar[str] = "api_request"
    __table_args__ = (Index("api_request_age", "created_at"),)

    token_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    key: str = Field(primary_key=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """SHA-256 of method, path and body."""
    status: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    """NULL: begun, and not answered yet."""
    body: str = words()
    headers: dict[str, object] = document()
    created_at: Moment = moment(now=True)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to a request."""

    status: int
    body: str
    headers: Mapping[str, str]


class KeyUsedError(ValueError):
    """The key came before, with another request."""


async def begin(connection: AsyncConnection, token_id: int, key: str, digest: bytes) -> Answered | None:
    """Note that a request begins. What was answered to it before, or None where it is to be worked on."""
    values = {"token": token_id, "key": key, "digest": digest, "hours": HOURS}
    await connection.execute(_OVER, values)
    if (await connection.execute(_BEGIN, values)).rowcount:
        return None
    row = (await connection.execute(_FIND, values)).one()
    if bytes(row.digest) != digest:
        raise KeyUsedError("this key came before, with another request")
    return Answered(status=row.status, body=row.body, headers=row.headers) if row.status is not None else None


async def finish(connection: AsyncConnection, token_id: int, key: str, answered: Answered) -> None:
    """Keep what was answered."""
    values = {"token": token_id, "key": key, "status": answered.status, "body": answered.body}
    await connection.execute(_FINISH, values | {"headers": to_json(answered.headers)})


async def forget(connection: AsyncConnection) -> int:
    """Delete those that are too old. Returns how many there were."""
    return int((await connection.execute(_FORGET, {"hours": HOURS})).rowcount)


_OVER = text(
    """
    DELETE FROM api_request
    WHERE token_id = :token AND key = :key AND created_at < now() - make_interval(hours => :hours)
    """
)
_BEGIN = text("INSERT INTO api_request (token_id, key, digest) VALUES (:token, :key, :digest) ON CONFLICT DO NOTHING")
_FIND = text("SELECT digest, status, body, headers FROM api_request WHERE token_id = :token AND key = :key")
_FINISH = text(
    """
    UPDATE api_request SET status = :status, body = :body, headers = cast(:headers AS jsonb)
    WHERE token_id = :token AND key = :key
    """
)
_FORGET = text("DELETE FROM api_request WHERE created_at < now() - make_interval(hours => :hours)")
