"""What a customer may see of what was said: a conversation's lines, a ticket's lines, their files; and what was read.

A conversation is everything under one key, `channel:address`, whatever tickets it went into. Its lines are numbered by
their message's id, which grows within it: whoever writes a message locks its ticket first, and draws the id then.

Not every message of a ticket is its customer's business: notes and machine mail never are, and neither is what somebody
else wrote in, who may only have got hold of a reply address (threat T6). What a customer may see is what we said, and
what came from an identity of the customer's own or from the address that the customer gave.

All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, Index, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models import page_link
from models.columns import Moment, moment, words
from models.envelope import Guest, Line, LineFile


class Conversation(SQLModel, table=True):
    """Who sits at the other end of a conversation, and how far they have read."""

    __tablename__: ClassVar[str] = "conversation"
    __table_args__ = (
        Index(
            "conversation_unread",
            "channel",
            "answered_at",
            postgresql_where=text("email <> '' AND answered_number > greatest(read_number, told_number)"),
        ),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    key: str = Field(sa_column=Column(Text, primary_key=True))
    """`channel:address`, as in `ticket.conversation`."""
    channel: str = words()
    name: str = words()
    email: str = words()
    """Where answers go while nobody reads them here; typed by the customer, or vouched for by the host site."""
    language: str = words()
    proved: bool = False
    """True where the host site signed who it is."""
    answered_number: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """The latest line that an agent wrote."""
    answered_at: Moment = moment(nullable=True)
    read_number: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """The latest line of ours that was on the customer's screen."""
    told_number: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """The latest line of ours that was also sent elsewhere, since nobody read it."""
    created_at: Moment = moment(now=True)


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation whose customer has not read what we said, and where they can be told."""

    key: str
    email: str
    name: str
    language: str
    ticket_id: int
    lines: Sequence[str]
    latest: int
    """Number of the last of `lines`."""


async def introduce(connection: AsyncConnection, key: str, guest: Guest) -> None:
    """Note who it is. What is proved is not overwritten by what is merely typed."""
    await connection.execute(_INTRODUCE, {"key": key, "channel": key.partition(":")[0], **msgspec.to_builtins(guest)})


async def guests(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, Guest]:
    """Who it is, in each conversation that somebody introduced."""
    rows = await connection.execute(_GUESTS, {"keys": list(keys)})
    return {row.key: Guest(name=row.name, email=row.email, language=row.language, proved=row.proved) for row in rows}


async def lines(
    connection: AsyncConnection, wanted: Sequence[tuple[str, int]], *, most: int
) -> dict[tuple[str, int], list[Line]]:
    """Lines of conversations, oldest first, for each (key, after): the first `most` beyond `after`.

    With after = 0 the latest `most`.
    """
    keys, afters = zip(*wanted, strict=True) if wanted else ((), ())
    values = {"keys": list(keys), "afters": list(afters), "most": most}
    rows = (await connection.execute(_CONVERSATION_LINES, values)).all()
    files = await _files(connection, rows)
    found: dict[tuple[str, int], list[Line]] = {}
    for row in rows:
        found.setdefault((row.key, row.after), []).append(_line(row, files.get(row.number, ())))
    return {place: sorted(some, key=lambda line: line.number) for place, some in found.items()}


async def ticket_lines(
    connection: AsyncConnection, ticket_id: int, *, channel: str, address: str, most: int
) -> list[Line]:
    """The latest `most` lines of a ticket that the person at `address` may see, oldest first."""
    values = {"ticket": ticket_id, "channel": channel, "address": address, "after": 0, "most": most}
    rows = (await connection.execute(_TICKET_LINES, values)).all()
    files = await _files(connection, rows)
    return sorted((_line(row, files.get(row.number, ())) for row in rows), key=lambda line: line.number)


async def _files(connection: AsyncConnection, rows: Sequence[Any]) -> dict[int, list[LineFile]]:
    """The files of those lines."""
    files: dict[int, list[LineFile]] = {}
    if rows:
        for row in await connection.execute(_FILES, {"messages": [row.number for row in rows]}):
            shown = LineFile(id=row.id, filename=row.filename, content_type=row.content_type, size=row.size)
            files.setdefault(row.message_id, []).append(shown)
    return files


def _line(row: Any, files: Sequence[LineFile]) -> Line:
    """A row as its customer may see it: links stand in it as places for tokens, which a page shows nobody."""
    return Line(
        number=row.number,
        direction=row.direction,
        id=row.id,
        channel=row.channel,
        name=row.name,
        text=page_link.veil(row.text),
        html=row.html,
        delivery=row.delivery,
        automatic=row.automatic,
        at=row.at,
        files=tuple(files),
    )


async def newest(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, int]:
    """The number of the newest message under each key that has one."""
    rows = await connection.execute(_NEWEST, {"keys": list(keys)})
    return {row.conversation: row.newest for row in rows}


async def seen(connection: AsyncConnection, key: str, number: int) -> bool:
    """Note that the customer has read up to `number`. False where that is no news."""
    moved = (await connection.execute(_READ, {"key": key, "number": number})).rowcount
    if moved:
        await connection.execute(_READ_MESSAGES, {"key": key, "number": number})
    return bool(moved)


async def answered(connection: AsyncConnection, key: str, number: int) -> None:
    """Note that an agent wrote line `number`, for customers who do not come to read it."""
    await connection.execute(_ANSWERED, {"key": key, "number": number})


async def unread(connection: AsyncConnection, channel: str, *, seconds: float, most: int) -> list[Unread]:
    """Conversations of `channel` with lines of ours that nobody has read for `seconds`. Locks them."""
    rows = await connection.execute(_UNREAD, {"channel": channel, "seconds": seconds, "most": most})
    return [Unread(**row._mapping) for row in rows]


async def told(connection: AsyncConnection, key: str, number: int) -> None:
    """Note that the lines up to `number` were sent elsewhere too."""
    await connection.execute(_TOLD, {"key": key, "number": number})


async def file(connection: AsyncConnection, file_id: int, numbers: Sequence[int]) -> Any:
    """The row of a file, if it belongs to one of the messages `numbers`; else None."""
    return (await connection.execute(_FILE, {"id": file_id, "messages": list(numbers)})).one_or_none()


_INTRODUCE = text(
    """
    INSERT INTO conversation (key, channel, name, email, language, proved)
    VALUES (:key, :channel, :name, :email, :language, :proved)
    ON CONFLICT (key) DO UPDATE SET name = excluded.name, email = excluded.email, proved = excluded.proved,
        language = excluded.language
    WHERE excluded.proved OR NOT conversation.proved
    """
)
_GUESTS = text("SELECT key, name, email, language, proved FROM conversation WHERE key = ANY(:keys)")

_LINE = """
    message.id AS number, message.direction, message.external_id AS id, message.channel, message.sender_name AS name,
    coalesce(nullif(message.reply_text, ''), message.text) AS text, message.html <> '' AS html, message.delivery,
    message.direction = 'out' AND message.sender NOT LIKE 'agent:%' AS automatic, message.created_at AS at
