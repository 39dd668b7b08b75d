"""What is known of the contacts who write again: their tier, whether a ticket of theirs is late, what they said lately.

Enters: the identities that a batch found. Leaves: the same, acquainted. One query, and none where all are new. Fails
with what the database raises.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Resemble
from workers.known import Known, KnownIdentity, load_tickets
from workers.resemble import Sketch
from workers.said import Lately, Said

MOST = 40
"""Messages from and to an identity that are looked at, the newest: whoever chats for hours must not cost more."""


async def meet(connection: AsyncConnection, known: Known, settings: Resemble) -> None:
    """Acquaint the identities of a batch, and load the tickets that their new messages may join."""
    identities = known.identities.values()
    await _acquaint(connection, identities, now=known.now, window=timedelta(hours=settings.hours))
    if settings.merge:
        numbers = {said.ticket_id for identity in identities for said in identity.lately.said}
        await load_tickets(connection, known, numbers - known.tickets.keys(), ())


async def _acquaint(
    connection: AsyncConnection, identities: Collection[KnownIdentity], *, now: datetime, window: timedelta
) -> None:
    """Let each identity share what its contact said within `window`, by whichever address."""
    contacts: dict[int, Lately] = {}
    for identity in identities:
        if identity.contact_id:
            identity.lately = contacts.setdefault(identity.contact_id, identity.lately)
    if not contacts:
        return
    rows = await connection.execute(
        _ACQUAINTED, {"contacts": sorted(contacts), "now": now, "since": now - window, "most": MOST}
    )
    for row in rows:
        lately = contacts[row.contact_id]
        lately.tier, lately.overdue = row.tier, row.overdue
        if row.message_id is not None:
            lately.said.append(Said(Sketch.read(row.sketch), message_id=row.message_id, ticket_id=row.ticket_id))


_ACQUAINTED = text(
    """
    SELECT contact.id AS contact_id, tier, late.overdue, said.id AS message_id, said.ticket_id, said.sketch
    FROM contact
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(created_at + commitment_hours * interval '1 hour' < :now), false) AS overdue
        FROM (
            SELECT created_at, commitment_hours FROM ticket
            WHERE contact_id = contact.id AND status IN ('open', 'in_progress') ORDER BY ticket.id DESC LIMIT :most
        ) AS newest
    ) AS late
    LEFT JOIN LATERAL (
        SELECT lately.* FROM identity CROSS JOIN LATERAL (
            SELECT id, ticket_id, sketch FROM message
            WHERE identity_id = identity.id AND created_at > :since
            ORDER BY created_at DESC LIMIT :most
        ) AS lately
        WHERE identity.contact_id = contact.id AND lately.sketch IS NOT NULL
    ) AS said ON true
    WHERE contact.id = ANY(:contacts)
    ORDER BY said.id
    """
)
