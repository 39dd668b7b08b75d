"""Tokens of the API: whom each stands for, and what it may be used for.

    made (shown once) → used → expired, or revoked: then it is as if it had never been

Only the SHA-256 of a token is stored: it is 256 random bits, so nothing slower is needed. A token of an agent may do
what that agent may do at this moment, as far as its scopes go; a token of a program has a role and teams of its own.

All functions work inside the caller's transaction, and raise only what the database raises.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.actor import Actor
from models.agent import ROLES
from models.columns import Moment, key, link, moment, one_of, words, words_list

PREFIX = "guichet_"
"""So that a token that went astray is recognised as what it is."""

SCOPES = {
    "tickets:read": "read tickets, what was said in them, their files and their history",
    "tickets:write": "open tickets, log calls, change tickets",
    "messages:write": "answer customers and write notes",
    "contacts:read": "read contacts and their addresses",
    "agents:read": "read agents and teams",
    "operations:read": "read channels and the balance",
    "webhooks:read": "read subscriptions of webhooks and what became of their deliveries",
    "webhooks:write": "make, change, test and replay webhooks",
}
"""Scope → what a token that has it may be used for."""


class ApiToken(SQLModel, table=True):
    """A token, without itself."""

    __tablename__: ClassVar[str] = "api_token"
    __table_args__ = (
        one_of("role", ("", *ROLES)),
        CheckConstraint("(agent_id IS NULL) = (role <> '')", name="somebody_answers_for_it"),
        Index("api_token_hash", "token_hash", unique=True),
    )

    id: int = key()
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    name: str = words()
    """What it is for, in its maker's words."""
    agent_id: int | None = link("agent.id", delete="CASCADE")
    role: str = words()
    """Of a program; '' where an agent answers for it."""
    teams: list[str] = words_list()
    scopes: list[str] = words_list()
    created_by: str = words()
    created_at: Moment = moment(now=True)
    used_at: Moment = moment(nullable=True)
    """Within a minute."""
    expires_at: Moment = moment(nullable=True)
    revoked_at: Moment = moment(nullable=True)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who shows a token."""

    token_id: int
    actor: Actor
    scopes: frozenset[str]


class TokenLine(msgspec.Struct, frozen=True, kw_only=True):
    """One token, for people to read."""

    id: int
    name: str
    agent: str
    """The agent's address; '' of a program."""
    role: str
    teams: Sequence[str]
    scopes: Sequence[str]
    created_by: str
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


def hash_of(token: str) -> bytes:
    """What is stored of `token`."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def add(
    connection: AsyncConnection,
    *,
    name: str,
    scopes: Sequence[str],
    agent_id: int | None = None,
    role: str = "",
    teams: Sequence[str] = (),
    days: float = 0,
    by: str = "",
) -> tuple[int, str]:
    """Make a token of an agent, or of a program with a role. Returns its id and itself: it is not to be had again."""
    token = PREFIX + secrets.token_urlsafe(32)
    values: dict[str, Any] = {"hash": hash_of(token), "name": name, "scopes": list(scopes), "by": by, "days": days or 0}
    values |= {"agent": agent_id, "role": role, "teams": list(teams)}
    return int((await connection.execute(_ADD, values)).scalar_one()), token


async def agent_of(connection: AsyncConnection, address: str) -> int | None:
    """The id of the agent with that mail address, who is not disabled."""
    found = await connection.scalar(_AGENT, {"address": address.strip().lower()})
    return int(found) if found is not None else None


async def recognise(connection: AsyncConnection, token: str) -> Bearer | None:
    """Who shows `token`; None where it opens nothing (any more), whatever the reason."""
    row = (await connection.execute(_RECOGNISE, {"hash": hash_of(token)})).one_or_none()
    if row is None:
        return None
    if row.stale:
        await connection.execute(_USED, {"id": row.id})
    if row.agent_id is None:
        actor = Actor("program", row.id, row.name, row.role, tuple(row.teams))
    else:
        teams = tuple(row.agent_teams)
        actor = Actor("agent", row.agent_id, row.agent_name, row.agent_role, teams, row.language, row.timezone)
    return Bearer(row.id, actor, frozenset(row.scopes))


async def listed(connection: AsyncConnection) -> list[TokenLine]:
    """All tokens, the revoked and expired ones too."""
    return [TokenLine(**row._mapping) for row in await connection.execute(_LIST)]


async def revoke(connection: AsyncConnection, token_id: int) -> bool:
    """End a token. False where there is none of that id that could be ended."""
    return bool((await connection.execute(_REVOKE, {"id": token_id})).rowcount)


_ADD = text(
    """
    INSERT INTO api_token (token_hash, name, agent_id, role, teams, scopes, created_by, expires_at)
    VALUES (:hash, :name, cast(:agent AS bigint), :role, :teams, :scopes, :by,
        CASE WHEN cast(:days AS float) > 0 THEN now() + make_interval(secs => cast(:days AS float) * 86400) END)
    RETURNING id
    """
)
_AGENT = text("SELECT id FROM agent WHERE lower(email) = :address AND disabled_at IS NULL")
_RECOGNISE = text(
    """
    SELECT token.id, token.name, token.agent_id, token.role, token.teams, token.scopes,
        token.used_at IS NULL OR token.used_at < now() - interval '1 minute' AS stale,
        agent.name AS agent_name, agent.role AS agent_role, agent.language, agent.timezone,
        ARRAY(SELECT team FROM team_member WHERE team_member.agent_id = token.agent_id ORDER BY team) AS agent_teams
    FROM api_token AS token LEFT JOIN agent ON agent.id = token.agent_id
    WHERE token.token_hash = :hash AND token.revoked_at IS NULL
      AND (token.expires_at IS NULL OR token.expires_at > now())
      AND (token.agent_id IS NULL OR agent.disabled_at IS NULL)
    """
)
_USED = text("UPDATE api_token SET used_at = now() WHERE id = :id")
_LIST = text(
    """
    SELECT token.id, token.name, coalesce(agent.email, '') AS agent, token.role, token.teams, token.scopes,
        token.created_by, token.created_at, token.used_at, token.expires_at, token.revoked_at
    FROM api_token AS token LEFT JOIN agent ON agent.id = token.agent_id ORDER BY token.id
    """
)
_REVOKE = text("UPDATE api_token SET revoked_at = now() WHERE id = :id AND revoked_at IS NULL")
