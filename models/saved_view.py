"""Saved views of the queue: filters under a name, an agent's own or everybody's.

Enters: who asks, a name, the query string that the queue understands. Leaves: views. A view shows nobody more than
they may see anyway: it is a question, and each reader asks it for themselves. Only supervisors make and delete those
of everybody. May fail: only with what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import Index, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from models.actor import Actor
from models.columns import Moment, key, link, moment, words

LONGEST_NAME, LONGEST_QUERY = 60, 2_000
MOST = 30
"""Views of one agent; more than anybody reads."""


class SavedView(SQLModel, table=True):
    """Filters under a name."""

    __tablename__: ClassVar[str] = "saved_view"
    __table_args__ = (Index("saved_view_agent", "agent_id"),)

    id: int = key()
    agent_id: int | None = link("agent.id", delete="CASCADE")
    """Whose it is; NULL: everybody's."""
    name: str = words()
    query: str = words()
    created_at: Moment = moment(now=True)


class View(msgspec.Struct, frozen=True):
    """A view as its reader gets it."""

    id: int
    name: str
    query: str
    shared: bool
    deletable: bool


async def views(connection: AsyncConnection, actor: Actor) -> Sequence[View]:
    """Those of everybody, then the actor's own."""
    rows = await connection.execute(_VIEWS, {"agent": actor.id, "most": 2 * MOST})
    may = actor.may("all_tickets")
    return [View(row.id, row.name, row.query, row.agent_id is None, row.agent_id is not None or may) for row in rows]


async def save(connection: AsyncConnection, actor: Actor, name: str, query: str, *, shared: bool) -> bool:
    """Keep a view; one of the same name is replaced. False where it may not be, or there are too many."""
    if not name or (shared and not actor.may("all_tickets")):
        return False
    values = {
        "agent": None if shared else actor.id,
        "name": name[:LONGEST_NAME],
        "query": query[:LONGEST_QUERY],
        "most": MOST,
    }
    await connection.execute(_REPLACE, values)
    return bool((await connection.execute(_SAVE, values)).rowcount)


async def drop(connection: AsyncConnection, actor: Actor, view_id: int) -> bool:
    """Delete a view of the actor's, or one of everybody's as a supervisor."""
    values = {"id": view_id, "agent": actor.id, "shared": actor.may("all_tickets")}
    return bool((await connection.execute(_DROP, values)).rowcount)


_VIEWS = text(
    """
    SELECT id, agent_id, name, query FROM saved_view WHERE agent_id IS NULL OR agent_id = :agent
    ORDER BY agent_id IS NOT NULL, lower(name), id LIMIT :most
    """
)
_REPLACE = text(
    "DELETE FROM saved_view WHERE agent_id IS NOT DISTINCT FROM cast(:agent AS bigint) AND lower(name) = lower(:name)"
)
_SAVE = text(
    """
    INSERT INTO saved_view (agent_id, name, query)
    SELECT cast(:agent AS bigint), :name, :query
    WHERE (SELECT count(*) FROM saved_view WHERE agent_id IS NOT DISTINCT FROM cast(:agent AS bigint)) < :most
    """
)
_DROP = text("DELETE FROM saved_view WHERE id = :id AND (agent_id = :agent OR (agent_id IS NULL AND :shared))")
