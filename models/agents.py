"""What may be done to an agent's access, and by whom it was done.

Enters: an open connection, the actor, the agent. Leaves: the changed rows and a line in the history of access, in the
caller's transaction. Who may do it to others is asked by the door (`administration`); here stands what nobody may:
`LastAdministrator` where nobody would be left to let others in, `Taken` for an address that is another agent's,
`NoAgent`, `NoTeam`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import sessions
from models.access_event import note
from models.actor import Actor
from models.agent import ROLES

COMMAND_LINE = Actor("program", name="guichet", role="administrator")
"""Who acts by the command line: whoever reaches the database may do all."""


class NoAgent(LookupError):
    """There is no such agent."""


class NoTeam(LookupError):
    """There is no such team."""


class Taken(ValueError):
    """The e-mail address is another agent's."""


class LastAdministrator(ValueError):
    """Nobody would be left who could let others in."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as their administrator and they themselves see them. No secrets."""

    id: int
    email: str
    name: str
    role: str
    teams: tuple[str, ...]
    state: str
    """invited, active or disabled."""
    presence: str
    language: str
    languages: tuple[str, ...]
    timezone: str
    max_level: int
    capacity: int
    notify_channel: str
    telephone: str
    telephone_verified: bool
    quiet_hours: str
    has_password: bool
    oidc_issuer: str
    last_seen_at: datetime | None
    created_at: datetime


async def accounts(connection: AsyncConnection) -> list[Account]:
    """All agents, by name; the disabled ones at the end."""
    rows = await connection.execute(text(f"{_ACCOUNT} ORDER BY disabled_at IS NOT NULL, lower(name), id"))
    return [_account(row) for row in rows]


async def account(connection: AsyncConnection, agent_id: int) -> Account:
    """One agent. Raises `NoAgent`."""
    row = (await connection.execute(text(f"{_ACCOUNT} WHERE agent.id = :id"), {"id": agent_id})).one_or_none()
    if row is None:
        raise NoAgent(f"there is no agent {agent_id}")
    return _account(row)


async def by_email(connection: AsyncConnection, email: str) -> Account:
    """The agent of an e-mail address. Raises `NoAgent`."""
    query = text(f"{_ACCOUNT} WHERE lower(email) = lower(:email)")
    row = (await connection.execute(query, {"email": email.strip()})).one_or_none()
    if row is None:
        raise NoAgent(f"there is no agent {email}")
    return _account(row)


def _account(row: object) -> Account:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    return Account(**values | {"teams": tuple(values["teams"]), "languages": tuple(values["languages"])})


async def add(
    connection: AsyncConnection,
    actor: Actor,
    email: str,
    name: str,
    *,
    role: str = "agent",
    teams: Sequence[str] = (),
    language: str = "",
) -> int:
    """Make an agent, who has no password yet. Missing teams are made. Returns the id; raises `Taken`."""
    await _one_at_a_time(connection)
    values = {"email": email.strip(), "name": name.strip() or email.partition("@")[0], "role": _role(role)}
    made = await connection.scalar(_ADD, values | {"language": language})
    if made is None:
        raise Taken(f"{email} is an agent's address already")
    await note(connection, actor, made, "invited", new=role)
    if teams:
        await set_teams(connection, actor, made, teams, make=True)
    return int(made)


async def set_role(connection: AsyncConnection, actor: Actor, agent_id: int, role: str, *, address: str = "") -> bool:
    """Change a role. Returns whether it was another one; raises `LastAdministrator`."""
    await _one_at_a_time(connection)
    old = (await account(connection, agent_id)).role
    if old == _role(role):
        return False
    await connection.execute(_ROLE, {"id": agent_id, "role": role})
    await _somebody_is_left(connection)
    await note(connection, actor, agent_id, "role", old, role, address=address)
    return True


async def set_teams(
    connection: AsyncConnection,
    actor: Actor,
    agent_id: int,
    teams: Sequence[str],
    *,
    make: bool = False,
    address: str = "",
) -> bool:
    """Put an agent into exactly these teams. Returns whether that changed anything; raises `NoTeam` unless `make`."""
    wanted = sorted({team.strip() for team in teams if team.strip()})
    if make:
        for team in wanted:
            await add_team(connection, team)
    if missing := set(wanted) - set(await team_names(connection)):
        raise NoTeam(f"there is no team {min(missing)}")
    old = (await account(connection, agent_id)).teams
    if list(old) == wanted:
        return False
    await connection.execute(_LEAVE_TEAMS, {"id": agent_id})
    await connection.execute(_JOIN_TEAMS, {"id": agent_id, "teams": wanted})
    await note(connection, actor, agent_id, "teams", ", ".join(old), ", ".join(wanted), address=address)
    return True


