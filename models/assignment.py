"""Who has which ticket: the loads of agents, and giving tickets to them, with a reason in each ticket's history.

Nothing stays without an owner while there is anybody to own it. Every change is a line in the ticket's history: `team`,
`level`, `assignee` (the agent's id as text), with the reason beside it. All functions work inside the caller's
transaction. They raise only what the database raises, and `place` also `NoTicketError`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.actor import Actor, step, visible
from models.choosing import PRESENT, AssignmentRules, Choice, Load, Matter, choose
from models.relay import NoTicketError

TEXTS = Path(__file__).parent.parent / "config" / "templates" / "assignment" / "texts.toml"
OFFLINE = "offline"
STEP = step("assign")
"""Who gives tickets to agents by itself."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that has an owner."""

    number: int
    agent_id: int
    agent: str
    team: str
    level: int
    reason: str
    before: int | None
    """Whose it was."""

    @property
    def handed(self) -> int:
        """1 where it went from one agent to another: a transfer."""
        return int(self.before is not None)


async def loads(connection: AsyncConnection, team: str = "") -> list[Load]:
    """Everybody who may get tickets (of `team`, where it is named), the one who would get the next one first."""
    found = [Load(**row._mapping) for row in await connection.execute(_LOADS)]
    chosen = [load for load in found if not team or team in load.teams]
    return sorted(chosen, key=lambda load: (PRESENT.index(load.presence), not load.has_room(), load.rank))


async def place_new(
    connection: AsyncConnection, rules: AssignmentRules, *, quiet_seconds: float, most: int
) -> list[Placed]:
    """Give up to `most` tickets that nobody owns to agents, the oldest first. Conversations may first fall silent."""
    rows = (await connection.execute(_UNOWNED, {"quiet": quiet_seconds, "most": most})).all()
    return await _give(connection, rules, rows, STEP) if rows else []


async def hand_over(connection: AsyncConnection, rules: AssignmentRules, *, most: int) -> list[Placed]:
    """Give tickets of those who are disabled, or away for too long, to others."""
    values = {
        "offline": rules.hand_over.offline_minutes or None,
        "urgent": rules.hand_over.urgent_minutes or None,
        "most": most,
    }
    rows = (await connection.execute(_ABANDONED, values)).all()
    return await _give(connection, rules, rows, STEP) if rows else []


async def place(connection: AsyncConnection, actor: Actor, number: int, rules: AssignmentRules) -> Placed | None:
    """Give one ticket to somebody else than who has it, by the same rules; None where there is nobody else.

    Raises `NoTicketError` where there is no such ticket that the actor may see.
    """
    condition, values = visible(actor)
    rows = (await connection.execute(text(_ONE.format(visible=condition)), {"id": number, **values})).all()
    if not rows:
        raise NoTicketError(f"there is no ticket {number}")
    placed = await _give(connection, rules, rows, actor)
    return placed[0] if placed else None


async def _give(connection: AsyncConnection, rules: AssignmentRules, rows: Sequence[Any], actor: Actor) -> list[Placed]:
    """Choose for each of the locked tickets, in order, and write it all."""
    everybody = await loads(connection)
    placed, events = [], []
    for row in rows:
        matter = Matter(**{name: value for name, value in row._mapping.items() if name != "left"})
        choice = choose(matter, [load for load in everybody if load.agent_id != matter.assignee], rules)
        if choice is None or (row.left == OFFLINE and choice.agent.presence != PRESENT[0]):
            continue  # nobody else, or nobody who is more there than who has it
        choice.agent.take(matter.number)
        reason = f"handed={row.left} {choice.reason}" if row.left else choice.reason
        placed.append(_placed(matter, choice, reason))
        events += [(matter.number, *change) for change in _changes(matter, choice, reason)]
    if placed:
        columns = {
            name: [getattr(one, name) for one in placed] for name in ("number", "agent_id", "team", "level", "handed")
        }
        await connection.execute(_GIVE, columns)
        numbers, kinds, olds, news, reasons = (list(column) for column in zip(*events, strict=True))
        values = {"numbers": numbers, "kinds": kinds, "olds": olds, "news": news, "reasons": reasons}
        await connection.execute(_EVENTS, {**values, "actor": actor.label})
    return placed


def _placed(matter: Matter, choice: Choice, reason: str) -> Placed:
    return Placed(
        number=matter.number,
        agent_id=choice.agent.agent_id,
        agent=choice.agent.name,
        team=choice.team,
        level=choice.level,
        reason=reason,
        before=matter.assignee,
    )


