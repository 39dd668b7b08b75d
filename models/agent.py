"""Who works here: agents, the teams that they belong to, their sessions, and the tokens that prove who they are.

    invited ──(sets a password, or signs in by OIDC)──▶ active ⇄ disabled
    role      agent: the tickets of their teams, and those of no team · supervisor, administrator: all tickets
    presence  available → away → offline: who gets new tickets
    token     made → used, or expired; only its SHA-256 is stored, and it opens one thing once

A ticket names its team by the team's name and its agent by `assignee_id`.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, LargeBinary, SmallInteger, text
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, key, link, moment, one_of, words, words_list

ROLES = ("agent", "supervisor", "administrator")
PRESENCES = ("available", "away", "offline")
TOKEN_PURPOSES = ("invitation", "reset", "telephone")


class Agent(SQLModel, table=True):
    """Somebody who answers customers, or watches over those who do."""

    __tablename__: ClassVar[str] = "agent"
    __table_args__ = (
        one_of("role", ROLES),
        one_of("presence", PRESENCES),
        one_of("max_level", (1, 2, 3)),
        Index("agent_email", text("lower(email)"), unique=True),
        Index(
            "agent_telephone",
            "telephone",
            unique=True,
            postgresql_where=text("telephone <> '' AND telephone_verified_at IS NOT NULL"),
        ),
        Index("agent_subject", "oidc_issuer", "oidc_subject", unique=True, postgresql_where=text("oidc_subject <> ''")),
    )

    id: int = key()
    email: str = words()
    """Where they are written to, and what they sign in with."""
    name: str = words()
    """As customers and colleagues read it."""
    role: str = words("agent")
    password_hash: str | None = Field(default=None)
    """Argon2id; NULL while there is none: then no password fits."""
    oidc_issuer: str = words()
    oidc_subject: str = words()
    """Who they are there (OpenID Connect `iss` and `sub`)."""
    language: str = words()
    """Of the pages and mails that they get; '': the installation's."""
    languages: list[str] = words_list()
    """Those that they answer customers in; none: any."""
    timezone: str = words("Europe/Paris")
    max_level: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False, server_default="1"))
    """The highest support level whose tickets they take."""
    capacity: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    """Most unresolved tickets that are assigned to them without being asked; 0: no limit."""
    presence: str = words("offline")
    presence_at: Moment = moment(now=True)
    """Since when."""
    notify_channel: str = words()
    """The channel that tells them of work; '': none, they look at the console."""
    telephone: str = words()
    """E.164 of their own telephone."""
    telephone_verified_at: Moment = moment(nullable=True)
    quiet_hours: str = words()
    """HH:MM-HH:MM in their time zone, in which nothing but what is urgent is told; '': none."""
    last_seen_at: Moment = moment(nullable=True)
    disabled_at: Moment = moment(nullable=True)
    created_at: Moment = moment(now=True)


class Team(SQLModel, table=True):
    """Agents who share tickets."""

    __tablename__: ClassVar[str] = "team"

    name: str = Field(primary_key=True)
    """What tickets name it by."""
    created_at: Moment = moment(now=True)


class TeamMember(SQLModel, table=True):
    """An agent in a team."""

    __tablename__: ClassVar[str] = "team_member"
    __table_args__ = (Index("team_member_agent", "agent_id"),)

    team: str = Field(primary_key=True, foreign_key="team.name", ondelete="CASCADE")
    agent_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )


class AgentSession(SQLModel, table=True):
    """A browser in which an agent is signed in."""

    __tablename__: ClassVar[str] = "agent_session"
    __table_args__ = (Index("agent_session_agent", "agent_id"), Index("agent_session_expiry", "expires_at"))

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    """SHA-256 of the cookie's value."""
    agent_id: int = link("agent.id", nullable=False, delete="CASCADE")
    browser: str = words()
    """What the browser calls itself, for the list of one's sessions."""
    address: str = words()
    created_at: Moment = moment(now=True)
    seen_at: Moment = moment(now=True)
    expires_at: Moment = moment()


class AgentToken(SQLModel, table=True):
    """A single-use token: an invitation, a new password, the proof of a telephone number."""

    __tablename__: ClassVar[str] = "agent_token"
    __table_args__ = (one_of("purpose", TOKEN_PURPOSES), Index("agent_token_agent", "agent_id"))

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    purpose: str = words("invitation")
    agent_id: int = link("agent.id", nullable=False, delete="CASCADE")
    detail: str = words()
    """What it proves, where that is more than who: the telephone number."""
    used: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    created_at: Moment = moment(now=True)
    expires_at: Moment = moment()
