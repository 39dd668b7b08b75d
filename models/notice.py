"""What agents are told of: each thing once, on the channel that they chose.

    something happens ──collect──▶ owed (told_at NULL) ──due, and told in the outbox──▶ told

What happened is read from the tickets' history, from messages and mentions, up to a mark. Ids are drawn before their
rows are committed, so a mark must not pass a row that is still to come: it moves to the highest id that was seen, once
every transaction that ran at that moment has ended. What is seen twice meanwhile is owed once (unique agent, source).

All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.actor import Actor, visible
from models.columns import Moment, key, link, moment, words

KEPT_DAYS = 7
"""So long is remembered what was told; by then its source lies far behind the mark."""
LOCK = 0x6775_6963_6813
"""Advisory lock: one worker collects at a time."""


class AgentNotice(SQLModel, table=True):
    """Something that one agent is told of."""

    __tablename__: ClassVar[str] = "agent_notice"
    __table_args__ = (
        UniqueConstraint("agent_id", "source", name="agent_notice_source"),
        Index("agent_notice_owed", "id", postgresql_where=text("told_at IS NULL")),
        Index("agent_notice_at", "at"),
    )

    id: int = key()
    agent_id: int = link("agent.id", nullable=False, delete="CASCADE")
    ticket_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    source: str = words()
    """event:…, message:…, mention:…, answer:…: what it is about."""
    kind: str = words()
    """assigned, replied, mentioned …: a key of the texts; answer, code, forged: what became of what they wrote."""
    detail: str = words()
    urgent: bool = False
    """Told in quiet hours too."""
    at: Moment = moment(now=True)
    told_at: Moment = moment(nullable=True)


class NoticeMark(SQLModel, table=True):
    """Up to which row what happened has been read."""

    __tablename__: ClassVar[str] = "notice_mark"

    source: str = Field(sa_column=Column(Text, primary_key=True))
    done: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """All up to this id has been read."""
    seen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """The highest id that was there at some moment …"""
    running: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """… in which no transaction from this number on had begun."""


class AgentQuestion(SQLModel, table=True):
    """Words of an agent that wait for the answer to "which ticket?"."""

    __tablename__: ClassVar[str] = "agent_question"

    agent_id: int = link("agent.id", nullable=False, delete="CASCADE")
    lane: str = Field(sa_column=Column(Text, primary_key=True))
    """`channel:address` of the agent's line."""
    messages: str = words()
    """Where the words and files are kept: messages of no ticket, in order, with spaces between."""
    tickets: str = words()
    """The numbers that were offered, in order, with spaces between."""
    asked_at: Moment = moment(now=True)


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """All that one agent is owed of one ticket, and who they are."""

    ids: Sequence[int]
    kinds: Sequence[str]
    details: Sequence[str]
    urgent: bool
    ticket_id: int | None
    agent_id: int
    first: int
    """The oldest of `ids`."""


async def collect(connection: AsyncConnection) -> int:
    """Note what is owed since the last look. Returns how many things; -1 where another worker is at it."""
    if not await connection.scalar(_LOCK, {"lock": LOCK}):
        return -1
    found = 0
    for source, statements in _SOURCES.items():
        mark: Any = (await connection.execute(_MARK[source])).one_or_none()
        if mark is None:  # nobody is told of what happened before there was anybody to tell
            await connection.execute(_BEGIN[source])
            continue
        if mark.newest > mark.done:
            for statement in statements:
                found += (await connection.execute(statement, {"done": mark.done})).rowcount
        if mark.newest > mark.done or mark.seen > mark.done:
            await connection.execute(_MOVE, {"source": source, "newest": mark.newest})
    for statement in (_MENTIONED, _SURGE):
        found += (await connection.execute(statement)).rowcount
    return found


async def owing(connection: AsyncConnection) -> list[int]:
    """The agents to whom anything is owed."""
    return [row.agent_id for row in await connection.execute(_OWING)]


