"""Undelivered: what was given up or refused on its way out, and how it is sent once more.

Acknowledgements are left out of what people must look at: most of them go to addresses that do not exist, and nobody
waits for them. All functions work inside the caller's transaction; they raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import operation
from models.actor import Actor
from models.reasons import without_personal


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """One message that did not leave."""

    id: int
    kind: str
    channel: str
    ticket_id: int | None
    reason: str
    """Without personal content."""
    attempts: int
    settled_at: datetime | None
    trace_id: str


async def dead(connection: AsyncConnection, most: int) -> list[Dead]:
    """What was given up, the newest first: answers and notices."""
    return [
        Dead(**{**row._mapping, "reason": without_personal(row.reason)})
        for row in await connection.execute(_DEAD, {"most": most})
    ]


async def resend(connection: AsyncConnection, actor: Actor, ids: Sequence[int]) -> int:
    """Queue them once more, as answers that were just given. Returns how many there were."""
    rows = (await connection.execute(_RESEND, {"ids": list(ids)})).all()
    await connection.execute(_QUEUED, {"messages": [row.message_id for row in rows if row.message_id]})
    for row in rows:
        if row.ticket_id:
            await connection.execute(_EVENT, {"ticket": row.ticket_id, "actor": actor.label, "new": str(row.id)})
    await operation.write(connection, actor, "resend", [f"outbox:{row.id}" for row in rows])
    return len(rows)


_DEAD = text(
    """
    SELECT id, kind, channel, ticket_id, last_error AS reason, attempts, settled_at, trace_id
    FROM outbox WHERE state = 'dead' AND kind <> 'acknowledgement' ORDER BY id DESC LIMIT :most
    """
)
_RESEND = text(
    """
    UPDATE outbox SET state = 'pending', settled_at = NULL, due_at = now(), attempts = 0, started_at = NULL,
        created_at = now()
    WHERE id = ANY(:ids) AND state = 'dead' AND kind <> 'acknowledgement'
    RETURNING id, ticket_id, message_id
    """
)
_QUEUED = text(
    """
    UPDATE message SET delivery = 'queued', delivery_detail = '' WHERE id = ANY(:messages) AND delivery = 'failed'
    """
)
_EVENT = text("INSERT INTO ticket_event (ticket_id, actor, kind, new) VALUES (:ticket, :actor, 'resent', :new)")
