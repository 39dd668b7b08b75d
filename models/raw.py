"""Raw bytes of settled messages, which go sooner than their tickets.

Enters: how long they are kept. Leaves: rows of the inbox without body; what they held in the object store is noted to
be looked at. A mark keeps how far it got, so that no row is looked at twice. Works inside the caller's transaction;
raises only what the database raises.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

OBJECT_HOURS = 1
"""A message that is being accepted may point at an object in a moment: none is deleted sooner than this."""


async def drop(connection: AsyncConnection, days: float, most: int) -> int:
    """Drop the bytes of the next `most` items that came so long ago. Returns how many items were looked at.

    What waits or lies in quarantine keeps its bytes, and holds the mark until somebody has decided about it.
    """
    if not days:
        return 0
    row = (await connection.execute(_NEXT, {"days": days, "most": most})).one()
    if row.last is None:
        return 0
    values = {"first": row.first, "last": row.last}
    await connection.execute(_UNNEEDED, values)
    await connection.execute(_DROP, values)
    await connection.execute(_MARK, {"last": row.last})
    return int(row.items)


async def unneeded(connection: AsyncConnection, most: int) -> list[str]:
    """Objects that may be deleted where no row points at them. Locks them."""
    return list((await connection.execute(_OBJECTS, {"hours": OBJECT_HOURS, "most": most})).scalars())


async def forget(connection: AsyncConnection, sha256: str) -> None:
    """Note that an object was looked at."""
    await connection.execute(_FORGET, {"sha256": sha256})


_NEXT = text(
    """
    WITH mark AS (SELECT coalesce((SELECT value FROM care_mark WHERE name = 'raw'), 0) AS value),
    next AS (
        SELECT id, state, received_at FROM inbox WHERE id > (SELECT value FROM mark) ORDER BY id LIMIT :most
    ), stop AS (
        SELECT min(id) AS id FROM next
        WHERE state <> 'done' OR received_at >= now() - make_interval(secs => :days * 86400)
    )
    SELECT min(next.id) AS first, max(next.id) AS last, count(*) AS items FROM next, stop
    WHERE stop.id IS NULL OR next.id < stop.id
    """
)
_UNNEEDED = text(
    """
    INSERT INTO unneeded_object (sha256)
    SELECT DISTINCT body_sha256 FROM inbox WHERE id BETWEEN :first AND :last AND body_sha256 <> ''
    ON CONFLICT DO NOTHING
    """
)
_DROP = text(
    """
    UPDATE inbox SET body = NULL, body_sha256 = ''
    WHERE id BETWEEN :first AND :last AND state = 'done' AND (body IS NOT NULL OR body_sha256 <> '')
    """
)
_MARK = text(
    """
    INSERT INTO care_mark (name, value) VALUES ('raw', :last)
    ON CONFLICT (name) DO UPDATE SET value = greatest(care_mark.value, excluded.value)
    """
)
_OBJECTS = text(
    """
    SELECT sha256 FROM unneeded_object WHERE since < now() - make_interval(hours => :hours)
    ORDER BY since LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_FORGET = text("DELETE FROM unneeded_object WHERE sha256 = :sha256")
