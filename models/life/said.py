"""Notes among colleagues, tickets that are put off, tickets that have to do with each other.

Every function works inside the caller's transaction on tickets that the actor may see. May fail: `Refusal`, or what the
database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.actor import Actor
from models.columns import Moment, moment, one_of, words
from models.envelope import AttachedFile
from models.life.cycle import ENDED
from models.life.refusals import NotAllowed
from models.life.row import Change, Done, keys, lock, lock_one, merged, note, shown

LINKS = ("related", "duplicate", "parent", "split")
LONGEST_SNOOZE = timedelta(days=366)
MOST_MENTIONS = 50
LONGEST_NOTE = 100_000


class Mention(SQLModel, table=True):
    """An agent who was named in a note, and is to be told."""

    __tablename__: ClassVar[str] = "mention"
    __table_args__ = (
        Index("mention_untold", "message_id", postgresql_where=text("told_at IS NULL")),
        Index("mention_agent", "agent_id"),
    )

    message_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    agent_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    told_at: Moment = moment(nullable=True)
    created_at: Moment = moment(now=True)


class TicketLink(SQLModel, table=True):
    """Two tickets that have to do with each other. Of `related` and `duplicate` the lower number comes first."""

    __tablename__: ClassVar[str] = "ticket_link"
    __table_args__ = (
        one_of("kind", LINKS),
        Index("ticket_link_other", "other_id"),
        Index("ticket_link_parent", "ticket_id", unique=True, postgresql_where=text("kind = 'parent'")),
    )

    ticket_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("ticket.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
        )
    )
    other_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("ticket.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
        )
    )
    """Of `parent`: the parent. Of `split`: the ticket that `ticket_id` was taken out of."""
    kind: str = words("related")
    created_at: Moment = moment(now=True)


async def add_note(
    connection: AsyncConnection,
    actor: Actor,
    number: int,
    words: str,
    *,
    html: str = "",
    mentions: Sequence[int] = (),
    files: Sequence[AttachedFile] = (),
    once: str = "",
) -> int:
    """Add a note, which no customer ever sees. Returns the message's id; the first one's, for what comes twice."""
    ticket = await lock_one(connection, actor, number, follow=True)
    if not words.strip() and not files:
        raise NotAllowed("empty", "There is nothing to note.")
    if len(words) > LONGEST_NOTE:
        raise NotAllowed("too_long", f"A note has at most {LONGEST_NOTE} letters.")
    named = list(dict.fromkeys(mentions))
    if len(named) > MOST_MENTIONS:
        raise NotAllowed("too_many_mentions", f"At most {MOST_MENTIONS} colleagues are named in a note.")
    external = f"note:{once}" if once else ""
    if once and (earlier := await connection.scalar(_EARLIER, {"ticket": ticket.id, "external": external})):
        return int(earlier)
    values = {"ticket": ticket.id, "team": ticket.team, "assignee": ticket.assignee_id, "agents": named}
    able = {row.id for row in await connection.execute(_ABLE, values)} if named else set()
    if blind := [agent for agent in named if agent not in able]:
        raise NotAllowed("mention_blind", f"Agent {blind[0]} is not there, or may not see ticket {ticket.id}.")
    values = {"ticket": ticket.id, "sender": actor.label, "name": actor.name, "text": words, "html": html}
    message_id = int((await connection.execute(_NOTE, {**values, "external": external})).scalar_one())
    for file in files:
        stored = {"filename": file.filename, "content_type": file.content_type, "sha256": file.sha256}
        stored |= {"size": len(file.content), "inline": file.inline, "content_id": file.content_id}  # type: ignore[dict-item]
        await connection.execute(_ATTACH, {"message": message_id, "content": file.content, **stored})
    await connection.execute(_COUNT, {"ticket": ticket.id})
    if named:
        await connection.execute(_MENTION, {"message": message_id, "agents": named})
    told = [Change("mention", "", str(agent)) for agent in named]
    await note(connection, actor, ticket.id, [Change("noted", "", str(message_id)), *told])
    return message_id


async def snooze(connection: AsyncConnection, actor: Actor, number: int, until: datetime | None) -> Done:
    """Put a ticket off until then (aware); None takes it up now. Whatever its customer writes takes it up, too."""
    ticket = await lock_one(connection, actor, number)
    if until is not None:
        if ticket.status in ENDED:
            raise NotAllowed("ended", f"A {ticket.status} ticket cannot be put off.")
        if not ticket.now < until <= ticket.now + LONGEST_SNOOZE:
            raise NotAllowed("no_moment", "A ticket is put off to a time to come, within a year.")
    change = Change("snoozed", shown(ticket.snoozed_until), shown(until))
    if change.old == change.new:
        return Done(number=number)
    await connection.execute(_SNOOZE, {"id": number, "until": until})
    await note(connection, actor, number, [change])
    return Done(number=number, changes=(change,), keys=keys(ticket))


async def link(connection: AsyncConnection, actor: Actor, number: int, other: int, *, kind: str = "related") -> Done:
    """Say that `number` has to do with `other`: related, duplicate, or parent (`other` is the parent)."""
    rows = await _both(connection, actor, number, other)
    if kind not in ("related", "duplicate", "parent"):
        raise NotAllowed("no_link", f"{kind!r} is no link.")
    first, second = (number, other) if kind == "parent" else sorted((number, other))
    if kind == "parent":
        above = await connection.execute(_ABOVE, {"ticket": other})
        if number in {row.id for row in above}:
            raise NotAllowed("circle", f"Ticket {other} stands below ticket {number} already.")
        if await connection.scalar(_PARENT, {"ticket": number, "other": other}):
            raise NotAllowed("has_parent", f"Ticket {number} has a parent already.")
    made = await connection.execute(_LINK, {"ticket": first, "other": second, "kind": kind})
    if not made.rowcount:
        return Done(number=number)
    return await _linked(connection, actor, rows, number, other, ("linked", kind))


async def unlink(connection: AsyncConnection, actor: Actor, number: int, other: int) -> Done:
    """Take back every link between the two, but where one was split from the other."""
    rows = await _both(connection, actor, number, other)
    gone = await connection.execute(_UNLINK, {"ticket": number, "other": other})
    kinds = [row.kind for row in gone]
    if not kinds:
        return Done(number=number)
    return await _linked(connection, actor, rows, number, other, ("unlinked", ", ".join(sorted(kinds))))


async def _both(connection: AsyncConnection, actor: Actor, number: int, other: int) -> dict[int, object]:
    if number == other:
        raise NotAllowed("itself", "A ticket cannot be tied to itself.")
    rows = await lock(connection, actor, (number, other))
    for row in rows.values():
        if row.merged_into is not None:
            raise merged(row)
    return rows


async def _linked(
    connection: AsyncConnection, actor: Actor, rows: dict[int, object], number: int, other: int, what: tuple[str, str]
) -> Done:
    """Both histories, each naming the other."""
    kind, detail = what
    here, there = Change(kind, "", f"{detail} #{other}"), Change(kind, "", f"{detail} #{number}")
    await note(connection, actor, number, [here])
    await note(connection, actor, other, [there])
    return Done(number=number, changes=(here,), keys=keys(*rows.values()))


_EARLIER = text(
    "SELECT id FROM message WHERE ticket_id = :ticket AND external_id = :external AND direction = 'note' LIMIT 1"
)
_ABLE = text(
    """
    SELECT id FROM agent WHERE id = ANY(:agents) AND disabled_at IS NULL AND (
        role <> 'agent' OR :team = '' OR id = cast(:assignee AS bigint)
        OR EXISTS (SELECT FROM team_member WHERE agent_id = agent.id AND team_member.team = :team))
    """
)
_NOTE = text(
    """
    INSERT INTO message (ticket_id, direction, sender, sender_name, text, html, external_id)
    VALUES (:ticket, 'note', :sender, :name, :text, :html, :external) RETURNING id
    """
)
_ATTACH = text(
    """
    INSERT INTO attachment (message_id, filename, content_type, size, sha256, inline, content_id, content)
    VALUES (:message, :filename, :content_type, :size, :sha256, :inline, :content_id, :content)
    """
)
_COUNT = text("UPDATE ticket SET message_count = message_count + 1, updated_at = now() WHERE id = :ticket")
_MENTION = text(
    "INSERT INTO mention (message_id, agent_id) SELECT :message, agent FROM unnest(cast(:agents AS bigint[])) AS agent"
)
_SNOOZE = text("UPDATE ticket SET snoozed_until = cast(:until AS timestamptz), updated_at = now() WHERE id = :id")
_LINK = text(
    "INSERT INTO ticket_link (ticket_id, other_id, kind) VALUES (:ticket, :other, :kind) ON CONFLICT DO NOTHING"
)
_ABOVE = text(
    """
    WITH RECURSIVE above AS (
        SELECT cast(:ticket AS bigint) AS id
        UNION SELECT other_id FROM ticket_link JOIN above ON ticket_link.ticket_id = above.id WHERE kind = 'parent'
    ) SELECT id FROM above
    """
)
_PARENT = text(
    "SELECT true FROM ticket_link WHERE ticket_id = :ticket AND other_id <> :other AND kind = 'parent' LIMIT 1"
)
_UNLINK = text(
    """
    DELETE FROM ticket_link WHERE kind <> 'split'
        AND ((ticket_id = :ticket AND other_id = :other) OR (ticket_id = :other AND other_id = :ticket))
    RETURNING kind
    """
)
