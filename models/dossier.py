"""The dossier: one ticket as those who work on it see it, with everything that was said, done and known.

Enters: who asks, a number. Leaves: plain values. What the actor may not see is not there: `None`, as for a number that
no ticket has. May fail: only with what the database raises.

Every query carries `visible`, also those for single messages and files: whoever guesses an id of another team's gets
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import page_link
from models.actor import Actor, visible

MOST_MESSAGES = 500
"""Of the newest; longer tickets say so."""
MOST_EVENTS = 300
PREVIEW = 20_000
"""Characters of one message that the page shows at once; the rest is a click away."""


class File(msgspec.Struct, frozen=True):
    """A file, without its bytes."""

    id: int
    filename: str
    content_type: str
    size: int
    state: str
    detail: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    id: int
    ticket_id: int
    direction: str
    channel: str
    sender: str
    sender_name: str
    subject: str
    text: str
    """The new words, links to the customer's own page left out."""
    longer: bool
    """Whether the message said more: quotes, a signature, or what is too long to show at once."""
    html: bool
    raw: bool
    proof: str
    reasons: dict[str, Any]
    remarks: Sequence[str]
    delivery: str
    delivery_detail: str
    automatic: bool
    created_at: datetime
    sent_at: datetime | None
    files: Sequence[File] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history."""

    id: int
    at: datetime
    actor: str
    name: str
    """Of the agent or contact, '' of a step."""
    kind: str
    old: str
    new: str
    reason: str
    """Why, as `models.assignment.because` reads it."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An address of the contact's."""

    channel: str
    address: str
    stopped_at: datetime | None
    blocked_until: datetime | None
    blocked_reason: str


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """Another ticket that has to do with this one."""

    number: int
    subject: str
    status: str
    updated_at: datetime
    score: int = 0
    """Percent, of a near-duplicate."""
    kind: str = ""
    """Of a link: related, duplicate, split; parent (the other is above) or child."""


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket, whole."""

    number: int
    subject: str
    status: str
    priority: str
    commitment_hours: int | None
    category: str
    product: str
    perimeter: str
    pipeline: str
    stage: str
    level: int
    contact_id: int
    contact: str
    tier: str
    channel: str
    account: str
    answer_channel: str
    answer_address: str
    answer_account: str
    conversation: str
    assignee_id: int | None
    assignee: str
    team: str
    language: str
    tags: Sequence[str]
    merged_into: int | None
    continues: int | None
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    snoozed_until: datetime | None
    due_at: datetime | None
    messages: Sequence[Message]
    cut: bool
    """Whether older messages are left out."""
    events: Sequence[Event]
    identities: Sequence[Identity]
    others: Sequence[Other]
    duplicates: Sequence[Other]
    children: Sequence[Other]
    """What was merged into it."""
    linked: Sequence[Other]


async def dossier(connection: AsyncConnection, actor: Actor, number: int) -> Dossier | None:
    """The ticket."""
    seen, given = visible(actor)
    values = {**given, "number": number}
    row = (await connection.execute(text(_TICKET.format(visible=seen)), values)).one_or_none()
    if row is None:
        return None
    values |= {"contact": row.contact_id, "messages": MOST_MESSAGES + 1, "events": MOST_EVENTS, "preview": PREVIEW}
    said = (await connection.execute(_MESSAGES, values)).all()
    events = await connection.execute(_EVENTS, values)
    identities = await connection.execute(_IDENTITIES, values)
    others = await connection.execute(text(_OTHERS.format(visible=seen)), values)
    duplicates = await connection.execute(text(_DUPLICATES.format(visible=seen)), values)
    children = await connection.execute(text(_CHILDREN.format(visible=seen)), values)
    linked = await connection.execute(text(_LINKED.format(visible=seen)), values)
    return Dossier(
        **row._mapping,
        messages=await _with_files(connection, said[:MOST_MESSAGES][::-1]),
        cut=len(said) > MOST_MESSAGES,
        events=[Event(**event._mapping) for event in events],
        identities=[Identity(**identity._mapping) for identity in identities],
        others=[Other(**other._mapping) for other in others],
        duplicates=[Other(**other._mapping) for other in duplicates],
        children=[Other(**other._mapping) for other in children],
        linked=[Other(**other._mapping) for other in linked],
    )


async def sees(connection: AsyncConnection, actor: Actor, numbers: Sequence[int]) -> list[int]:
    """Those of `numbers` that are tickets which the actor may see."""
    seen, given = visible(actor)
    return list((await connection.execute(text(_SEES.format(visible=seen)), {**given, "numbers": numbers})).scalars())


async def key_of(connection: AsyncConnection, actor: Actor, number: int) -> Any:
    """The ticket's `conversation` and the number of the `newest` message in it; None where it is not the actor's."""
    seen, given = visible(actor)
    return (await connection.execute(text(_KEY.format(visible=seen)), {**given, "number": number})).one_or_none()


async def whole(connection: AsyncConnection, actor: Actor, number: int, message_id: int) -> Any:
    """A message's whole `text`, its `html` and its `subject`; None where it is not one of that ticket's."""
    return await _one(connection, actor, _WHOLE, number, message_id)


async def raw(connection: AsyncConnection, actor: Actor, number: int, message_id: int) -> Any:
    """What came in: `body` or, where that is NULL, `body_sha256` in the object store; `envelope`."""
    return await _one(connection, actor, _RAW, number, message_id)


async def file(connection: AsyncConnection, actor: Actor, number: int, file_id: int) -> Any:
    """A file's `filename`, `content_type`, `size`, `content` or `sha256`."""
    return await _one(connection, actor, _FILE, number, file_id)


