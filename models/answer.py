"""Answers: what an agent says to the customer of a ticket, put into the outbox with all that belongs to it.

Enters: a ticket and the words. Leaves: the message, its files, the outbox item, the key by which the customer's own
answer finds the ticket, and the ticket's history; all in the caller's transaction. May fail: `NoAnswer` where there is
nobody to answer, and with what the database raises. What is posted twice under one `once` is queued once.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.envelope import Address, AttachedFile, OutboundMessage
from models.keys import hash_key, message_key

LATEST = 40
"""Messages of the ticket whose ids an answer refers to."""


class NoAnswer(LookupError):
    """There is nobody to answer: the ticket has no address that answers could go to. The text says so."""


class NoTicket(NoAnswer):
    """There is no ticket of that number."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent says."""

    ticket: int
    author: str
    """Who says it, as the history names them: `agent:3`."""
    name: str = ""
    """Their name, as customers may read it."""
    text: str
    html: str = ""
    files: tuple[AttachedFile, ...] = ()
    status: str = "waiting"
    """What becomes of a ticket that is open or in progress; '' leaves it as it is."""
    once: str = ""
    """The caller's own name for this answer: a second one of the same name is not queued."""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A queued answer."""

    message: int
    ticket: int
    """The one that it went into, where the ticket named was merged."""
    channel: str = ""
    """On which it goes out."""
    conversation: str = ""
    """The ticket's, where it has one."""
    repeated: bool = False


class Seals(Protocol):
    """Names our messages so that answers to them find their ticket."""

    def message_id(self, ticket: int, account: str) -> str:
        """A new Message-ID."""
        ...

    def reply_address(self, channel: str, account: str, ticket: int, label: str) -> str:
        """Where a participant is to answer to; '' for nowhere in particular."""
        ...


async def post(connection: AsyncConnection, answer: Answer, *, seals: Seals, trace_id: str) -> Posted:
    """Queue `answer`. Raises `NoAnswer`."""
    ticket = await _ticket(connection, answer.ticket)
    message_id = seals.message_id(ticket.id, ticket.account)
    once = f"reply:{answer.once or message_id}"
    earlier = (await connection.execute(_EARLIER, {"once": once})).one_or_none()
    if earlier is not None:
        return Posted(message=earlier.message_id, ticket=earlier.ticket_id, repeated=True)
    lane = f"{ticket.channel}:{ticket.address}"
    label = ticket.participants[0] if ticket.participants else lane
    outbound = OutboundMessage(
        channel=ticket.channel,
        account=ticket.account,
        to=Address(ticket.address),  # without the name that came with it: nothing proves that
        subject=_subject(ticket.id, ticket.subject),
        text=answer.text,
        html=answer.html,
        message_id=message_id,
        references=await _references(connection, ticket.id),
        reply_address=seals.reply_address(ticket.channel, ticket.account, ticket.id, label),
        language=ticket.language or "en",
        trace_id=trace_id,
    )
    values = {
        "ticket": ticket.id,
        "once": once,
        "lane": lane,
        "payload": msgspec.json.encode(outbound).decode(),
        "html": outbound.html,
        "text": outbound.text,
        "subject": outbound.subject,
        "channel": outbound.channel,
        "author": answer.author,
        "name": answer.name,
        "address": ticket.address,
        "message_id": message_id,
        "trace_id": trace_id,
        "key": message_key(message_id),
    }
    number = int((await connection.execute(_POST, values)).scalar_one())
    for file in answer.files:
        await connection.execute(_ATTACH, {"message": number, **_columns(file)})
    await connection.execute(_NOTE, {"ticket": ticket.id, "author": answer.author, "status": answer.status})
    return Posted(message=number, ticket=ticket.id, channel=ticket.channel, conversation=ticket.conversation)


async def files(connection: AsyncConnection, message: int) -> tuple[AttachedFile, ...]:
    """The files that go out with an answer, in order."""
    rows = await connection.execute(_FILES, {"message": message})
    return tuple(
        AttachedFile(
            filename=row.filename,
            content_type=row.content_type,
            content=row.content,
            inline=row.inline,
            content_id=row.content_id,
        )
        for row in rows
    )


