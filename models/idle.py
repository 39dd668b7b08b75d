"""Tickets that nobody touches: those that were put off come back, the silent and the ownerless are told.

    snoozed_until passed                    → event `snoozed`, new ''
    unresolved, nothing happened for days   → event `inactive`, new = the days; once for each silence
    unresolved, nobody's for minutes        → event `unassigned`; once until somebody has it

Who is told of these events is the notices' affair. An event of ours is no activity: `updated_at` stays. Tickets that
are put off are not silent. All functions work inside the caller's transaction and raise only what the database raises.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

AT_ONCE = 500


async def wake(connection: AsyncConnection) -> int:
    """Take up what was put off until now. Returns how many."""
    return int((await connection.execute(_WAKE, {"most": AT_ONCE})).rowcount)


async def inactive(connection: AsyncConnection, *, days: float) -> int:
    """Say of which tickets nothing was heard for `days`. Returns how many."""
    return int((await connection.execute(_INACTIVE, {"days": days, "most": AT_ONCE})).rowcount) if days else 0


async def unassigned(connection: AsyncConnection, *, minutes: float) -> int:
    """Say which tickets have been nobody's for `minutes`. Returns how many."""
    return (
        int((await connection.execute(_UNASSIGNED, {"minutes": minutes, "most": AT_ONCE})).rowcount) if minutes else 0
    )


_UNRESOLVED = "status NOT IN ('resolved', 'closed') AND merged_into IS NULL AND snoozed_until IS NULL"
_WAKE = text(
    """
    WITH due AS (
        SELECT id, snoozed_until FROM ticket WHERE snoozed_until <= now()
        ORDER BY snoozed_until LIMIT :most FOR UPDATE SKIP LOCKED
    ), woken AS (
        UPDATE ticket SET snoozed_until = NULL FROM due WHERE ticket.id = due.id RETURNING ticket.id, due.snoozed_until
    )
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT id, 'idle', 'snoozed', to_char(snoozed_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '' FROM woken
    """
)
_INACTIVE = text(
    f"""
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT id, 'idle', 'inactive', '', floor(extract(epoch FROM now() - updated_at) / 86400)::text FROM ticket
    WHERE {_UNRESOLVED} AND updated_at < now() - make_interval(secs => :days * 86400)
      AND NOT EXISTS (SELECT FROM ticket_event AS told
          WHERE told.ticket_id = ticket.id AND told.kind = 'inactive' AND told.at > ticket.updated_at)
    ORDER BY id LIMIT :most
    """
)
_UNASSIGNED = text(
    f"""
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT id, 'idle', 'unassigned', '', '' FROM ticket
    WHERE {_UNRESOLVED} AND assignee_id IS NULL AND created_at < now() - make_interval(secs => :minutes * 60)
      AND NOT EXISTS (SELECT FROM ticket_event AS told
          WHERE told.ticket_id = ticket.id AND (told.kind = 'unassigned' OR told.kind = 'assignee')
            AND told.at > now() - make_interval(secs => :minutes * 60))
      AND coalesce((SELECT last.kind FROM ticket_event AS last
          WHERE last.ticket_id = ticket.id AND last.kind IN ('unassigned', 'assignee')
          ORDER BY last.id DESC LIMIT 1), 'assignee') = 'assignee'
    ORDER BY id LIMIT :most
    """
)
