"""Quarantine: what could not be settled, why, and what may be done about it.

    dead, quarantined ──retry────▶ pending                as if it had just come in
                      ──as ticket▶ pending, as_it_is      what can be read becomes a ticket, the bytes a file of it
                      ──discard──▶ done, machine          kept and inert, with whoever did it and why
    discarded         ──restore──▶ dead, quarantined

A discarded item counts as machine mail: both are kept, and answered by nobody, so the balance needs no further column.
Who discarded it and why stands in the item and in the log of operations. Every action takes the blocks that it touches
out of the kept sums first (`models.blocks`), and writes its lines of the log in the same transaction.

All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import blocks, operation
from models.actor import Actor
from models.reasons import without_personal

MOST_LISTED = 5_000
"""Items that are gathered by reason; of more, the newest."""
DISCARDED = "discarded by "
"""How the note of a discarded item begins."""
ACTIONS = ("retry", "ticket", "discard", "restore")


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One item in quarantine, without what it holds."""

    id: int
    channel: str
    account: str
    reason: str
    """Without personal content."""
    kind: str
    """Names the items of this channel with this reason."""
    size: int
    attempts: int
    trace_id: str
    received_at: datetime
    settled_at: datetime | None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Items of one channel that are there for one reason."""

    kind: str
    channel: str
    reason: str
    items: int
    newest: datetime
    oldest: datetime


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item, whole."""

    id: int
    channel: str
    account: str
    state: str
    outcome: str
    error: str
    """As it was noted: it may hold personal content."""
    size: int
    attempts: int
    trace_id: str
    received_at: datetime
    settled_at: datetime | None
    envelope: dict[str, Any]
    body: bytes | None
    body_sha256: str
    ticket_id: int | None

    @property
    def quarantined(self) -> bool:
        """Whether it waits for a decision."""
        return self.state == "dead"

    @property
    def discarded(self) -> bool:
        """Whether somebody decided that nothing is to come of it."""
        return self.state == "done" and self.error.startswith(DISCARDED)


async def count(connection: AsyncConnection) -> int:
    """How many items are in quarantine."""
    return int((await connection.execute(_COUNT)).scalar_one())


async def items(connection: AsyncConnection, most: int = MOST_LISTED) -> list[Waiting]:
    """The newest items, newest first."""
    return [_waiting(row) for row in await connection.execute(_ITEMS, {"most": most})]


def gather(waiting: Sequence[Waiting]) -> list[Kind]:
    """One `Kind` for each reason, the most frequent first."""
    kinds: dict[str, list[Waiting]] = {}
    for item in waiting:
        kinds.setdefault(item.kind, []).append(item)
    found = [
        Kind(
            kind=name,
            channel=some[0].channel,
            reason=some[0].reason,
            items=len(some),
            newest=max(item.received_at for item in some),
            oldest=min(item.received_at for item in some),
        )
        for name, some in kinds.items()
    ]
    return sorted(found, key=lambda kind: (-kind.items, kind.channel, kind.reason))


async def of_kind(connection: AsyncConnection, kind: str) -> list[int]:
    """The numbers of the items of a kind; of all, where `kind` is ''."""
    return [item.id for item in await items(connection) if kind in ("", item.kind)]


async def item(connection: AsyncConnection, number: int) -> Item | None:
    """One item of the inbox, in quarantine or not; None where there is none."""
    row = (await connection.execute(_ITEM, {"id": number})).one_or_none()
    return None if row is None else Item(**row._mapping)


async def retry(connection: AsyncConnection, actor: Actor, ids: Sequence[int]) -> int:
    """Let them be settled as if they had just come in. Returns how many there were."""
    return await _act(connection, actor, "retry", ids, "")


async def as_tickets(connection: AsyncConnection, actor: Actor, ids: Sequence[int]) -> int:
    """Let a ticket be made of what can be read of each, with its bytes as a file. Returns how many there were."""
    return await _act(connection, actor, "ticket", ids, "")


async def discard(connection: AsyncConnection, actor: Actor, ids: Sequence[int], why: str) -> int:
    """Keep them, and let nothing come of them. Returns how many there were."""
    return await _act(connection, actor, "discard", ids, why)


async def restore(connection: AsyncConnection, actor: Actor, ids: Sequence[int]) -> int:
    """Put discarded items back into quarantine. Returns how many there were."""
    return await _act(connection, actor, "restore", ids, "")


async def _act(connection: AsyncConnection, actor: Actor, action: str, ids: Sequence[int], note: str) -> int:
    await blocks.reopen(connection, ids)
    values = {"ids": list(ids)} | ({"note": f"{DISCARDED}{actor.label}: {note}"[:500]} if action == "discard" else {})
    values |= {"begins": f"{DISCARDED}%"} if action == "restore" else {}
    changed = [int(number) for number in (await connection.execute(_ACTIONS[action], values)).scalars()]
    await operation.write(connection, actor, action, [f"inbox:{number}" for number in changed], note)
    return len(changed)


def _waiting(row: Any) -> Waiting:
    reason = without_personal(row.last_error)
    return Waiting(
        id=row.id,
        channel=row.channel,
        account=row.account,
        reason=reason,
        kind=hashlib.blake2b(f"{row.channel}\0{reason}".encode(), digest_size=8).hexdigest(),
        size=row.size,
        attempts=row.attempts,
        trace_id=row.trace_id,
        received_at=row.received_at,
        settled_at=row.settled_at,
    )


_COUNT = text("SELECT count(*) FROM inbox WHERE state = 'dead'")
_ITEMS = text(
    """
    SELECT id, channel, account, last_error, size, attempts, trace_id, received_at, settled_at
    FROM inbox WHERE state = 'dead' ORDER BY id DESC LIMIT :most
    """
)
_ITEM = text(
    """
    SELECT id, channel, account, state, outcome, last_error AS error, size, attempts, trace_id, received_at, settled_at,
        envelope, body, body_sha256, ticket_id
    FROM inbox WHERE id = :id
    """
)
_AGAIN = "state = 'pending', settled_at = NULL, due_at = now(), attempts = 0, outcome = ''"
_ACTIONS = {
    "retry": text(f"UPDATE inbox SET {_AGAIN}, as_it_is = false WHERE id = ANY(:ids) AND state = 'dead' RETURNING id"),
    "ticket": text(f"UPDATE inbox SET {_AGAIN}, as_it_is = true WHERE id = ANY(:ids) AND state = 'dead' RETURNING id"),
    "discard": text(
        """
        UPDATE inbox SET state = 'done', outcome = 'machine', settled_at = now(), last_error = :note
        WHERE id = ANY(:ids) AND state = 'dead' RETURNING id
        """
    ),
    "restore": text(
        """
        UPDATE inbox SET state = 'dead', outcome = 'quarantined', last_error = substr(last_error, 1, 500)
        WHERE id = ANY(:ids) AND state = 'done' AND outcome = 'machine' AND last_error LIKE :begins RETURNING id
        """
    ),
}
