"""Tell: events of tickets become duties to tell those who subscribed. Never lost, at least once, each under one id.

    ticket_event, message ──frontier──▶ webhook_event ──subscriptions that may see the ticket──▶ webhook_delivery

Enters: the rows of two tables beyond the cursor of each. Leaves: events and deliveries, and the cursor moved, in one
transaction. May fail: with what the database raises; then nothing has changed, and the next look finds the same.

Ids are drawn before their rows are committed, so a row may appear behind others with higher ids. A cursor therefore
moves only to a frontier: the last id that was drawn when every transaction that had drawn one had ended. Whoever draws
an id holds a lock on its sequence until they end (PostgreSQL's `nextval`), and these are what is waited for.

No words of a customer and no address stand in what is told: only numbers, states and names of ours. Who wants to read
more asks the API, which knows what they may see now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config import logs
from config.database import Database
from models.actor import Actor, visible

TELL_LOCK = 0x6775_6963_6810
AT_ONCE = 500
TOLD_FIELDS = frozenset(
    (
        "status", "priority", "category", "product", "commitment_hours", "perimeter", "pipeline", "stage", "level",
        "team", "assignee", "tags", "language", "merged", "merged_from", "split_to", "split_from", "snoozed", "solved",
        "satisfaction", "inactive", "unassigned", "continues",
    )
)  # fmt: skip
"""Kinds of changes whose values are ours: of others it is told that they happened, and not what they say."""

log = logs.of("webhooks")


@dataclass(slots=True)
class Frontier:
    """How far a table can be read without missing a row."""

    sequence: str
    safe: int = -1
    _drawn: int = -1
    _awaited: frozenset[str] = frozenset()

    async def move(self, connection: AsyncConnection) -> int:
        """Look again; the highest id up to which all rows are there, or never will be. -1 while unknown."""
        if self._drawn > self.safe:
            holders = await self._holders(connection)
            self._awaited &= holders
            if not self._awaited:
                self.safe = self._drawn
        if self._drawn == self.safe:
            # First the number, then who holds the sequence: whoever drew a lower one is among them, or has ended.
            self._drawn = int((await connection.execute(_DRAWN[self.sequence])).scalar_one())
            self._awaited = await self._holders(connection) if self._drawn > self.safe else frozenset()
            if not self._awaited:
                self.safe = self._drawn
        return self.safe

    async def _holders(self, connection: AsyncConnection) -> frozenset[str]:
        rows = await connection.execute(_HOLDERS, {"sequence": self.sequence})
        return frozenset(rows.scalars())


class Tell:
    """Looks for what is to be told. One for each worker process; several of them take turns."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._frontiers = {source: Frontier(f"{source}_id_seq") for source in _SOURCES}

    async def drain(self) -> int:
        """Turn what happened into deliveries. Returns how many rows were looked at; 0 where all is told."""
        async with self.database.engine.begin() as connection:
            if not await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": TELL_LOCK}):
                return 0
            subscriptions = (await connection.execute(_SUBSCRIPTIONS)).all()
            if not subscriptions:
                # Nobody asks: the next one who does begins with what happens then (`models.hooks`).
                await connection.execute(_NOBODY)
                return 0
            looked = 0
            for source, frontier in self._frontiers.items():
                looked += await self._source(connection, source, await frontier.move(connection), subscriptions)
            return looked

    async def _source(self, connection: AsyncConnection, source: str, safe: int, subscriptions: Sequence[Any]) -> int:
        if safe < 0:
            return 0
        position = await connection.scalar(_POSITION, {"name": source})
        if position is None or position >= safe:
            return 0
        rows = (await connection.execute(_SOURCES[source], {"after": position, "to": safe, "limit": AT_ONCE})).all()
        told = [event for event in (event_of(source, row) for row in rows) if event is not None]
        if told:
            await self._write(connection, told, subscriptions)
        end = rows[-1].id if len(rows) == AT_ONCE else safe
        await connection.execute(_MOVE, {"name": source, "position": end})
        return len(rows)

    async def _write(
        self, connection: AsyncConnection, told: Sequence[dict[str, Any]], subscriptions: Sequence[Any]
    ) -> None:
        columns = {name: [event[name] for event in told] for name in ("key", "kind", "ticket", "payload")}
        ids = list((await connection.execute(_EVENTS, columns)).scalars())
        for subscription in subscriptions:
            # A subscription sees what a program with its teams would see.
            role = "supervisor" if subscription.every_team else "agent"
            sees, values = visible(Actor("program", subscription.id, role=role, teams=tuple(subscription.teams)))
            values |= {"subscription": subscription.id, "kinds": subscription.events, "ids": ids}
            await connection.execute(text(_DELIVERIES.format(sees=sees)), values)


