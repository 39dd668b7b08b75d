"""Watch: what the database knows to be wrong now, as alarms (`models.alarm.Found`).

Enters: the settings of alarms. Leaves: findings. Each look reads pending and dead rows by their partial indexes, the
balance's open blocks, and some rows of the flow; nothing that grows with the years. Fails with what the database
raises.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.watching import Alarms
from models import presence
from models.alarm import Found
from models.balance import balance
from models.cursor import standings
from models.reasons import without_personal

MOST_ITEMS = 20
"""Items that an alarm names."""
WINDOWS = (1, 3, 6, 12, 24)
"""Hours of silence that are compared with the same hours of the weeks before."""
WEEKS = 4


async def look(connection: AsyncConnection, limits: Alarms) -> list[Found]:
    """All that is wrong."""
    return [
        *await _late(connection, limits),
        *await _quarantine(connection, limits),
        *await _balance(connection),
        *await _breaker(connection, limits),
        *await _places(connection, limits),
        *await _silent(connection, limits),
        *await _processes(connection),
    ]


async def _late(connection: AsyncConnection, limits: Alarms) -> list[Found]:
    """Queues whose oldest due item nobody takes."""
    found = []
    for queue, statement in _LATE.items():
        row = (await connection.execute(statement, {"seconds": limits.late_seconds})).one()
        if row.items:
            late = Found(kind="late", subject=queue, count=row.items, seconds=float(row.oldest), items=tuple(row.ids))
            found.append(late)
    return found


async def _quarantine(connection: AsyncConnection, limits: Alarms) -> list[Found]:
    row = (await connection.execute(_DIED)).one()
    found = []
    if row.quarantined >= limits.quarantine_hour:
        error = without_personal(row.error or "")
        found.append(Found(kind="quarantine", count=row.quarantined, items=tuple(row.ids or ()), error=error))
    if row.undelivered >= limits.undelivered_hour:
        found.append(Found(kind="undelivered", count=row.undelivered, items=tuple(row.outbox_ids or ())))
    return found


async def _balance(connection: AsyncConnection) -> list[Found]:
    """Channels whose sums do not add up, with the items that are in no known state."""
    off = [row for row in await balance(connection) if row.difference]
    found = []
    for row in off:
        values = {"channel": row.channel, "most": MOST_ITEMS}
        items = tuple((await connection.execute(_ASTRAY, values)).scalars())
        found.append(Found(kind="balance", subject=row.channel, grade="bad", count=abs(row.difference), items=items))
    return found


async def _breaker(connection: AsyncConnection, limits: Alarms) -> list[Found]:
    held = int((await connection.execute(_HELD)).scalar_one())
    return [Found(kind="breaker", count=held)] if held >= limits.held_hour else []


async def _places(connection: AsyncConnection, limits: Alarms) -> list[Found]:
    found = []
    for place in await standings(connection):
        failing = place.success_age is None or place.success_age > 60 * limits.fetching_minutes
        if place.last_error and failing:
            error, age = without_personal(place.last_error), place.success_age or 0.0
            found.append(Found(kind="fetching", subject=place.name, seconds=age, error=error))
        if place.drift:
            found.append(Found(kind="drift", subject=place.name, grade="bad", count=place.drift))
    return found


async def _silent(connection: AsyncConnection, limits: Alarms) -> list[Found]:
    """Channels from which nothing came, though at this time of the week something always does.

    The measure is the poorest of the four weeks before: one holiday among them asks for nothing, and with eight
    messages to be expected, silence by mere chance is one case in three thousand.
    """
    if not limits.silent_messages:
        return []
    found: dict[str, Found] = {}
    for hours in WINDOWS:
        for row in await connection.execute(_SILENT, {"hours": hours, "usual": limits.silent_messages, "weeks": WEEKS}):
            found.setdefault(
                row.channel, Found(kind="silent", subject=row.channel, count=row.usual, seconds=3600.0 * hours)
            )
    return list(found.values())


async def _processes(connection: AsyncConnection) -> list[Found]:
    """Processes that neither ended in order nor give signs of life."""
    return list(_gone(await presence.everybody(connection)))


def _gone(everybody: list[presence.Seen]) -> Iterator[Found]:
    for kind in presence.PROCESSES:
        known = [one for one in everybody if one.kind == kind]
        if known and not any(one.alive for one in known):
            yield Found(
                kind="process", subject=kind, grade="bad", count=len(known), seconds=min(one.age for one in known)
            )


_LATE = {
    table: text(
        f"""
        SELECT count(*) AS items, coalesce(extract(epoch FROM now() - min(due_at)), 0) AS oldest,
            (array_agg(id ORDER BY id))[1:{MOST_ITEMS}] AS ids
        FROM {table} WHERE state = 'pending' AND due_at < now() - make_interval(secs => :seconds)
        """
    )
    for table in ("inbox", "outbox", "media")
}
_DIED = text(
    f"""
    SELECT came.*, went.* FROM (
        SELECT count(*) AS quarantined, (array_agg(id ORDER BY id DESC))[1:{MOST_ITEMS}] AS ids,
            (array_agg(last_error ORDER BY id DESC))[1] AS error
        FROM inbox WHERE state = 'dead' AND settled_at > now() - interval '1 hour'
    ) AS came CROSS JOIN (
        SELECT count(*) AS undelivered, (array_agg(id ORDER BY id DESC))[1:{MOST_ITEMS}] AS outbox_ids
        FROM outbox WHERE state = 'dead' AND kind <> 'acknowledgement' AND settled_at > now() - interval '1 hour'
    ) AS went
    """
)
_ASTRAY = text(
    """
    SELECT id FROM inbox
    WHERE channel = :channel AND state <> 'pending' AND NOT (
        (state = 'dead' AND outcome = 'quarantined') OR (state = 'done' AND (
            outcome IN ('duplicate', 'machine') OR (outcome IN ('ticket', 'appended') AND ticket_id IS NOT NULL))))
    ORDER BY id DESC LIMIT :most
    """
)
_HELD = text(
    """
    SELECT count(*) FROM (
        SELECT reasons, created_at FROM message ORDER BY id DESC LIMIT 5000
    ) AS latest
    WHERE created_at > now() - interval '1 hour' AND reasons->>'acknowledge' LIKE 'A19:%'
    """
)
_SILENT = text(
    """
    WITH heard AS (SELECT DISTINCT channel FROM flow WHERE channel <> '' AND at > now() - interval '36 days')
    SELECT channel, usual FROM (
        SELECT channel, min(came) AS usual FROM heard CROSS JOIN generate_series(1, :weeks) AS week CROSS JOIN LATERAL (
            SELECT coalesce(sum(received), 0) AS came FROM flow
            WHERE flow.channel = heard.channel AND at <= now() - make_interval(weeks => week)
              AND at > now() - make_interval(weeks => week, hours => :hours)
        ) AS before GROUP BY channel
    ) AS known
    WHERE usual >= :usual AND NOT EXISTS (
        SELECT FROM flow
        WHERE flow.channel = known.channel AND received > 0 AND at > now() - make_interval(hours => :hours))
    """
)
