"""What an agent is told of a ticket: its customer, its state, what was said. Read in the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import page_link
from models.actor import Actor, visible
from models.answer_window import Window, window

MOST_MESSAGES = 20


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One message, as a notice shows it."""

    direction: str
    channel: str
    sender: str
    address: str
    words: str
    files: tuple[str, ...]
    at: datetime


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as its agent has to know it."""

    number: int
    subject: str
    status: str
    priority: str
    commitment_hours: int | None
    customer: str
    channel: str
    """That answers go out on."""
    address: str
    account: str
    assignee: int | None
    participants: tuple[str, ...]
    visible: bool
    """Whether the agent may see it now."""
    window: Window
    said: tuple[Said, ...]
    """Newest first, without what we sent by ourselves and without links that are a customer's alone."""


async def story(connection: AsyncConnection, number: int, actor: Actor, *, most: int = MOST_MESSAGES) -> Story | None:
    """Ticket `number`, or the one that it was merged into, as `actor` stands to it; None where there is none."""
    condition, values = visible(actor)
    statement = text(_TICKET.format(visible=condition))
    seen: set[int] = set()
    row: Any = None
    while number not in seen:
        seen.add(number)
        row = (await connection.execute(statement, {"number": number, **values})).one_or_none()
        if row is None or row.merged_into is None:
            break
        number = row.merged_into
    if row is None:
        return None
    said = await connection.execute(_SAID, {"number": row.id, "most": most}) if most else ()
    return Story(
        number=row.id,
        subject=" ".join(row.subject.split()),
        status=row.status,
        priority=row.priority,
        commitment_hours=row.commitment_hours,
        customer=row.contact or row.answer_address,
        channel=row.answer_channel,
        address=row.answer_address,
        account=row.answer_account,
        assignee=row.assignee_id,
        participants=tuple(row.participants),
        visible=row.visible,
        window=await window(connection, row.answer_channel, row.answer_account, row.answer_address),
        said=tuple(
            Said(
                direction=one.direction,
                channel=one.channel,
                sender=one.sender_name or one.sender,
                address=one.sender,
                words=page_link.veil(one.words),
                files=tuple(one.files),
                at=one.created_at,
            )
            for one in said
        ),
    )


_TICKET = """
    SELECT ticket.id, subject, status, priority, commitment_hours, contact.name AS contact, answer_channel,
        answer_address, answer_account, assignee_id, participants, merged_into, {visible} AS visible
    FROM ticket JOIN contact ON contact.id = ticket.contact_id WHERE ticket.id = :number
"""
_SAID = text(
    """
    SELECT direction, channel, sender, sender_name, coalesce(nullif(reply_text, ''), text) AS words, created_at,
        ARRAY(SELECT coalesce(nullif(filename, ''), content_type) FROM attachment WHERE message_id = message.id
              ORDER BY id) AS files
    FROM message
    WHERE ticket_id = :number AND (direction IN ('in', 'note') OR direction = 'out' AND sender LIKE 'agent:%')
    ORDER BY id DESC LIMIT :most
    """
)