def event_of(source: str, row: Any) -> dict[str, Any] | None:
    """What is told of a row; None where nothing is."""
    if source == "message":
        kind = {"in": "message.received", "out": "message.sent", "note": "message.noted"}.get(row.direction)
        data = {"ticket": row.ticket, "message": row.id, "channel": row.channel, "automatic": row.automatic}
        data |= {"url": f"/api/v1/messages/{row.id}"}
    elif row.kind == "created":
        kind, data = "ticket.created", {"ticket": row.ticket, "actor": _actor(row.actor)}
        data |= {"url": f"/api/v1/tickets/{row.ticket}"}
    elif row.kind in ("delivery", "complaint"):
        state = row.new if row.kind == "delivery" else row.kind
        kind, data = "message.delivery", {"ticket": row.ticket, "state": state}
        data |= {"url": f"/api/v1/tickets/{row.ticket}/messages"}
    elif row.kind in ("noted", "mention", "consent"):
        return None
    else:
        kind, data = "ticket.changed", {"ticket": row.ticket, "actor": _actor(row.actor), "field": row.kind}
        known = row.kind in TOLD_FIELDS
        data |= {"old": row.old, "new": row.new} if known else {}
        data |= {"url": f"/api/v1/tickets/{row.ticket}"}
    if kind is None:
        return None
    key = f"{'msg' if source == 'message' else 'evt'}_{row.id}"
    payload = msgspec.json.encode({"type": kind, "timestamp": row.at, "data": data}).decode()
    return {"key": key, "kind": kind, "ticket": row.ticket, "payload": payload}


def _actor(label: str) -> str:
    """Who did it; of a customer only that it was one."""
    return "contact" if label.startswith("contact:") else label


_DRAWN = {
    f"{table}_id_seq": text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_id_seq")
    for table in ("ticket_event", "message")
}
_HOLDERS = text(
    """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = cast(:sequence AS regclass) AND mode = 'RowExclusiveLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
)
_SUBSCRIPTIONS = text(
    "SELECT id, events, every_team, teams FROM webhook_subscription WHERE disabled_at IS NULL ORDER BY id"
)
_POSITION = text("SELECT position FROM webhook_cursor WHERE name = :name")
_MOVE = text(
    """
    UPDATE webhook_cursor SET position = :position WHERE name = :name
    """
)
_NOBODY = text("DELETE FROM webhook_cursor")
_SOURCES = {
    "ticket_event": text(
        """
        SELECT id, ticket_id AS ticket, at, actor, kind, old, new FROM ticket_event
        WHERE id > :after AND id <= :to ORDER BY id LIMIT :limit
        """
    ),
    "message": text(
        """
        SELECT message.id, message.ticket_id AS ticket, message.created_at AS at, message.direction, message.channel,
            outbox.id IS NOT NULL AS automatic
        FROM message LEFT JOIN outbox ON outbox.unique_key = 'acknowledgement:' || message.ticket_id
            AND outbox.message_id = message.id
        WHERE message.id > :after AND message.id <= :to AND message.ticket_id IS NOT NULL
        ORDER BY message.id LIMIT :limit
        """
    ),
}
_EVENTS = text(
    """
    INSERT INTO webhook_event (key, kind, ticket_id, payload)
    SELECT * FROM unnest(
        cast(:key AS text[]), cast(:kind AS text[]), cast(:ticket AS bigint[]), cast(:payload AS text[]))
    ON CONFLICT (key) DO UPDATE SET key = excluded.key
    RETURNING id
    """
)
_DELIVERIES = """
    INSERT INTO webhook_delivery (subscription_id, event_id)
    SELECT cast(:subscription AS bigint), event.id
    FROM webhook_event AS event JOIN ticket ON ticket.id = event.ticket_id
    WHERE event.id = ANY(:ids) AND event.kind = ANY(:kinds) AND {sees} ORDER BY event.id
    ON CONFLICT (subscription_id, event_id) DO NOTHING
"""
