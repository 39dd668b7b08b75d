"""Full text of what was said: a side table that follows the messages, and the way to find tickets by it.

Enters: messages that were settled; words that an agent types. Leaves: tickets that the agent may see, newest message
first, with the place that matched. May fail: only with what the database raises.

Settling writes nothing here. A clock of the workers (`follow`) reads what is new and indexes it: what was said can be
found some seconds later, and later still while more comes in than can be settled at once. Words are stored without
accents and stemmed in their ticket's language; a question is stemmed in both, so that `problemes` finds « problème ».

Which ticket a message stands in is asked of the message: merging and splitting move it, and nothing here changes.

GIN gives no order, and a word that stands in every third message would mean reading a third of them. So each row also
carries the name of its block of 16,384 message ids and of its block of 262,144: the newest block is asked first, then
the newest large one, then all. Within a block the index meets both lists without reading what lies outside.

Whoever erases a message's text must delete its row here too; with the message itself it goes by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, Column, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from models.actor import Actor, visible

SMALL, LARGE = 14, 18
"""Bits of a message id that lie within a small and a large block."""
LONGEST = 20_000
"""Characters of one message that are indexed: its new words come first."""
SETTLED_MINUTES = 5
"""A transaction that drew a message id earlier than this has ended."""
LONGEST_QUESTION = 200
FEW = 2_000
"""Tickets that are looked at one by one, where a filter lets no more through."""
FIRST_HITS = 1_000
"""Matching messages that are looked at first: for words that stand everywhere they are enough."""


class MessageSearch(SQLModel, table=True):
    """The words of one message."""

    __tablename__: ClassVar[str] = "message_search"
    __table_args__ = (
        Index("message_search_words", "words", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    )

    message_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("message.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    words: str = Field(sa_column=Column(TSVECTOR, nullable=False))


class SearchProgress(SQLModel, table=True):
    """How far the messages are indexed without a gap."""

    __tablename__: ClassVar[str] = "search_progress"

    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    up_to: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))


class Found(msgspec.Struct, frozen=True):
    """A ticket in which the words stand."""

    number: int
    message_id: int
    """Its newest message that has them."""


async def follow(connection: AsyncConnection, *, most: int) -> int:
    """Index up to `most` messages that are not. Returns how many there were; 0 too where another process does it."""
    if not await connection.scalar(_LOCK):
        return 0
    await connection.execute(_BEGIN)
    indexed = (await connection.execute(_FOLLOW, {"most": most, "longest": LONGEST})).rowcount
    await connection.execute(_ADVANCE, {"minutes": SETTLED_MINUTES})
    return int(indexed)


async def busy(connection: AsyncConnection, *, waiting: int) -> bool:
    """Whether `waiting` messages or more are still to be settled: then indexing has to stand back."""
    return int(await connection.scalar(_WAITING, {"most": waiting}) or 0) >= waiting


async def find(
    connection: AsyncConnection,
    actor: Actor,
    words: str,
    *,
    before: int = 0,
    most: int = 50,
    condition: str = "true",
    values: dict[str, Any] | None = None,
) -> list[Found]:
    """Tickets of `actor` in which `words` stand, by their newest such message, newest first, below message `before`.

    `words` as in search engines: all of them, "a phrase", -without, this OR that. `condition` narrows the tickets down,
    with its `values`.
    """
    seen, given = visible(actor)
    top = int(await connection.scalar(_NEWEST) or 0)
    top = min(top, before - 1) if before else top
    for setting in _PLAN:
        await connection.execute(setting)
    found: list[Found] = []
    for block, hits in _steps(top):
        statement = text(_FIND.format(visible=seen, condition=condition))
        bound = {"words": words[:LONGEST_QUESTION], "block": block, "top": top, "most": most, **given, **(values or {})}
        rows = (await connection.execute(statement, {**bound, "hits": hits or None})).all()
        found = [Found(row.number, row.message_id) for row in rows]
        if len(found) >= most:
            break
        if hits and (few := await _few(connection, seen, condition, bound)) is not None:
            rows = (await connection.execute(_AMONG, {**bound, "tickets": few})).all()
            return [Found(row.number, row.message_id) for row in rows]
    return found


async def _few(connection: AsyncConnection, seen: str, condition: str, bound: dict[str, Any]) -> list[int] | None:
    """The tickets that are let through at all, where they are few: then each is looked at. None where they are many."""
    statement = text(_LET_THROUGH.format(visible=seen, condition=condition))
    numbers = list((await connection.execute(statement, {**bound, "few": FEW + 1})).scalars())
    return numbers if len(numbers) <= FEW else None


def _steps(top: int) -> Sequence[tuple[str, int]]:
    """Where to look, one after the other: the lexemes of blocks ('' is everywhere), and the newest hits (0: all)."""
    small, large = top >> SMALL, top >> LARGE
    near, far = f"'§s{small}' | '§s{small - 1}'", f"'§l{large}' | '§l{large - 1}'"
    return ((near, FIRST_HITS), (near, 0), (far, 0), ("", 0))


_LOCK = text("SELECT pg_try_advisory_xact_lock(113703962732548)")
_BEGIN = text("INSERT INTO search_progress (id) VALUES (1) ON CONFLICT DO NOTHING")
_WAITING = text("SELECT count(*) FROM (SELECT FROM inbox WHERE state = 'pending' LIMIT :most) AS waiting")
_FOLLOW = text(
    f"""
    INSERT INTO message_search (message_id, words)
    SELECT message.id,
        array_to_tsvector(ARRAY['§s' || (message.id >> {SMALL}), '§l' || (message.id >> {LARGE})])
        || search_vector(ticket.language, concat_ws(' ', message.subject, message.sender_name, message.sender,
            left(coalesce(nullif(message.reply_text, ''), message.text), :longest)))
    FROM message JOIN ticket ON ticket.id = message.ticket_id
    WHERE message.id > (SELECT up_to FROM search_progress WHERE id = 1) AND message.direction <> 'machine'
      AND NOT EXISTS (SELECT FROM message_search WHERE message_id = message.id)
    ORDER BY message.id LIMIT :most
    ON CONFLICT DO NOTHING
    """
)
_ADVANCE = text(
    """
    UPDATE search_progress SET up_to = greatest(up_to, coalesce((
        SELECT max(id) FROM (
            SELECT id, bool_and(known) OVER (ORDER BY id) AS whole FROM (
                SELECT message.id, message.ticket_id IS NULL OR message.direction = 'machine'
                    OR EXISTS (SELECT FROM message_search WHERE message_id = message.id) AS known
                FROM message
                WHERE message.id > (SELECT up_to FROM search_progress WHERE id = 1)
                  AND message.created_at < now() - make_interval(mins => :minutes)
                ORDER BY message.id LIMIT 10000
            ) AS next
        ) AS run WHERE whole
    ), 0)) WHERE id = 1
    """
)
_NEWEST = text("SELECT max(message_id) FROM message_search")
# The plan depends on how rare the words are.
_PLAN = (text("SET LOCAL plan_cache_mode = force_custom_plan"), text("SET LOCAL enable_seqscan = off"))
_MATCHES = """words @@ (CASE WHEN cast(:block AS text) = '' THEN search_question(:words)
    ELSE search_question(:words) && cast(:block AS tsquery) END) AND message_search.message_id <= :top"""
# Materialised before it is ordered: how often a phrase stands somewhere is beyond the planner's guess, and it would
# walk all messages backwards instead of asking the index.
_FIND = f"""
    WITH matching AS MATERIALIZED (SELECT message_id FROM message_search WHERE {_MATCHES}),
    hit AS MATERIALIZED (
        SELECT message_id FROM matching ORDER BY message_id DESC LIMIT cast(:hits AS bigint)
    )
    SELECT ticket.id AS number, max(hit.message_id) AS message_id
    FROM hit JOIN message ON message.id = hit.message_id JOIN ticket ON ticket.id = message.ticket_id
    WHERE {{visible}} AND {{condition}}
    GROUP BY ticket.id ORDER BY max(hit.message_id) DESC LIMIT :most
"""
_LET_THROUGH = "SELECT ticket.id FROM ticket WHERE {visible} AND {condition} LIMIT :few"
_AMONG = text(
    """
    SELECT message.ticket_id AS number, max(message.id) AS message_id
    FROM message JOIN message_search ON message_search.message_id = message.id
    WHERE message.ticket_id = ANY(:tickets) AND message.id <= :top AND words @@ search_question(:words)
    GROUP BY message.ticket_id ORDER BY max(message.id) DESC LIMIT :most
    """
)
