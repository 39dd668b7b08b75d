"""Proofs: what opens an account. Passwords, single-use links, who an identity provider says somebody is.

    link   made ──▶ used          within `hours`; a newer one of the same purpose voids the older ones

The database holds hashes alone. A link that was used, has expired, was never made or is empty opens nothing, and looks
the same from outside. Fails with what the database raises.
"""

from __future__ import annotations

import secrets

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import sessions
from models.access_event import note
from models.actor import Actor


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a good link opens."""

    agent_id: int
    purpose: str
    email: str
    name: str
    role: str
    language: str
    detail: str


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the door compares it with what somebody says."""

    id: int
    password_hash: str | None
    disabled: bool


async def make(
    connection: AsyncConnection, agent_id: int, purpose: str, *, hours: float, detail: str = "", token: str = ""
) -> str:
    """A link's token, 256 bits, unless `token` is given; earlier ones of that purpose open nothing any more."""
    token = token or secrets.token_urlsafe(32)
    values = {"hash": sessions.hash_of(token), "agent": agent_id, "purpose": purpose, "detail": detail, "hours": hours}
    await connection.execute(_VOID, values)
    await connection.execute(_MAKE, values)
    return token


async def look(connection: AsyncConnection, token: str, purpose: str) -> Claim | None:
    """What `token` would open, without using it up."""
    return await _claim(connection, _LOOK, token, purpose)


async def redeem(connection: AsyncConnection, token: str, purpose: str) -> Claim | None:
    """What `token` opens. It opens nothing after that, however many ask at once."""
    return await _claim(connection, _REDEEM, token, purpose)


async def void(connection: AsyncConnection, agent_id: int, purpose: str) -> None:
    """Have no link or code of that purpose open anything any more."""
    await connection.execute(_VOID, {"agent": agent_id, "purpose": purpose})


async def redeem_code(connection: AsyncConnection, said: str, agent_id: int) -> bool:
    """Use up a code of an agent's, hashed together with what it proves. Returns whether it was good."""
    values = {"hash": sessions.hash_of(said), "purpose": "telephone", "agent": agent_id}
    return bool((await connection.execute(_REDEEM_CODE, values)).rowcount)


async def _claim(connection: AsyncConnection, query: object, token: str, purpose: str) -> Claim | None:
    if not sessions.TOKEN.fullmatch(token):
        return None
    values = {"hash": sessions.hash_of(token), "purpose": purpose}
    row = (await connection.execute(query, values)).one_or_none()  # type: ignore[call-overload]
    return None if row is None else Claim(**row._mapping)


async def password_of(connection: AsyncConnection, email: str) -> Locked | None:
    """The account of an address with its hash, for comparing."""
    row = (await connection.execute(_PASSWORD_OF, {"email": email.strip()})).one_or_none()
    return None if row is None else Locked(**row._mapping)


async def hash_of_agent(connection: AsyncConnection, agent_id: int) -> str | None:
    """An agent's password hash."""
    stored: str | None = await connection.scalar(_HASH_OF, {"id": agent_id})
    return stored


async def set_password(
    connection: AsyncConnection, actor: Actor, agent_id: int, hashed: str, *, keep: bytes = b"", address: str = ""
) -> None:
    """A new password: all links for one, and all sessions but the one under `keep`, end."""
    await connection.execute(_SET_PASSWORD, {"id": agent_id, "hash": hashed})
    await connection.execute(_VOID_ALL, {"agent": agent_id})
    await sessions.end_all(connection, agent_id, but=keep)
    await note(connection, actor, agent_id, "password", address=address)


async def recognised(connection: AsyncConnection, issuer: str, subject: str) -> int | None:
    """The agent whom a provider knows as `subject`; None for nobody, or a disabled one."""
    found: int | None = await connection.scalar(_RECOGNISED, {"issuer": issuer, "subject": subject})
    return found


async def join(connection: AsyncConnection, issuer: str, subject: str, email: str) -> int | None:
    """Have the agent of a verified address be `subject` from now on, unless they are somebody there already.

    Returns the agent's id; None where there is no such agent, where they are disabled or joined to another identity.
    The caller has checked that the provider verified the address (CVE-2026-84458 was a join by an unverified one).
    """
    values = {"issuer": issuer, "subject": subject, "email": email}
    found: int | None = await connection.scalar(_JOIN, values)
    if found is not None:
        await note(connection, Actor("step", name="identity_provider"), found, "identity", new=issuer)
    return found


async def rehash(connection: AsyncConnection, agent_id: int, hashed: str) -> None:
    """The same password, hashed at today's cost."""
    await connection.execute(_SET_PASSWORD, {"id": agent_id, "hash": hashed})


_LIVE = "used = false AND expires_at > now() AND token_hash = :hash AND purpose = :purpose"
_CLAIMED = "agent.id AS agent_id, purpose, email, name, role, language, detail"
_VOID = text("UPDATE agent_token SET used = true WHERE agent_id = :agent AND purpose = :purpose AND NOT used")
_VOID_ALL = text("UPDATE agent_token SET used = true WHERE agent_id = :agent AND purpose <> 'telephone' AND NOT used")
_MAKE = text(
    """
    INSERT INTO agent_token (token_hash, purpose, agent_id, detail, expires_at)
    VALUES (:hash, :purpose, :agent, :detail, now() + make_interval(secs => cast(:hours AS float8) * 3600))
    ON CONFLICT (token_hash) DO UPDATE SET used = false, expires_at = excluded.expires_at -- a code that is drawn again
    """
)
_LOOK = text(
    f"""
    SELECT {_CLAIMED} FROM agent_token JOIN agent ON agent.id = agent_id WHERE {_LIVE} AND disabled_at IS NULL
    """
)
_REDEEM = text(
    f"""
    UPDATE agent_token SET used = true FROM agent
    WHERE agent.id = agent_id AND {_LIVE} AND disabled_at IS NULL RETURNING {_CLAIMED}
    """
)
_REDEEM_CODE = text(f"UPDATE agent_token SET used = true WHERE {_LIVE} AND agent_id = :agent")
_PASSWORD_OF = text(
    "SELECT id, password_hash, disabled_at IS NOT NULL AS disabled FROM agent WHERE lower(email) = lower(:email)"
)
_RECOGNISED = text(
    """
    SELECT id FROM agent
    WHERE oidc_issuer = :issuer AND oidc_subject = :subject AND oidc_subject <> '' AND disabled_at IS NULL
    """
)
_JOIN = text(
    """
    UPDATE agent SET oidc_issuer = :issuer, oidc_subject = :subject
    WHERE lower(email) = lower(:email) AND oidc_subject = '' AND disabled_at IS NULL RETURNING id
    """
)
_HASH_OF = text("SELECT password_hash FROM agent WHERE id = :id")
_SET_PASSWORD = text("UPDATE agent SET password_hash = :hash WHERE id = :id")