"""
_CONVERSATION_LINES = text(
    f"""
    SELECT given.key, given.after, line.*
    FROM unnest(cast(:keys AS text[]), cast(:afters AS bigint[])) AS given (key, after)
    CROSS JOIN LATERAL (
        SELECT {_LINE}
        FROM ticket JOIN message ON message.ticket_id = ticket.id
        LEFT JOIN identity ON identity.id = message.identity_id
        WHERE ticket.conversation = given.key AND ticket.conversation <> '' AND message.id > given.after
          AND (message.direction = 'out' OR (message.direction = 'in' AND (
              identity.contact_id = ticket.contact_id
              OR identity.address = (SELECT nullif(email, '') FROM conversation WHERE key = given.key))))
        ORDER BY CASE WHEN given.after = 0 THEN -message.id ELSE message.id END LIMIT :most
    ) AS line
    """
)
_TICKET_LINES = text(
    f"""
    SELECT {_LINE}
    FROM ticket JOIN message ON message.ticket_id = ticket.id
    LEFT JOIN identity ON identity.id = message.identity_id
    WHERE ticket.id = :ticket AND message.id > :after
      AND (message.direction = 'out' OR (message.direction = 'in' AND (
          identity.contact_id = ticket.contact_id
          OR (identity.channel = :channel AND identity.address = :address)
          OR identity.address = (SELECT nullif(email, '') FROM conversation
                                 WHERE key = ticket.conversation AND ticket.conversation <> ''))))
    ORDER BY message.id DESC LIMIT :most
    """
)
_FILES = text(
    "SELECT id, message_id, filename, content_type, size FROM attachment WHERE message_id = ANY(:messages) ORDER BY id"
)
_FILE = text(
    """
    SELECT id, filename, content_type, size, sha256, content FROM attachment
    WHERE id = :id AND message_id = ANY(:messages)
    """
)
_NEWEST = text(
    """
    SELECT ticket.conversation, max(message.id) AS newest
    FROM ticket JOIN message ON message.ticket_id = ticket.id
    WHERE ticket.conversation = ANY(:keys) AND ticket.conversation <> '' GROUP BY ticket.conversation
    """
)
_ANSWERED = text(
    """
    INSERT INTO conversation (key, channel, answered_number, answered_at)
    VALUES (:key, split_part(:key, ':', 1), :number, now())
    ON CONFLICT (key) DO UPDATE SET answered_number = excluded.answered_number, answered_at = excluded.answered_at
    """
)
_READ = text(
    """
    INSERT INTO conversation (key, channel, read_number) VALUES (:key, split_part(:key, ':', 1), :number)
    ON CONFLICT (key) DO UPDATE SET read_number = excluded.read_number
    WHERE conversation.read_number < excluded.read_number
    """
)
_READ_MESSAGES = text(
    """
    UPDATE message SET delivery = 'read'
    FROM ticket
    WHERE ticket.id = message.ticket_id AND ticket.conversation = :key AND ticket.conversation <> ''
      AND message.id <= :number AND message.direction = 'out' AND message.delivery IN ('queued', 'sent', 'delivered')
      AND message.channel = split_part(:key, ':', 1)
    """
)
_UNREAD = text(
    """
    WITH behind AS MATERIALIZED (
        SELECT key, email, name, language, greatest(read_number, told_number) AS known
        FROM conversation
        WHERE channel = :channel AND email <> '' AND answered_number > greatest(read_number, told_number)
          AND answered_at < now() - make_interval(secs => :seconds)
        ORDER BY answered_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    SELECT behind.key, behind.email, behind.name, behind.language, ticket.id AS ticket_id,
        array_agg(message.text ORDER BY message.id) AS lines, max(message.id) AS latest
    FROM behind
    JOIN ticket ON ticket.conversation = behind.key AND ticket.conversation <> ''
    JOIN message ON message.ticket_id = ticket.id
    WHERE message.id > behind.known AND message.direction = 'out' AND message.sender LIKE 'agent:%'
      AND message.channel = :channel
    GROUP BY behind.key, behind.email, behind.name, behind.language, ticket.id
    ORDER BY ticket.id
    """
)
_TOLD = text("UPDATE conversation SET told_number = greatest(told_number, :number) WHERE key = :key")
