"""`guichet replay --dry-run`: what today's rules and model would decide otherwise about what came in. Changes nothing.

Enters: a moment; the raw items since then that opened a ticket, read anew in the reader's child. Leaves: one `Change`
for each field of a ticket's first decision that would be another now. An item that cannot be read any more is a change
as well, and says so. Fails with what the database raises while it is asked for items.

What is known of the sender today (tier, what is overdue) is left out: it was another then. A ticket that an agent has
sorted since is compared as the agent left it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.objects import Objects
from config.settings import Settings
from models.envelope import Envelope, RawMessage
from workers.reader import Reader
from workers.reading import Reading
from workers.rules import Rules
from workers.triage import triage

BATCH = 200
FIELDS = ("category", "priority", "language", "product")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a ticket that would be decided otherwise."""

    ticket: int
    item: int
    field: str
    """category, priority, language, product; or `reading`, where the item cannot be read any more."""
    before: str
    after: str
    why: str


class Rehearsal(msgspec.Struct, frozen=True):
    """All that was looked at."""

    items: int
    changes: Sequence[Change]


async def rehearse(connection: AsyncConnection, settings: Settings, since: datetime) -> Rehearsal:
    """Read and sort again what came in since `since` and opened a ticket."""
    reader, objects, rules = Reader(settings), Objects(settings), Rules.of(settings)
    items, changes = 0, list[Change]()
    try:
        async for rows in _batches(connection, since):
            raws = [RawMessage(msgspec.convert(row.envelope, Envelope), await _body(row, objects)) for row in rows]
            for row, reading in zip(rows, await reader.read(raws), strict=True):
                changes += _changes(row, reading, rules)
            items += len(rows)
    finally:
        await reader.close()
    return Rehearsal(items, changes)


async def _batches(connection: AsyncConnection, since: datetime) -> AsyncIterator[Sequence[Any]]:
    last = 0
    while rows := list(await connection.execute(_ITEMS, {"since": since, "last": last, "batch": BATCH})):
        yield rows
        last = rows[-1].id


async def _body(row: Any, objects: Objects) -> bytes:
    return row.body if row.body is not None else await objects.get(row.body_sha256)


def _changes(row: Any, reading: Reading, rules: Rules) -> Iterator[Change]:
    if not reading.messages:
        why = reading.malformed or reading.killed or "it holds no message"
        yield Change(ticket=row.ticket_id, item=row.id, field="reading", before="read", after="not read", why=why)
        return
    verdict = triage(reading.messages[0], rules)
    for field in FIELDS:
        before, after = getattr(row, field), getattr(verdict, field)
        if before != after:
            why = next((reason for reason in verdict.why if reason.startswith(field)), "")
            yield Change(ticket=row.ticket_id, item=row.id, field=field, before=before, after=after, why=why)


def show(rehearsal: Rehearsal, *, json: bool) -> None:
    """Print the table of changes, or one JSON line a change."""
    if json:
        for change in rehearsal.changes:
            sys.stdout.write(msgspec.json.encode(change).decode() + "\n")
        return
    table = Table(
        "ticket", "what", "is", "would be", "why", title=f"{len(rehearsal.changes)} changes", title_justify="left"
    )
    for change in rehearsal.changes:
        words = (change.field, change.before, change.after, change.why)
        table.add_row(f"#{change.ticket}", *map(escape, words))
    console = Console(emoji=False)
    console.print(table)
    console.print(f"{rehearsal.items} messages that opened a ticket were read again. Nothing was changed.")


_ITEMS = text(
    """
    SELECT inbox.id, inbox.envelope, inbox.body, inbox.body_sha256, inbox.ticket_id, ticket.category, ticket.priority,
        ticket.language, ticket.product
    FROM inbox JOIN ticket ON ticket.id = inbox.ticket_id
    WHERE inbox.id > :last AND inbox.received_at >= :since AND inbox.state = 'done' AND inbox.outcome = 'ticket'
    ORDER BY inbox.id LIMIT :batch
    """
)
