"""The history of access: who was let in, by whom, as what. Never a secret, never more than one line a change.

Enters: an actor and what they changed. Leaves: a row in the same transaction. Kinds are those of `KINDS`.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec
from sqlalchemy import Index, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from models.actor import Actor
from models.columns import Moment, key, link, moment, one_of, words

KINDS = (
    "invited", "role", "teams", "name", "disabled", "enabled", "reset_asked", "password", "identity",
    "signed_in", "signed_out", "sessions_ended", "telephone", "notify", "work",
)  # fmt: skip


class AccessEvent(SQLModel, table=True):
    """A change of somebody's access."""

    __tablename__: ClassVar[str] = "access_event"
    __table_args__ = (one_of("kind", KINDS), Index("access_event_agent", "agent_id", "id"))

    id: int = key()
    agent_id: int = link("agent.id", nullable=False, delete="CASCADE")
    actor: str = words()
    """Label of who did it."""
    kind: str = words("invited")
    old: str = words()
    new: str = words()
    address: str = words()
    """The IP address that it came from; '' for commands."""
    created_at: Moment = moment(now=True)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history."""

    actor: str
    by: str
    """The actor's name, where it is an agent."""
    kind: str
    old: str
    new: str
    address: str
    created_at: datetime


async def note(
    connection: AsyncConnection,
    actor: Actor,
    agent_id: int,
    kind: str,
    old: str = "",
    new: str = "",
    *,
    address: str = "",
) -> None:
    """Write down that `actor` changed something of an agent's access."""
    values = {"agent": agent_id, "actor": actor.label, "kind": kind, "old": old, "new": new, "address": address}
    await connection.execute(_NOTE, values)


async def history(connection: AsyncConnection, agent_id: int, *, most: int = 50) -> list[Change]:
    """What was changed about an agent, the newest first."""
    rows = await connection.execute(_HISTORY, {"agent": agent_id, "most": most})
    return [Change(**row._mapping) for row in rows]


_NOTE = text(
    """
    INSERT INTO access_event (agent_id, actor, kind, old, new, address)
    VALUES (:agent, :actor, :kind, :old, :new, :address)
    """
)
_HISTORY = text(
    """
    SELECT event.actor, coalesce(agent.name, '') AS by, kind, old, new, address, event.created_at
    FROM access_event AS event LEFT JOIN agent ON event.actor = 'agent:' || agent.id
    WHERE agent_id = :agent ORDER BY event.id DESC LIMIT :most
    """
)