async def _one(connection: AsyncConnection, actor: Actor, statement: str, number: int, wanted: int) -> Any:
    seen, given = visible(actor)
    values = {**given, "number": number, "id": wanted}
    return (await connection.execute(text(statement.format(visible=seen)), values)).one_or_none()


async def _with_files(connection: AsyncConnection, rows: Sequence[Any]) -> list[Message]:
    files: dict[int, list[File]] = {}
    if rows:
        for found in await connection.execute(_FILES, {"messages": [row.id for row in rows]}):
            values = dict(found._mapping)
            files.setdefault(values.pop("message_id"), []).append(File(**values))
    return [
        Message(**{**row._mapping, "text": page_link.veil(row.text)}, files=tuple(files.get(row.id, ())))
        for row in rows
    ]


_TICKET = """
    SELECT ticket.id AS number, subject, status, priority, commitment_hours, category, product, perimeter, pipeline,
        stage, level, contact_id, contact.name AS contact, contact.tier, channel, account, answer_channel,
        answer_address, answer_account, conversation, assignee_id, coalesce(agent.name, '') AS assignee, team,
        ticket.language, tags, merged_into, continues, ticket.created_at, ticket.updated_at, resolved_at,
        CASE WHEN snoozed_until > now() THEN snoozed_until END AS snoozed_until,
        clock.due_at
    FROM ticket JOIN contact ON contact.id = ticket.contact_id LEFT JOIN agent ON agent.id = ticket.assignee_id
    LEFT JOIN ticket_clock AS clock ON clock.ticket_id = ticket.id
    WHERE ticket.id = :number AND {visible}
"""
_MESSAGES = text(
    """
    SELECT message.id, message.ticket_id, direction, channel, sender, coalesce(nullif(sender_name, ''), '')
        AS sender_name, subject, left(coalesce(nullif(reply_text, ''), message.text), :preview) AS text,
        (reply_text <> '' AND length(message.text) > length(reply_text) + 2)
            OR length(coalesce(nullif(reply_text, ''), message.text)) > :preview AS longer,
        html <> '' AND direction <> 'out' AS html, inbox_id IS NOT NULL AS raw, proof, reasons, remarks, delivery,
        delivery_detail, direction = 'out' AND sender NOT LIKE 'agent:%' AS automatic, created_at, sent_at
    FROM message WHERE ticket_id = :number ORDER BY message.id DESC LIMIT :messages
    """
)
_FILES = text(
    """
    SELECT id, message_id, filename, content_type, size, state, detail FROM attachment
    WHERE message_id = ANY(:messages) ORDER BY id
    """
)
_EVENTS = text(
    """
    SELECT ticket_event.id, at, actor, kind, old, new, reason, coalesce(agent.name, contact.name, '') AS name
    FROM ticket_event
    LEFT JOIN agent ON actor ~ '^agent:[0-9]{1,15}$' AND agent.id = cast(substring(actor FROM '[0-9]+$') AS bigint)
    LEFT JOIN contact ON actor ~ '^contact:[0-9]{1,15}$'
        AND contact.id = cast(substring(actor FROM '[0-9]+$') AS bigint)
    WHERE ticket_id = :number ORDER BY ticket_event.id DESC LIMIT :events
    """
)
_IDENTITIES = text(
    """
    SELECT channel, address, stopped_at, CASE WHEN blocked_until > now() THEN blocked_until END AS blocked_until,
        blocked_reason
    FROM identity WHERE contact_id = :contact ORDER BY id LIMIT 50
    """
)
_OTHERS = """
    SELECT id AS number, subject, status, updated_at FROM ticket
    WHERE contact_id = :contact AND id <> :number AND merged_into IS NULL AND {visible} ORDER BY id DESC LIMIT 10
"""
_DUPLICATES = """
    SELECT ticket.id AS number, ticket.subject, ticket.status, ticket.updated_at, max(resemblance.score) AS score
    FROM resemblance JOIN ticket ON ticket.id = CASE WHEN resemblance.ticket_id = :number
        THEN resemblance.earlier_ticket_id ELSE resemblance.ticket_id END
    WHERE :number IN (resemblance.ticket_id, resemblance.earlier_ticket_id) AND resemblance.state = 'offered'
      AND ticket.id <> :number AND ticket.merged_into IS NULL AND {visible}
    GROUP BY ticket.id ORDER BY max(resemblance.score) DESC LIMIT 5
"""
_CHILDREN = """
    SELECT id AS number, subject, status, updated_at FROM ticket WHERE merged_into = :number AND {visible}
    ORDER BY id LIMIT 50
"""
_LINKED = """
    SELECT ticket.id AS number, ticket.subject, ticket.status, ticket.updated_at,
        CASE WHEN ticket_link.kind = 'parent' AND other_id = :number THEN 'child' ELSE ticket_link.kind END AS kind
    FROM ticket_link JOIN ticket ON ticket.id = CASE WHEN ticket_id = :number THEN other_id ELSE ticket_id END
    WHERE :number IN (ticket_id, other_id) AND {visible} ORDER BY ticket.id LIMIT 50
"""
_SEES = "SELECT id FROM ticket WHERE id = ANY(:numbers) AND {visible}"
_KEY = """
    SELECT conversation, (SELECT coalesce(max(id), 0) FROM message WHERE ticket_id = ticket.id) AS newest FROM ticket
    WHERE id = :number AND {visible}
"""
_WHOLE = """
    SELECT message.subject, message.text, CASE WHEN direction <> 'out' THEN message.html ELSE '' END AS html
    FROM message JOIN ticket ON ticket.id = message.ticket_id
    WHERE message.id = :id AND ticket.id = :number AND {visible}
"""
_RAW = """
    SELECT inbox.envelope, inbox.body, inbox.body_sha256, inbox.size
    FROM message JOIN ticket ON ticket.id = message.ticket_id JOIN inbox ON inbox.id = message.inbox_id
    WHERE message.id = :id AND ticket.id = :number AND {visible}
"""
_FILE = """
    SELECT attachment.filename, attachment.content_type, attachment.size, attachment.content, attachment.sha256
    FROM attachment JOIN message ON message.id = attachment.message_id JOIN ticket ON ticket.id = message.ticket_id
    WHERE attachment.id = :id AND ticket.id = :number AND attachment.state = 'stored' AND {visible}
"""
