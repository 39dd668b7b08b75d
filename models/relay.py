"""Relay: an agent's answer goes out on the channel that the customer came by.

Enters: a ticket's number and what the agent wrote. Leaves: the message in the ticket with its files, its outbox item,
the ticket's new state and history, in the caller's transaction. What is relayed twice under one `once` goes out once.
May fail: `NoTicketError`, `NoWayOutError`, or what the database raises.
"""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import draw, to_json
from config.settings import Settings
from models import conversation
from models.actor import Actor
from models.envelope import Address, AttachedFile, OutboundMessage, Template
from models.keys import hash_key, message_key
from models.life.cycle import Cycle
from models.seals import own_message_id, reply_token


class WayOut(Protocol):
    """What must be known of a channel for an answer to leave by it (`channels.Channel` is one)."""

    def mailbox(self, address: str) -> str:
        """The mailbox that `address` leads to, where several lead to the same one."""
        ...

    def reply_address(self, account: str, token: str) -> str:
        """Our address that carries `token`; '' on channels that have none."""
        ...

    def elsewhere(self) -> object | None:
        """Not None where answers have to be looked for by the customer."""
        ...


class Office(Protocol):
    """What relaying needs beside the database."""

    @property
    def settings(self) -> Settings:
        """The settings."""
        ...

    @property
    def channels(self) -> Mapping[str, WayOut]:
        """The channels by name."""
        ...

    @property
    def secret(self) -> bytes:
        """The installation's key."""
        ...


class NoTicketError(LookupError):
    """There is no ticket of that number."""


class NoWayOutError(LookupError):
    """The ticket names no channel or no address that answers could go to."""


async def relay(
    connection: AsyncConnection,
    office: Office,
    number: int,
    words: str,
    *,
    actor: Actor,
    html: str = "",
    files: Sequence[AttachedFile] = (),
    once: str = "",
    template: Template | None = None,
) -> int:
    """Queue `words` of `actor`, whose name customers may read, to the customer. Returns the message's id.

    `template` goes out in their place where the channel's window for free answers is closed; they say the same then.
    """
    ticket = await _locked(connection, number)
    channel = office.channels.get(ticket.answer_channel)
    if channel is None or not ticket.answer_address:
        raise NoWayOutError(f"ticket {number} cannot be answered: {ticket.answer_channel or 'no channel'}")
    if once and (earlier := await connection.scalar(_EARLIER, {"key": f"reply:{once}"})):
        return int(earlier)
    [[message_id]] = await draw(connection, [("message", 1)])
    label = f"{ticket.answer_channel}:{ticket.answer_address}"
    part = f"{ticket.answer_channel}:{channel.mailbox(ticket.answer_address)}"  # as the ticket's participants have it
    domain = office.settings.mail.domain or ticket.answer_account.partition("@")[2] or "localhost"
    outbound = OutboundMessage(
        channel=ticket.answer_channel,
        account=ticket.answer_account,
        to=Address(ticket.answer_address),
        subject=subject_of(ticket.id, ticket.subject),
        text=words,
        html=html,
        message_id=own_message_id(office.secret, ticket.id, secrets.token_hex(8), domain),
        references=await _references(connection, ticket.id),
        reply_address=channel.reply_address(ticket.answer_account, reply_token(office.secret, ticket.id, part)),
        language=ticket.language or office.settings.triage.languages[0],
        template=template,
        trace_id=secrets.token_hex(16),
    )
    stage = Cycle.of(office.settings).settle(ticket.pipeline, ticket.stage, ticket.status, "waiting")
    await _write(connection, ticket, outbound, message_id, label, actor, once, stage)
    for file in files:
        await connection.execute(_ATTACH, {"message": message_id, "size": len(file.content), **_columns(file)})
    if ticket.conversation and channel.elsewhere() is not None:
        await conversation.answered(connection, ticket.conversation, message_id)
    return message_id


async def files_of(connection: AsyncConnection, message_id: int) -> tuple[AttachedFile, ...]:
    """The files that go out with an answer, in order."""
    rows = await connection.execute(_FILES, {"message": message_id})
    return tuple(AttachedFile(**row._mapping) for row in rows)


def attached(path: Path) -> AttachedFile:
    """The file at `path`, to go out with an answer. Raises `OSError`."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return AttachedFile(filename=path.name, content_type=kind, content=path.read_bytes())


def subject_of(number: int, subject: str) -> str:
    """A subject with the ticket's number, on one line, whatever the customer had put there."""
    printable = " ".join("".join(letter if letter.isprintable() else " " for letter in subject).split())[:180]
    return f"[#{number}] {printable}" if printable[:3].lower() == "re:" else f"[#{number}] Re: {printable}".rstrip()