async def set_work(
    connection: AsyncConnection,
    actor: Actor,
    agent_id: int,
    *,
    languages: Sequence[str],
    max_level: int,
    capacity: int,
    address: str = "",
) -> bool:
    """Say which tickets an agent takes: languages (none: any), highest level, most at once (0: no limit)."""
    old = await account(connection, agent_id)
    values = {"id": agent_id, "languages": sorted(set(languages)), "level": max_level, "capacity": capacity}
    if (sorted(old.languages), old.max_level, old.capacity) == (values["languages"], max_level, capacity):
        return False
    await connection.execute(_WORK, values)
    before = f"{','.join(old.languages)} {old.max_level} {old.capacity}"
    after = f"{','.join(sorted(set(languages)))} {max_level} {capacity}"
    await note(connection, actor, agent_id, "work", before.strip(), after.strip(), address=address)
    return True


async def disable(connection: AsyncConnection, actor: Actor, agent_id: int, *, address: str = "") -> bool:
    """Shut an agent out, at once: sessions and links end. Returns whether they were in; raises `LastAdministrator`."""
    await _one_at_a_time(connection)
    await account(connection, agent_id)
    if not (await connection.execute(_DISABLE, {"id": agent_id})).rowcount:
        return False
    await _somebody_is_left(connection)
    await sessions.end_all(connection, agent_id)
    await connection.execute(_VOID_TOKENS, {"id": agent_id})
    await note(connection, actor, agent_id, "disabled", address=address)
    return True


async def enable(connection: AsyncConnection, actor: Actor, agent_id: int, *, address: str = "") -> bool:
    """Let a disabled agent in again. Returns whether they were disabled."""
    await account(connection, agent_id)
    if not (await connection.execute(_ENABLE, {"id": agent_id})).rowcount:
        return False
    await note(connection, actor, agent_id, "enabled", address=address)
    return True


async def add_team(connection: AsyncConnection, name: str) -> bool:
    """Make a team. Returns whether it is new."""
    return bool((await connection.execute(_ADD_TEAM, {"name": name.strip()})).rowcount)


async def team_names(connection: AsyncConnection) -> list[str]:
    """All teams, by name."""
    return list((await connection.execute(_TEAMS)).scalars())


async def set_presence(connection: AsyncConnection, agent_id: int, presence: str) -> bool:
    """Say whether an agent takes new tickets. Returns whether that is new."""
    return bool((await connection.execute(_PRESENCE, {"id": agent_id, "presence": presence})).rowcount)


def _role(role: str) -> str:
    if role not in ROLES:
        raise ValueError(f"there is no role {role}: {', '.join(ROLES)}")
    return role


async def _one_at_a_time(connection: AsyncConnection) -> None:
    """Changes of access wait for each other, so that two cannot each remove the other of two administrators."""
    await connection.execute(_LOCK)


async def _somebody_is_left(connection: AsyncConnection) -> None:
    if not await connection.scalar(_ADMINISTRATOR_LEFT):
        raise LastAdministrator("somebody must be left who can let others in")


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('guichet access', 0))")
_ACCOUNT = """
    SELECT agent.id, email, name, role, presence, language, languages, timezone, max_level, capacity, notify_channel,
        telephone, telephone_verified_at IS NOT NULL AS telephone_verified, quiet_hours,
        password_hash IS NOT NULL AS has_password, oidc_issuer, last_seen_at, created_at,
        CASE WHEN disabled_at IS NOT NULL THEN 'disabled'
            WHEN password_hash IS NULL AND oidc_subject = '' THEN 'invited' ELSE 'active' END AS state,
        ARRAY(SELECT team FROM team_member WHERE agent_id = agent.id ORDER BY team) AS teams
    FROM agent
"""
_ADD = text(
    """
    INSERT INTO agent (email, name, role, language) VALUES (:email, :name, :role, :language)
    ON CONFLICT (lower(email)) DO NOTHING RETURNING id
    """
)
_ROLE = text("UPDATE agent SET role = :role WHERE id = :id")
_DISABLE = text(
    """
    UPDATE agent SET disabled_at = now(), presence = 'offline', presence_at = now()
    WHERE id = :id AND disabled_at IS NULL
    """
)
_ENABLE = text("UPDATE agent SET disabled_at = NULL WHERE id = :id AND disabled_at IS NOT NULL")
_WORK = text("UPDATE agent SET languages = :languages, max_level = :level, capacity = :capacity WHERE id = :id")
_VOID_TOKENS = text("UPDATE agent_token SET used = true WHERE agent_id = :id AND NOT used")
_ADMINISTRATOR_LEFT = text("SELECT EXISTS (SELECT FROM agent WHERE role = 'administrator' AND disabled_at IS NULL)")
_ADD_TEAM = text("INSERT INTO team (name) VALUES (:name) ON CONFLICT DO NOTHING")
_TEAMS = text("SELECT name FROM team ORDER BY lower(name), name")
_LEAVE_TEAMS = text("DELETE FROM team_member WHERE agent_id = :id")
_JOIN_TEAMS = text("INSERT INTO team_member (team, agent_id) SELECT unnest(cast(:teams AS text[])), :id")
_PRESENCE = text("UPDATE agent SET presence = :presence, presence_at = now() WHERE id = :id AND presence <> :presence")
