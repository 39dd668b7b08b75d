"""Relay: an agent's answer goes out on the channel that the customer came by.

Enters: a ticket's number and what the agent wrote. Leaves: the message in the ticket, its outbox item, the ticket's new
state and history, in the caller's transaction. May fail: `NoTicketError`, `NoWayOutError`, or what the database raises.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import to_json
from models import conversation
from models.envelope import Address, OutboundMessage
from workers.batch import Office
from workers.known import draw, hash_key, message_key
from workers.thread import own_message_id, reply_token


class NoTicketError(LookupError):
    """There is no ticket of that number."""


class NoWayOutError(LookupError):
    """The ticket names no channel or no address that answers could go to."""


async def relay(connection: AsyncConnection, office: Office, number: int, words: str, *, agent: str) -> int:
    """Queue `words` of `agent` (a name that customers may read) to the customer. Returns the message's id."""
    ticket = await _locked(connection, number)
    channel = office.channels.get(ticket.answer_channel)
    if channel is None or not ticket.answer_address:
        raise NoWayOutError(f"ticket {number} cannot be answered: {ticket.answer_channel or 'no channel'}")
    [[message_id]] = await draw(connection, [("message", 1)])
    label = f"{ticket.answer_channel}:{ticket.answer_address}"
    domain = office.settings.mail.domain or ticket.answer_account.partition("@")[2] or "localhost"
    references = [row.external_id for row in await connection.execute(_REFERENCES, {"ticket": ticket.id})]
    outbound = OutboundMessage(
        channel=ticket.answer_channel,
        account=ticket.answer_account,
        to=Address(ticket.answer_address),
        subject=f"[#{ticket.id}] Re: {ticket.subject}"[:200],
        text=words,
        message_id=own_message_id(office.secret, ticket.id, secrets.token_hex(8), domain),
        references=tuple(reversed(references)),
        reply_address=channel.reply_address(ticket.answer_account, reply_token(office.secret, ticket.id, label)),
        language=ticket.language or office.settings.triage.languages[0],
        trace_id=secrets.token_hex(16),
    )
    await _write(connection, ticket, outbound, message_id, label, agent)
    if ticket.conversation and channel.elsewhere() is not None:
        await conversation.answered(connection, ticket.conversation, message_id)
    return message_id


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
    connection: AsyncConnection, ticket: Any, outbound: OutboundMessage, message_id: int, label: str, agent: str
) -> None:
    """Set the rows down."""
    values = {
        "ticket": ticket.id,
        "message": message_id,
        "channel": outbound.channel,
        "address": outbound.to.address,
        "sender": f"agent:{agent}",
        "name": agent,
        "external_id": outbound.message_id,
        "subject": outbound.subject,
        "text": outbound.text,
        "trace_id": outbound.trace_id,
        "unique_key": f"reply:{message_id}",
        "lane": label,
        "payload": to_json(outbound),
        "key": message_key(outbound.message_id),
        "status": ticket.status,
    }
    for statement in (_MESSAGE, _OUTBOX, _THREAD_KEY, _STATUS, _REPLIED):
        await connection.execute(statement, values)


_CONVERSATION = text("SELECT conversation FROM ticket WHERE id = :id")
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_TICKET = text(
    """
    SELECT id, subject, status, language, conversation, merged_into, answer_channel, answer_address, answer_account
    FROM ticket WHERE id = :id FOR UPDATE
    """
)
_REFERENCES = text(
    """
    SELECT external_id FROM message
    WHERE ticket_id = :ticket AND direction IN ('in', 'out') AND external_id <> '' ORDER BY id DESC LIMIT 10
    """
)
_MESSAGE = text(
    """
    INSERT INTO message (id, ticket_id, direction, channel, identity_id, sender, sender_name, external_id, subject,
        text, delivery, trace_id)
    VALUES (:message, :ticket, 'out', :channel,
        (SELECT id FROM identity WHERE channel = :channel AND address = :address),
        :sender, :name, :external_id, :subject, :text, 'queued', :trace_id)
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
    SELECT :ticket, :sender, 'status', cast(:status AS text), 'waiting'
    WHERE cast(:status AS text) IN ('open', 'in_progress')
    """
)
_REPLIED = text(
    """
    UPDATE ticket SET message_count = message_count + 1, updated_at = now(),
        status = CASE WHEN status IN ('open', 'in_progress') THEN 'waiting' ELSE status END
    WHERE id = :ticket
    """
)