async def _ticket(connection: AsyncConnection, number: int) -> Any:
    """The ticket, or the one that it was merged into, locked. Raises `NoAnswer`."""
    seen: set[int] = set()
    while number not in seen:
        seen.add(number)
        found = (await connection.execute(_CONVERSATION, {"id": number})).one_or_none()
        if found is None:
            raise NoTicket(f"there is no ticket {number}")
        if found.conversation:  # before the ticket, as settling does, so that its lines keep their order
            await connection.execute(_LOCK, {"key": hash_key(found.conversation)})
        row = (await connection.execute(_TICKET, {"id": number})).one()
        if row.merged_into is None:
            if not (row.address and row.channel):
                raise NoAnswer(f"ticket {number} names no address that could be answered")
            return row
        number = row.merged_into
    raise NoAnswer(f"ticket {number} was merged into itself")


async def _references(connection: AsyncConnection, ticket: int) -> tuple[str, ...]:
    """Ids of the ticket's messages, oldest first, the customer's last one at the end: that is what is answered."""
    rows = list(await connection.execute(_IDS, {"ticket": ticket, "most": LATEST}))[::-1]
    last = next((row.external_id for row in reversed(rows) if row.direction == "in"), "")
    ids = [row.external_id for row in rows if row.external_id != last]
    return tuple(dict.fromkeys([*ids, *([last] if last else [])]))


def _subject(number: int, subject: str) -> str:
    """With the ticket's number, on one line, whatever the customer had put there."""
    printable = " ".join("".join(letter if letter.isprintable() else " " for letter in subject).split())[:200]
    return f"[#{number}] {printable}" if printable[:3].lower() == "re:" else f"[#{number}] Re: {printable}".rstrip()


def _columns(file: AttachedFile) -> dict[str, object]:
    return {
        "filename": file.filename,
        "content_type": file.content_type,
        "size": len(file.content),
        "sha256": file.sha256,
        "inline": file.inline,
        "content_id": file.content_id,
        "content": file.content,
    }


_CONVERSATION = text("SELECT conversation FROM ticket WHERE id = :id")
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_TICKET = text(
    """
    SELECT id, subject, merged_into, answer_channel AS channel, answer_address AS address,
        answer_account AS account, language, conversation, participants
    FROM ticket WHERE id = :id FOR UPDATE
    """
)
_EARLIER = text("SELECT message_id, ticket_id FROM outbox WHERE unique_key = :once")
_IDS = text(
    """
    SELECT external_id, direction FROM message
    WHERE ticket_id = :ticket AND external_id <> '' AND direction IN ('in', 'out') ORDER BY id DESC LIMIT :most
    """
)
_POST = text(
    """
    WITH posted AS (
        INSERT INTO message (ticket_id, direction, channel, identity_id, sender, sender_name, external_id, subject,
            text, html, delivery, trace_id)
        VALUES (:ticket, 'out', :channel, (SELECT id FROM identity WHERE channel = :channel AND address = :address),
            :author, :name, :message_id, :subject, :text, :html, 'queued', :trace_id)
        RETURNING id
    ), queued AS (
        INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, ticket_id, message_id, payload)
        SELECT :once, 'reply', :channel, :lane, :trace_id, :ticket, id, cast(:payload AS jsonb) FROM posted
    ), known AS (
        INSERT INTO thread_key (key, ticket_id, own) VALUES (:key, :ticket, true) ON CONFLICT DO NOTHING
    )
    SELECT id FROM posted
    """
)
_ATTACH = text(
    """
    INSERT INTO attachment (message_id, filename, content_type, size, sha256, inline, content_id, content)
    VALUES (:message, :filename, :content_type, :size, :sha256, :inline, :content_id, :content)
    """
)
_NOTE = text(
    """
    WITH before AS (SELECT id, status FROM ticket WHERE id = :ticket), changed AS (
        UPDATE ticket SET message_count = message_count + 1, updated_at = now(),
            status = CASE WHEN ticket.status IN ('open', 'in_progress') AND cast(:status AS text) <> '' THEN :status
                ELSE ticket.status END
        FROM before WHERE ticket.id = before.id RETURNING ticket.id, before.status AS old, ticket.status AS new
    )
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT id, :author, 'status', old, new FROM changed WHERE old <> new
    """
)
_FILES = text(
    """
    SELECT filename, content_type, content, inline, content_id FROM attachment
    WHERE message_id = :message AND content IS NOT NULL ORDER BY id
    """
)
