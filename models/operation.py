"""What was done by those who run Guichet: one line for each action that changes or removes what customers sent.

Enters: who, what, to what, why. Leaves: a row that nothing of ours changes or deletes. It names items, tickets and runs
by number, never a customer. All functions work inside the caller's transaction; they raise only what the database
raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec
from sqlalchemy import Index, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from models.actor import Actor
from models.columns import Moment, key, moment, words

KINDS = ("retry", "ticket", "discard", "restore", "resend", "replay", "erase", "export", "retain", "backup")


class Operation(SQLModel, table=True):
    """One action."""

    __tablename__: ClassVar[str] = "operation"
    __table_args__ = (Index("operation_subject", "subject", "id"),)

    id: int = key()
    at: Moment = moment(now=True)
    actor: str = words()
    """The actor's label, as in histories."""
    kind: str = words()
    """retry, ticket, discard, restore (quarantine) · resend (outbox) · replay · erase, export, retain, backup."""
    subject: str = words()
    """`inbox:12`, `outbox:3`, `replay:1`, `erasure:4`."""
    note: str = words()
    """Why, in the actor's words; or what came of it."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log."""

    id: int
    at: datetime
    actor: str
    kind: str
    subject: str
    note: str


async def write(connection: AsyncConnection, actor: Actor, kind: str, subjects: Sequence[str], note: str = "") -> None:
    """Note that `actor` did `kind` to each of `subjects`."""
    values = {"actor": actor.label, "kind": kind, "subjects": list(subjects), "note": note[:1000]}
    await connection.execute(_WRITE, values)


async def of(connection: AsyncConnection, subject: str) -> list[Done]:
    """All that was done to `subject`, the newest first."""
    return [Done(**row._mapping) for row in await connection.execute(_OF, {"subject": subject})]


async def latest(connection: AsyncConnection, most: int = 50) -> list[Done]:
    """The last actions, the newest first."""
    return [Done(**row._mapping) for row in await connection.execute(_LATEST, {"most": most})]


_WRITE = text(
    """
    INSERT INTO operation (actor, kind, subject, note)
    SELECT :actor, :kind, subject, :note FROM unnest(cast(:subjects AS text[])) AS given (subject)
    """
)
_OF = text("SELECT id, at, actor, kind, subject, note FROM operation WHERE subject = :subject ORDER BY id DESC")
_LATEST = text("SELECT id, at, actor, kind, subject, note FROM operation ORDER BY id DESC LIMIT :most")