async def _references(connection: AsyncConnection, ticket: int) -> tuple[str, ...]:
    """Ids of the ticket's messages, oldest first, the customer's last one at the end: that is what is answered."""
    rows = list(await connection.execute(_REFERENCES, {"ticket": ticket}))[::-1]
    last = next((row.external_id for row in reversed(rows) if row.direction == "in"), "")
    ids = [row.external_id for row in rows if row.external_id != last]
    return tuple(dict.fromkeys([*ids, *([last] if last else [])]))


def _columns(file: AttachedFile) -> dict[str, object]:
    return {
        "filename": file.filename,
        "content_type": file.content_type,
        "sha256": file.sha256,
        "inline": file.inline,
        "content_id": file.content_id,
        "content": file.content,
    }


async def _locked(connection: AsyncConnection, number: int) -> Any:
    """The ticket, or the one that it was merged into, locked; with its conversation, so that lines keep their order."""
    seen: set[int] = set()
    while number not in seen:
        seen.add(number)
        found = (await connection.execute(_CONVERSATION, {"id": number})).one_or_none()
        if found is None:
            break
        if found.conversation:
            await connection.execute(_LOCK, {"key": hash_key(found.conversation)})
        ticket = (await connection.execute(_TICKET, {"id": number})).one()
        if ticket.merged_into is None:
            return ticket
        number = ticket.merged_into
    raise NoTicketError(f"there is no ticket {number}")


async def _write(
    connection: AsyncConnection,
    ticket: Any,
    outbound: OutboundMessage,
    message_id: int,
    label: str,
    actor: Actor,
    once: str,
    stage: str,
) -> None:
    """Set the rows down."""
    values = {
        "ticket": ticket.id,
        "message": message_id,
        "channel": outbound.channel,
        "address": outbound.to.address,
        "sender": actor.label,
        "name": actor.name,
        "external_id": outbound.message_id,
        "subject": outbound.subject,
        "text": outbound.text,
        "trace_id": outbound.trace_id,
        "html": outbound.html,
        "unique_key": f"reply:{once or message_id}",
        "lane": label,
        "payload": to_json(outbound),
        "key": message_key(outbound.message_id),
        "status": ticket.status,
        "old_stage": ticket.stage,
        "stage": stage,
    }
    for statement in (_MESSAGE, _OUTBOX, _THREAD_KEY, _STATUS, _REPLIED):
        await connection.execute(statement, values)


_EARLIER = text("SELECT message_id FROM outbox WHERE unique_key = :key")
_ATTACH = text(
    """
    INSERT INTO attachment (message_id, filename, content_type, size, sha256, inline, content_id, content)
    VALUES (:message, :filename, :content_type, :size, :sha256, :inline, :content_id, :content)
    """
)
_FILES = text(
    """
    SELECT filename, content_type, content, inline, content_id FROM attachment
    WHERE message_id = :message AND content IS NOT NULL ORDER BY id
    """
)
_CONVERSATION = text("SELECT conversation FROM ticket WHERE id = :id")
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_TICKET = text(
    """
    SELECT id, subject, status, pipeline, stage, language, conversation, merged_into, answer_channel, answer_address,
        answer_account
    FROM ticket WHERE id = :id FOR NO KEY UPDATE
    """
)
_REFERENCES = text(
    """
    SELECT external_id, direction FROM message
    WHERE ticket_id = :ticket AND direction IN ('in', 'out') AND external_id <> '' ORDER BY id DESC LIMIT 20
    """
)
_MESSAGE = text(
    """
    INSERT INTO message (id, ticket_id, direction, channel, identity_id, sender, sender_name, external_id, subject,
        text, html, delivery, trace_id)
    VALUES (:message, :ticket, 'out', :channel,
        (SELECT id FROM identity WHERE channel = :channel AND address = :address),
        :sender, :name, :external_id, :subject, :text, :html, 'queued', :trace_id)
    """
)
_OUTBOX = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, ticket_id, message_id, payload)
    VALUES (:unique_key, 'reply', :channel, :lane, :trace_id, :ticket, :message, cast(:payload AS jsonb))
    """
)
_THREAD_KEY = text("INSERT INTO thread_key (key, ticket_id, own) VALUES (:key, :ticket, true)")
_STATUS = text(
    """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT :ticket, :sender, kind, old, new
    FROM (VALUES ('status', cast(:status AS text), 'waiting'),
                 ('stage', cast(:old_stage AS text), cast(:stage AS text))) AS given (kind, old, new)
    WHERE cast(:status AS text) IN ('open', 'in_progress') AND old <> new
    """
)
_REPLIED = text(
    """
    UPDATE ticket SET message_count = message_count + 1, updated_at = now(),
        status = CASE WHEN status IN ('open', 'in_progress') THEN 'waiting' ELSE status END,
        stage = CASE WHEN status IN ('open', 'in_progress') THEN :stage ELSE stage END
    WHERE id = :ticket
    """
)
