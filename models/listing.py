"""What people ask of the tickets: lists and single tickets, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class TicketLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of tickets; its fields are part of the public face."""

    number: int
    subject: str
    status: str
    priority: str
    category: str
    channel: str
    language: str
    contact: str
    messages: int
    acknowledged: bool
    created_at: datetime


class MessageLine(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a ticket."""

    direction: str
    channel: str
    sender: str
    proof: str
    """How the sender is known: proved, aligned, unproved or failed."""
    message_id: str
    subject: str
    text: str
    reply_text: str
    delivery: str
    reasons: dict[str, str]
    remarks: Sequence[str]
    attachments: Sequence[str]
    trace_id: str
    created_at: datetime


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """Another ticket in which the same contact said the same."""

    number: int
    score: int
    """Percent."""
    state: str
    """offered, merged or dismissed."""


class TicketWhole(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket with everything that was said in it, oldest first, and its history."""

    ticket: TicketLine
    messages: Sequence[MessageLine]
    history: Sequence[str]
    duplicates: Sequence[Duplicate] = ()
    """Tickets that say the same, offered for merging or merged."""


async def tickets(connection: AsyncConnection, *, limit: int = 0) -> list[TicketLine]:
    """The newest `limit` tickets (0: all), oldest of them first."""
    rows = await connection.execute(_TICKETS, {"limit": limit or None, "number": None})
    return [TicketLine(**row._mapping) for row in rows]


async def ticket(connection: AsyncConnection, number: int) -> TicketWhole | None:
    """One ticket, whole; None where there is none of that number."""
    row = (await connection.execute(_TICKETS, {"limit": 1, "number": number})).one_or_none()
    if row is None:
        return None
    messages = await connection.execute(_MESSAGES, {"number": number})
    history = await connection.execute(_HISTORY, {"number": number})
    duplicates = await connection.execute(_DUPLICATES, {"number": number})
    return TicketWhole(
        ticket=TicketLine(**row._mapping),
        messages=[MessageLine(**message._mapping) for message in messages],
        history=[
            f"{event.at:%Y-%m-%d %H:%M:%S} {event.actor}: {event.kind} {event.old} → {event.new}" for event in history
        ],
        duplicates=[Duplicate(**duplicate._mapping) for duplicate in duplicates],
    )


async def quarantined(connection: AsyncConnection) -> list[int]:
    """Ids of the inbox items in quarantine."""
    return [row.id for row in await connection.execute(text("SELECT id FROM inbox WHERE state = 'dead' ORDER BY id"))]


_TICKETS = text(
    """
    SELECT * FROM (
        SELECT ticket.id AS number, subject, status, priority, category, channel, ticket.language,
            coalesce(nullif(answer_address, ''), contact.name) AS contact, message_count AS messages,
            acknowledged_at IS NOT NULL AS acknowledged, ticket.created_at
        FROM ticket JOIN contact ON contact.id = ticket.contact_id
        WHERE cast(:number AS bigint) IS NULL OR ticket.id = :number
        ORDER BY ticket.id DESC LIMIT cast(:limit AS bigint)
    ) AS newest ORDER BY number
    """
)
_MESSAGES = text(
    """
    SELECT direction, channel, sender, proof, external_id AS message_id, subject, text,
        coalesce(nullif(reply_text, ''), text) AS reply_text, delivery, reasons, remarks, trace_id, created_at,
        ARRAY(
            SELECT CASE state
                WHEN 'stored' THEN filename || ' (' || size || ' bytes)'
                WHEN 'pending' THEN coalesce(nullif(filename, ''), content_type) || ' (being fetched)'
                ELSE coalesce(nullif(filename, ''), content_type) || ' (unavailable: ' || detail || ')' END
            FROM attachment WHERE message_id = message.id ORDER BY id
        ) AS attachments
    FROM message WHERE ticket_id = :number ORDER BY id
    """
)
_HISTORY = text("SELECT at, actor, kind, old, new FROM ticket_event WHERE ticket_id = :number ORDER BY id")
_DUPLICATES = text(
    """
    SELECT CASE WHEN ticket_id = :number THEN earlier_ticket_id ELSE ticket_id END AS number, score, state
    FROM resemblance WHERE :number IN (ticket_id, earlier_ticket_id) ORDER BY id
    """
)
