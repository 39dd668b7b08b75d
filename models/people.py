"""Who works here, for those who choose one: agents and teams, as names.

Enters: who asks. Leaves: plain values, by name. Agents see the names of all colleagues, since a ticket may be handed to
any of them; nothing else of them is shown. May fail: only with what the database raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MENTION = re.compile(r"(?<![\w@])@([^\W\d_][\w.-]{0,60})")


class Person(msgspec.Struct, frozen=True):
    """An agent."""

    id: int
    name: str
    presence: str

    @property
    def handle(self) -> str:
        """What stands behind an @: the name without spaces, as in @marie.dupont."""
        return ".".join(self.name.lower().split())


async def people(connection: AsyncConnection) -> Sequence[Person]:
    """Every agent who is not disabled."""
    return [Person(**row._mapping) for row in await connection.execute(_PEOPLE)]


async def teams(connection: AsyncConnection) -> Sequence[str]:
    """Every team."""
    return list((await connection.execute(_TEAMS)).scalars())


def mentioned(words: str, known: Sequence[Person]) -> list[int]:
    """Ids of those that `words` mention: by the whole name in one, or by a first name that one alone has."""
    found: dict[int, None] = {}
    for handle in _MENTION.findall(words.lower()):
        said = handle.rstrip(".-")
        whole = [one for one in known if one.handle == said]
        first = [one for one in known if one.handle.partition(".")[0] == said]
        for one in whole or (first if len(first) == 1 else ()):
            found[one.id] = None
    return list(found)


_PEOPLE = text("SELECT id, name, presence FROM agent WHERE disabled_at IS NULL ORDER BY lower(name), id LIMIT 2000")
_TEAMS = text("SELECT name FROM team ORDER BY lower(name) LIMIT 500")
