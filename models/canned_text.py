"""Canned texts: what is answered often, in each language, with places for what differs.

Enters: who asks, a name, words with `{name}`-like places. Leaves: texts, filled in. A text belongs to a team, or to
everybody; agents use those of their teams, and only supervisors change them. May fail: only with what the database
raises.

Places: {customer} {number} {subject} {agent}. What is none of these stays as it is, braces included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import Index, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from models.actor import Actor
from models.columns import Moment, key, moment, words

PLACES = ("customer", "number", "subject", "agent")
LONGEST_NAME, LONGEST = 80, 10_000
_PLACE = re.compile(r"\{(" + "|".join(PLACES) + r")\}")


class CannedText(SQLModel, table=True):
    """One text in one language."""

    __tablename__: ClassVar[str] = "canned_text"
    __table_args__ = (Index("canned_text_name", "team", "name", "language", unique=True),)

    id: int = key()
    name: str = words()
    language: str = words()
    team: str = words()
    """'': everybody's."""
    content: str = words()
    updated_by: str = words()
    updated_at: Moment = moment(now=True)


class Canned(msgspec.Struct, frozen=True):
    """One text."""

    id: int
    name: str
    language: str
    team: str
    content: str


async def texts(connection: AsyncConnection, actor: Actor, *, language: str = "") -> Sequence[Canned]:
    """Those that the actor may use; with `language`, those of that language first."""
    values = {"all": actor.may("all_tickets"), "teams": list(actor.teams), "language": language}
    return [Canned(**row._mapping) for row in await connection.execute(_TEXTS, values)]


async def save(connection: AsyncConnection, actor: Actor, canned: Canned) -> bool:
    """Write a text, new where its id is 0. False where the actor may not, or there is no such text."""
    if not actor.may("all_tickets") or not canned.name or not canned.content:
        return False
    values = msgspec.to_builtins(canned) | {
        "name": canned.name[:LONGEST_NAME],
        "content": canned.content[:LONGEST],
        "actor": actor.label,
    }
    return bool((await connection.execute(_UPDATE if canned.id else _INSERT, values)).rowcount)


async def drop(connection: AsyncConnection, actor: Actor, text_id: int) -> bool:
    """Delete a text."""
    if not actor.may("all_tickets"):
        return False
    return bool((await connection.execute(_DROP, {"id": text_id})).rowcount)


def filled(words: str, values: Mapping[str, str]) -> str:
    """`words` with their places filled in, in one pass: what a customer is called cannot name another place."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), words)


_TEXTS = text(
    """
    SELECT id, name, language, team, content FROM canned_text
    WHERE team = '' OR :all OR team = ANY(cast(:teams AS text[]))
    ORDER BY language <> :language, lower(name), team, id LIMIT 500
    """
)
_UPDATE = text(
    """
    UPDATE canned_text SET name = :name, language = :language, team = :team, content = :content, updated_by = :actor,
        updated_at = now()
    WHERE id = :id
    """
)
_INSERT = text(
    """
    INSERT INTO canned_text (name, language, team, content, updated_by)
    VALUES (:name, :language, :team, :content, :actor) ON CONFLICT (team, name, language) DO UPDATE
    SET content = excluded.content, updated_by = excluded.updated_by, updated_at = now()
    """
)
_DROP = text("DELETE FROM canned_text WHERE id = :id")
