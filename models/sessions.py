"""Sessions: the browsers in which agents are signed in, and who is behind a cookie.

Enters: a cookie's value. Leaves: a `Visitor`, or None whatever the reason: never made, ended, expired, silent for too
long, its agent disabled. The database holds the SHA-256 of the value alone. Fails with what the database raises.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.actor import Actor

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, as their pages need them."""

    actor: Actor
    email: str
    presence: str
    session: bytes
    """The SHA-256 that the session stands under."""


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """One of an agent's sessions."""

    name: str
    """By which it can be ended: the first digits of its hash, which open nothing."""
    browser: str
    address: str
    created_at: datetime
    seen_at: datetime
    current: bool


def hash_of(token: str) -> bytes:
    """What a token is stored as."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def anybody(connection: AsyncConnection) -> bool:
    """Whether any agent was ever made."""
    return bool(await connection.scalar(_ANYBODY))


async def recognise(connection: AsyncConnection, token: str, *, idle_hours: float) -> Visitor | None:
    """Who is behind the cookie `token`. Notes, once a minute, that they were here."""
    if not TOKEN.fullmatch(token):
        return None
    session = hash_of(token)
    values: dict[str, object] = {"hash": session, "idle": idle_hours * 3600}
    row = (await connection.execute(_RECOGNISE, values)).one_or_none()
    if row is None:
        return None
    if row.stale:
        await connection.execute(_SEEN, values | {"agent": row.id})
    actor = Actor(
        "agent",
        id=row.id,
        name=row.name,
        role=row.role,
        teams=tuple(row.teams),
        language=row.language,
        timezone=row.timezone,
    )
    return Visitor(actor=actor, email=row.email, presence=row.presence, session=session)


async def begin(
    connection: AsyncConnection, agent_id: int, *, days: float, browser: str = "", address: str = "", instead: str = ""
) -> str:
    """Start a session of an agent; that of the cookie `instead` ends. Returns the new cookie's value, 256 bits."""
    await connection.execute(_END, {"hash": hash_of(instead)})
    token = secrets.token_urlsafe(32)
    values = {"hash": hash_of(token), "agent": agent_id, "browser": browser[:300], "address": address, "days": days}
    await connection.execute(_BEGIN, values)
    return token


async def end(connection: AsyncConnection, session: bytes) -> None:
    """End the session that stands under the hash `session`."""
    await connection.execute(_END, {"hash": session})


async def end_all(connection: AsyncConnection, agent_id: int, *, but: bytes = b"") -> int:
    """End all sessions of an agent, except the one under `but`. Returns how many."""
    return (await connection.execute(_END_ALL, {"agent": agent_id, "but": but})).rowcount


async def end_named(connection: AsyncConnection, agent_id: int, name: str) -> int:
    """End the session of an agent that `OpenSession.name` names. Returns how many that were."""
    return (await connection.execute(_END_NAMED, {"agent": agent_id, "name": name})).rowcount


async def open_sessions(
    connection: AsyncConnection, agent_id: int, *, idle_hours: float, current: bytes = b""
) -> list[OpenSession]:
    """The sessions of an agent that are valid now, the one used last first."""
    rows = await connection.execute(_OPEN, {"agent": agent_id, "current": current, "idle": idle_hours * 3600})
    return [OpenSession(**row._mapping) for row in rows]


async def sweep(connection: AsyncConnection) -> int:
    """Forget what has expired, sessions and single-use tokens. Returns how many."""
    return sum([(await connection.execute(statement)).rowcount for statement in (_SWEEP_SESSIONS, _SWEEP_TOKENS)])


_ANYBODY = text("SELECT EXISTS (SELECT FROM agent)")
_RECOGNISE = text(
    """
    SELECT agent.id, email, name, role, language, timezone, presence,
        ARRAY(SELECT team FROM team_member WHERE agent_id = agent.id ORDER BY team) AS teams,
        session.seen_at < now() - interval '1 minute' AS stale
    FROM agent_session AS session JOIN agent ON agent.id = session.agent_id
    WHERE token_hash = :hash AND disabled_at IS NULL
        AND session.expires_at > now() AND session.seen_at > now() - make_interval(secs => cast(:idle AS float8))
    """
)
_SEEN = text(
    """
    WITH here AS (UPDATE agent_session SET seen_at = now() WHERE token_hash = :hash)
    UPDATE agent SET last_seen_at = now() WHERE id = :agent
    """
)
_BEGIN = text(
    """
    WITH here AS (UPDATE agent SET last_seen_at = now() WHERE id = :agent)
    INSERT INTO agent_session (token_hash, agent_id, browser, address, expires_at)
    VALUES (:hash, :agent, :browser, :address, now() + make_interval(secs => cast(:days AS float8) * 86400))
    """
)
_END = text("DELETE FROM agent_session WHERE token_hash = :hash")
_END_ALL = text("DELETE FROM agent_session WHERE agent_id = :agent AND token_hash <> :but")
_END_NAMED = text("DELETE FROM agent_session WHERE agent_id = :agent AND left(encode(token_hash, 'hex'), 16) = :name")
_OPEN = text(
    """
    SELECT left(encode(token_hash, 'hex'), 16) AS name, browser, address, created_at, seen_at,
        token_hash = :current AS current
    FROM agent_session
    WHERE agent_id = :agent AND expires_at > now() AND seen_at > now() - make_interval(secs => cast(:idle AS float8))
    ORDER BY seen_at DESC
    """
)
_SWEEP_SESSIONS = text("DELETE FROM agent_session WHERE expires_at < now()")
_SWEEP_TOKENS = text("DELETE FROM agent_token WHERE expires_at < now() - interval '30 days'")