async def owed(connection: AsyncConnection, quiet: Sequence[int], *, most: int) -> list[Owed]:
    """What is owed and nobody else is telling now, by agent and ticket, oldest first. Locks it.

    `quiet`: agents who are told of nothing but what is urgent.
    """
    rows = await connection.execute(_OWED, {"most": most, "quiet": list(quiet)})
    return [Owed(**row._mapping) for row in rows]


async def told(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Note that these were told, or need not be any more."""
    await connection.execute(_TOLD, {"ids": list(ids)})


async def record(
    connection: AsyncConnection, agent_id: int, ticket_id: int | None, *, source: str, kind: str, detail: str = ""
) -> bool:
    """Note that something is told at once. False where that had been noted before."""
    values = {"agent": agent_id, "ticket": ticket_id, "source": source, "kind": kind, "detail": detail[:500]}
    return (await connection.execute(_RECORD, values)).rowcount > 0


async def lately(connection: AsyncConnection, agent_id: int, kind: str) -> int:
    """How many things of that kind were noted for the agent in the last hour."""
    return int(await connection.scalar(_LATELY, {"agent": agent_id, "kind": kind}) or 0)


async def forget(connection: AsyncConnection) -> None:
    """Drop what was told long ago."""
    await connection.execute(_FORGET, {"days": KEPT_DAYS})


async def offered(connection: AsyncConnection, actor: Actor, *, most: int) -> list[Any]:
    """The unresolved tickets that an agent may mean: id, subject, contact; those they were told of lately first."""
    condition, values = visible(actor)
    statement = text(_OFFERED.format(visible=condition))
    return list(await connection.execute(statement, {"agent": actor.id, "most": most, **values}))


class Question(msgspec.Struct, frozen=True):
    """What waits for its ticket."""

    messages: tuple[int, ...]
    tickets: tuple[int, ...]


async def question(connection: AsyncConnection, lane: str, agent_id: int, *, minutes: float) -> Question | None:
    """What waits on that line and is not too old. Locks it."""
    values = {"lane": lane, "agent": agent_id, "minutes": minutes}
    row: Any = (await connection.execute(_QUESTION, values)).one_or_none()
    return Question(_numbers(row.messages), _numbers(row.tickets)) if row else None


async def ask(
    connection: AsyncConnection, lane: str, agent_id: int, messages: Sequence[int], tickets: Sequence[int]
) -> None:
    """Let words wait for their ticket, in the place of those that waited on that line before."""
    shown = {"messages": " ".join(map(str, messages)), "tickets": " ".join(map(str, tickets))}
    await connection.execute(_ASK, {"lane": lane, "agent": agent_id, **shown})


async def answered(connection: AsyncConnection, lane: str) -> None:
    """Nothing waits on that line any more."""
    await connection.execute(_ANSWERED, {"lane": lane})


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")
_TABLES = {"event": "ticket_event", "message": "message"}
_MARK = {
    source: text(
        f"SELECT done, seen, (SELECT coalesce(max(id), 0) FROM {table}) AS newest"
        f" FROM notice_mark WHERE source = '{source}'"
    )
    for source, table in _TABLES.items()
}
_BEGIN = {
    source: text(
        f"INSERT INTO notice_mark (source, done, seen)"
        f" SELECT '{source}', newest, newest FROM (SELECT coalesce(max(id), 0) AS newest FROM {table}) AS now"
        " ON CONFLICT (source) DO NOTHING"
    )
    for source, table in _TABLES.items()
}
# Every transaction below the snapshot's lower end has ended: whatever it inserted is there, or never will be.
_MOVE = text(
    """
    UPDATE notice_mark SET
        done = CASE WHEN ended THEN seen ELSE done END,
        seen = CASE WHEN ended THEN cast(:newest AS bigint) ELSE seen END,
        running = CASE WHEN ended THEN pg_snapshot_xmax(pg_current_snapshot())::text::bigint ELSE running END
    FROM (
        SELECT source, running <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS ended FROM notice_mark
    ) AS before
    WHERE notice_mark.source = :source AND before.source = notice_mark.source
    """
)
_AGENT = "agent.disabled_at IS NULL AND agent.notify_channel <> ''"
_INSERT = "INSERT INTO agent_notice (agent_id, ticket_id, source, kind, detail, urgent)"
_ONCE = "ON CONFLICT (agent_id, source) DO NOTHING"
_ASSIGNED = text(
    f"""
    {_INSERT}
    SELECT agent.id, event.ticket_id, 'event:' || event.id, 'assigned', event.actor, false
    FROM ticket_event AS event
    JOIN agent ON event.new = agent.id::text OR event.new = 'agent:' || agent.id
    WHERE event.id > :done AND event.kind = 'assignee' AND event.actor <> 'agent:' || agent.id AND {_AGENT}
    {_ONCE}
    """
)
_CLOCK = text(
    f"""
    {_INSERT}
    SELECT agent.id, ticket.id, 'event:' || event.id,
        CASE event.kind WHEN 'commitment_breach' THEN 'breach' WHEN 'commitment_warning' THEN 'warning' ELSE event.kind
        END, concat_ws(' ', event.old, event.new), event.kind LIKE 'commitment%'
    FROM ticket_event AS event
    JOIN ticket ON ticket.id = event.ticket_id
    JOIN agent ON agent.id = ticket.assignee_id
    WHERE event.id > :done AND event.kind IN ('commitment_warning', 'commitment_breach', 'incident', 'inactive')
      AND (event.new <> '' OR event.kind LIKE 'commitment%')
      AND event.actor <> 'agent:' || agent.id AND ticket.status NOT IN ('resolved', 'closed') AND {_AGENT}
    {_ONCE}
    """
)
_UNDELIVERED = text(
    f"""
    {_INSERT}
    SELECT DISTINCT agent.id, message.ticket_id, 'event:' || event.id, 'undelivered', message.delivery_detail, true
    FROM ticket_event AS event
    JOIN message ON message.ticket_id = event.ticket_id AND message.direction = 'out'
        AND message.sender LIKE 'agent:%' AND message.delivery IN ('failed', 'unknown')
    JOIN agent ON message.sender = 'agent:' || agent.id
    WHERE event.id > :done AND event.kind = 'delivery' AND event.new IN ('failed', 'unknown') AND {_AGENT}
      AND message.id = (
        SELECT max(id) FROM message AS newest
        WHERE newest.ticket_id = event.ticket_id AND newest.direction = 'out' AND newest.delivery = event.new)
    {_ONCE}
    """
)
# What stood in the ticket when it was assigned is told with the assignment.
_REPLIED = text(
    f"""
    {_INSERT}
    SELECT agent.id, ticket.id, 'message:' || message.id, 'replied', '', false
    FROM message
    JOIN ticket ON ticket.id = message.ticket_id
    JOIN agent ON agent.id = ticket.assignee_id
    WHERE message.id > :done AND message.direction = 'in' AND {_AGENT}
      AND message.created_at > (
        SELECT coalesce(max(event.at), '-infinity') FROM ticket_event AS event
        WHERE event.ticket_id = ticket.id AND event.kind = 'assignee'
          AND event.new IN (agent.id::text, 'agent:' || agent.id))
      AND EXISTS (SELECT FROM message AS before WHERE before.ticket_id = ticket.id AND before.id < message.id)
    {_ONCE}
    """
)
_MENTIONED = text(
    f"""
    WITH named AS (
        UPDATE mention SET told_at = now() WHERE told_at IS NULL RETURNING message_id, agent_id
    )
    {_INSERT}
    SELECT agent.id, message.ticket_id, 'mention:' || message.id, 'mentioned', message.sender, false
    FROM named JOIN message ON message.id = named.message_id JOIN agent ON agent.id = named.agent_id
    WHERE message.sender <> 'agent:' || agent.id AND {_AGENT}
    {_ONCE}
    """
)
_WATCHING = f"agent.role IN ('supervisor', 'administrator') AND {_AGENT}"
_UNASSIGNED = text(
    f"""
    {_INSERT}
    SELECT agent.id, event.ticket_id, 'event:' || event.id, 'unassigned', '', false
    FROM ticket_event AS event JOIN agent ON {_WATCHING}
    WHERE event.id > :done AND event.kind = 'unassigned'
    {_ONCE}
    """
)
_SURGE = text(
    f"""
    WITH raised AS (UPDATE incident SET told_at = now() WHERE told_at IS NULL RETURNING id, subject, category)
    {_INSERT}
    SELECT agent.id, NULL, 'incident:' || raised.id, 'surge', coalesce(nullif(raised.subject, ''), raised.category),
        true
    FROM raised JOIN agent ON {_WATCHING}
    {_ONCE}
    """
)
_SOURCES = {"event": (_ASSIGNED, _CLOCK, _UNDELIVERED, _UNASSIGNED), "message": (_REPLIED,)}
_OWING = text("SELECT DISTINCT agent_id FROM agent_notice WHERE told_at IS NULL")
_OWED = text(
    """
    WITH untold AS MATERIALIZED (
        SELECT id, agent_id, ticket_id, kind, detail, urgent FROM agent_notice
        WHERE told_at IS NULL AND (urgent OR agent_id <> ALL(:quiet))
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    SELECT array_agg(id ORDER BY id) AS ids, array_agg(kind ORDER BY id) AS kinds,
        array_agg(detail ORDER BY id) AS details, bool_or(urgent) AS urgent, ticket_id, agent_id, min(id) AS first
    FROM untold GROUP BY ticket_id, agent_id ORDER BY first
    """
)
_TOLD = text("UPDATE agent_notice SET told_at = now() WHERE id = ANY(:ids)")
_RECORD = text(
    """
    INSERT INTO agent_notice (agent_id, ticket_id, source, kind, detail, urgent, told_at)
    VALUES (:agent, :ticket, :source, :kind, :detail, true, now()) ON CONFLICT (agent_id, source) DO NOTHING
    """
)
_LATELY = text(
    "SELECT count(*) FROM agent_notice WHERE agent_id = :agent AND kind = :kind AND at > now() - interval '1 hour'"
)
_FORGET = text("DELETE FROM agent_notice WHERE at < now() - make_interval(days => :days) AND told_at IS NOT NULL")
_OFFERED = """
    SELECT ticket.id, ticket.subject, contact.name AS contact, ticket.answer_address, max(notice.at) AS told
    FROM ticket JOIN contact ON contact.id = ticket.contact_id
    LEFT JOIN agent_notice AS notice ON notice.ticket_id = ticket.id AND notice.agent_id = :agent
    WHERE (ticket.assignee_id = :agent OR notice.id IS NOT NULL) AND ticket.merged_into IS NULL
      AND ticket.status NOT IN ('resolved', 'closed') AND {visible}
    GROUP BY ticket.id, contact.name ORDER BY told DESC NULLS LAST, ticket.updated_at DESC LIMIT :most
"""
_QUESTION = text(
    """
    SELECT messages, tickets FROM agent_question
    WHERE lane = :lane AND agent_id = :agent AND asked_at > now() - make_interval(secs => 60 * :minutes) FOR UPDATE
    """
)
_ASK = text(
    """
    INSERT INTO agent_question (lane, agent_id, messages, tickets) VALUES (:lane, :agent, :messages, :tickets)
    ON CONFLICT (lane) DO UPDATE SET agent_id = excluded.agent_id, messages = excluded.messages,
        tickets = excluded.tickets, asked_at = now()
    """
)
_ANSWERED = text("DELETE FROM agent_question WHERE lane = :lane")