def _changes(matter: Matter, choice: Choice, reason: str) -> Iterator[tuple[str, str, str, str]]:
    if choice.team != matter.team:
        yield "team", matter.team, choice.team, reason
    if choice.level != matter.level:
        yield "level", str(matter.level), str(choice.level), reason
    yield "assignee", str(matter.assignee or ""), str(choice.agent.agent_id), reason


def because(reason: str, language: str) -> str:
    """A reason in words: "team billing, speaks French, 3 open". '' where there is none."""
    texts = _texts().get(language) or _texts()["en"]
    parts = []
    for part in reason.split():
        name, _, value = part.partition("=")
        shown = texts.get(f"{name}_{value}") or texts.get(name)
        if shown is not None:
            parts.append(shown.format(value=value.replace("\N{NO-BREAK SPACE}", " ")))
    return ", ".join(parts)


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(TEXTS.read_text("utf-8"))


_LOADS = text(
    """
    SELECT agent.id AS agent_id, agent.name, agent.email, presence, languages, max_level, capacity,
        ARRAY(SELECT team FROM team_member WHERE agent_id = agent.id ORDER BY team) AS teams,
        coalesce(has.open, 0) AS open, coalesce(has.waiting, 0) AS waiting, coalesce(has.newest, 0) AS newest
    FROM agent LEFT JOIN (
        SELECT assignee_id, count(*) FILTER (WHERE status <> 'waiting') AS open,
            count(*) FILTER (WHERE status = 'waiting') AS waiting, max(id) AS newest
        FROM ticket WHERE assignee_id IS NOT NULL AND status NOT IN ('resolved', 'closed') GROUP BY assignee_id
    ) AS has ON has.assignee_id = agent.id
    WHERE disabled_at IS NULL ORDER BY agent.id
    """
)
_MATTER = """ticket.id AS number, category, product, ticket.channel, ticket.language, pipeline, contact.tier, account,
        priority, perimeter, team, level, assignee_id AS assignee"""
_UNOWNED = text(
    f"""
    SELECT {_MATTER}, '' AS "left" FROM ticket JOIN contact ON contact.id = contact_id
    WHERE assignee_id IS NULL AND status NOT IN ('resolved', 'closed') AND merged_into IS NULL
      AND (conversation = '' OR ticket.created_at < now() - make_interval(secs => :quiet))
      AND EXISTS (SELECT FROM agent WHERE disabled_at IS NULL)
    ORDER BY ticket.id LIMIT :most FOR NO KEY UPDATE OF ticket SKIP LOCKED
    """
)
_ABANDONED = text(
    f"""
    SELECT {_MATTER}, CASE WHEN disabled_at IS NULL THEN presence ELSE 'disabled' END AS "left"
    FROM ticket JOIN agent ON agent.id = assignee_id JOIN contact ON contact.id = contact_id
    WHERE assignee_id IS NOT NULL AND status NOT IN ('resolved', 'closed') AND merged_into IS NULL AND (
        disabled_at IS NOT NULL
        OR (presence = 'offline' AND status <> 'waiting'
            AND EXISTS (SELECT FROM agent AS other WHERE other.presence = 'available' AND other.disabled_at IS NULL)
            AND greatest(presence_at, last_seen_at) < now() - make_interval(secs => 60 *
                CASE WHEN priority = 'urgent' THEN cast(:urgent AS float) ELSE cast(:offline AS float) END)))
    ORDER BY ticket.id LIMIT :most FOR NO KEY UPDATE OF ticket SKIP LOCKED
    """
)
_ONE = f"""
    SELECT {_MATTER}, '' AS "left" FROM ticket JOIN contact ON contact.id = contact_id
    WHERE ticket.id = :id AND {{visible}} AND merged_into IS NULL FOR NO KEY UPDATE OF ticket
    """
_GIVE = text(
    """
    UPDATE ticket SET assignee_id = given.agent, team = given.team, level = given.level, updated_at = now(),
        transfers = transfers + given.handed
    FROM unnest(cast(:number AS bigint[]), cast(:agent_id AS bigint[]), cast(:team AS text[]), cast(:level AS int[]),
        cast(:handed AS int[])) AS given (number, agent, team, level, handed)
    WHERE ticket.id = given.number
    """
)
_EVENTS = text(
    """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new, reason)
    SELECT number, :actor, kind, old, new, reason FROM unnest(
        cast(:numbers AS bigint[]), cast(:kinds AS text[]), cast(:olds AS text[]), cast(:news AS text[]),
        cast(:reasons AS text[])) AS given (number, kind, old, new, reason)
    """
)
