"""The ledger: what came in and must be settled (inbox), what must go out (outbox), files to be fetched (media).

    pending ──claim──▶ pending, due later, attempts + 1 ──complete──▶ done
       ▲                    │        │
       └──── lease over ────┘        ├──defer──▶ pending, due after a back-off
                                     └──bury───▶ dead (quarantine) ──replay──▶ pending

There is no state for "being worked on": a claimed item is merely not due yet, so a worker that dies leaves nothing to
repair. `attempts` is the fencing token: whoever completes, defers or buries must name the attempt it claimed, and
changes nothing when that attempt is no longer the latest.

All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models import blocks
from models.columns import Moment, document, key, link, moment, octets, one_of, words

STATES = ("pending", "done", "dead")
OUTCOMES = ("", "ticket", "appended", "duplicate", "machine", "quarantined")
KINDS = ("acknowledgement", "reply", "notice")

CLAIM_LOCK = {"inbox": 0x6775_6963_6801, "outbox": 0x6775_6963_6802, "media": 0x6775_6963_6803}
"""Advisory locks under which claims of one table follow each other (the bytes spell "guich")."""


class InboxItem(SQLModel, table=True):
    """One accepted message, byte for byte, and what became of it."""

    __tablename__: ClassVar[str] = "inbox"
    __table_args__ = (
        one_of("state", STATES),
        one_of("outcome", OUTCOMES),
        Index("inbox_door_key", "door_key", unique=True),
        Index("inbox_pending", "id", postgresql_where=text("state = 'pending'")),
        Index("inbox_pending_lane", "lane", "id", postgresql_where=text("state = 'pending'")),
        Index("inbox_dead", "id", postgresql_where=text("state = 'dead'")),
        Index("inbox_object", "body_sha256", postgresql_where=text("body_sha256 <> ''")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: int = key()
    door_key: UUID = Field(sa_column=Column(PgUUID(as_uuid=True), nullable=False))
    """Digest of (channel, account, external id): a provider's retry meets it."""
    channel: str = words()
    account: str = words()
    lane: str = words()
    trace_id: str = words()
    envelope: dict[str, object] = document()
    body: bytes | None = octets()
    body_sha256: str = words()
    """Name in the object store, where `body` is NULL."""
    size: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    state: str = words("pending")
    due_at: Moment = moment(now=True)
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    last_error: str = words()
    as_it_is: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    """Somebody asked for a ticket of whatever can be read of it (`models.quarantine`)."""
    outcome: str = words()
    ticket_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    message_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    received_at: Moment = moment(now=True)
    settled_at: Moment = moment(nullable=True)


class OutboxItem(SQLModel, table=True):
    """One message that must go out, and how far it got."""

    __tablename__: ClassVar[str] = "outbox"
    __table_args__ = (
        one_of("state", STATES),
        one_of("kind", KINDS),
        Index("outbox_key", "unique_key", unique=True),
        Index("outbox_pending", "id", postgresql_where=text("state = 'pending'")),
        Index("outbox_pending_lane", "lane", "id", postgresql_where=text("state = 'pending'")),
        Index("outbox_dead", "id", postgresql_where=text("state = 'dead'")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: int = key()
    unique_key: str = words()
    """What it is for, so that nothing is queued twice: `acknowledgement:<ticket>`, `reply:<message>`."""
    kind: str = words("reply")
    channel: str = words()
    lane: str = words()
    trace_id: str = words()
    ticket_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    message_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    payload: dict[str, object] = document()
    """The OutboundMessage."""
    state: str = words("pending")
    due_at: Moment = moment(now=True)
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    started_at: Moment = moment(nullable=True)
    """Set, committed, just before bytes may leave; cleared when they certainly did not."""
    last_error: str = words()
    provider_id: str = words()
    created_at: Moment = moment(now=True)
    settled_at: Moment = moment(nullable=True)


class MediaItem(SQLModel, table=True):
    """A file that a message named and that its provider still keeps; its place is a row of `attachment`."""

    __tablename__: ClassVar[str] = "media"
    __table_args__ = (
        one_of("state", STATES),
        Index("media_pending", "id", postgresql_where=text("state = 'pending'")),
        Index("media_pending_lane", "lane", "id", postgresql_where=text("state = 'pending'")),
        Index("media_dead", "id", postgresql_where=text("state = 'dead'")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: int = key()
    attachment_id: int = link("attachment.id", nullable=False)
    channel: str = words()
    account: str = words()
    lane: str = words()
    """One a file: none waits for another."""
    trace_id: str = words()
    payload: dict[str, object] = document()
    """The PendingFile."""
    state: str = words("pending")
    due_at: Moment = moment(now=True)
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    last_error: str = words()
    created_at: Moment = moment(now=True)
    settled_at: Moment = moment(nullable=True)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to settle one item: its id and the attempt that was claimed."""

    id: int
    attempts: int


async def claim(connection: AsyncConnection, table: str, *, limit: int, lease: float) -> Sequence[Any]:
    """Take up to `limit` due items, oldest first; each is due again `lease` seconds from now.

    An item stays where it is while an older one of its lane is claimed or deferred, so that one sender's messages are
    settled in order whatever the number of workers. Claims follow each other under an advisory lock: without it two
    of them, each blind to what the other has not committed, could take two items of one lane.
    Returns the rows, oldest first.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CLAIM_LOCK[table]})
    values = {"limit": limit, "lease": lease}
    rows = (await connection.execute(_CLAIM[table], values)).all()
    if not rows:
        # Nothing was due, or all of the oldest wait for an item of their lane: then look behind them.
        rows = (await connection.execute(_CLAIM_BEHIND[table], values)).all()
    return sorted(rows, key=lambda row: row.id)


# ANY(ARRAY(…)) and not IN (…): with IN the planner may run the sub-select again and claim far more than the limit.
_CLAIM = {
    table: text(
        f"""
        WITH oldest AS MATERIALIZED (
            SELECT id, lane FROM {table} WHERE state = 'pending' AND due_at <= now()
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        ), waiting AS MATERIALIZED (
            SELECT lane, min(id) AS id FROM {table}
            WHERE state = 'pending' AND due_at > now() AND lane = ANY(ARRAY(SELECT lane FROM oldest)) GROUP BY lane
        )
        UPDATE {table} SET attempts = attempts + 1, due_at = now() + make_interval(secs => :lease)
        WHERE id = ANY(ARRAY(
            SELECT oldest.id FROM oldest LEFT JOIN waiting USING (lane)
            WHERE waiting.id IS NULL OR waiting.id > oldest.id))
        RETURNING *
        """
    )
    for table in CLAIM_LOCK
}
_CLAIM_BEHIND = {
    table: text(
        f"""
        UPDATE {table} SET attempts = attempts + 1, due_at = now() + make_interval(secs => :lease)
        WHERE id = ANY(ARRAY(
            SELECT id FROM {table} AS item
            WHERE state = 'pending' AND due_at <= now() AND NOT EXISTS (
                SELECT FROM {table} AS older
                WHERE older.lane = item.lane AND older.state = 'pending' AND older.id < item.id
                  AND older.due_at > now())
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED))
        RETURNING *
        """
    )
    for table in CLAIM_LOCK
}


async def complete(
    connection: AsyncConnection, table: str, claims: Sequence[Claim], **columns: Sequence[Any]
) -> frozenset[int]:
    """Mark claimed items done, setting `columns` (one value an item). Returns the ids that the fence let through."""
    assignments = "".join(f", {name} = given.{name}" for name in columns)
    names = "".join(f", {name}" for name in columns)
    arrays = "".join(f", cast(:{name} AS {_ARRAYS[name]})" for name in columns)
    result = await connection.execute(
        text(
            f"""
            UPDATE {table} AS item SET state = 'done', settled_at = now(), last_error = ''{assignments}
            FROM unnest(cast(:ids AS bigint[]), cast(:attempts AS int[]){arrays}) AS given (id, attempts{names})
            WHERE item.id = given.id AND item.attempts = given.attempts AND item.state = 'pending'
            RETURNING item.id
            """
        ),
        {"ids": [c.id for c in claims], "attempts": [c.attempts for c in claims], **columns},
    )
    return frozenset(result.scalars())


_ARRAYS = {"outcome": "text[]", "ticket_id": "bigint[]", "message_id": "bigint[]", "provider_id": "text[]"}


async def defer(connection: AsyncConnection, table: str, item: Claim, *, seconds: float, error: str) -> bool:
    """Put a claimed item back, due in `seconds`, with the reason. False where the fence held it back."""
    cleared = ", started_at = NULL" if table == "outbox" else ""
    result = await connection.execute(
        text(
            f"""
            UPDATE {table} SET due_at = now() + make_interval(secs => :seconds), last_error = :error{cleared}
            WHERE id = :id AND attempts = :attempts AND state = 'pending'
            """
        ),
        {"id": item.id, "attempts": item.attempts, "seconds": seconds, "error": error},
    )
    return bool(result.rowcount)


async def renew(connection: AsyncConnection, table: str, claims: Sequence[Claim], *, lease: float) -> None:
    """Hold claimed items for `lease` seconds more. Those that somebody else claimed meanwhile are left alone."""
    await connection.execute(
        text(
            f"""
            UPDATE {table} AS item SET due_at = now() + make_interval(secs => :lease)
            FROM unnest(cast(:ids AS bigint[]), cast(:attempts AS int[])) AS given (id, attempts)
            WHERE item.id = given.id AND item.attempts = given.attempts AND item.state = 'pending'
            """
        ),
        {"ids": [c.id for c in claims], "attempts": [c.attempts for c in claims], "lease": lease},
    )


async def release(connection: AsyncConnection, table: str, claims: Sequence[Claim], *, seconds: float = 0.0) -> None:
    """Give claimed items back untried: due in `seconds`, the attempt not counted."""
    await connection.execute(
        text(
            f"""
            UPDATE {table} AS item SET due_at = now() + make_interval(secs => :seconds), attempts = item.attempts - 1
            FROM unnest(cast(:ids AS bigint[]), cast(:attempts AS int[])) AS given (id, attempts)
            WHERE item.id = given.id AND item.attempts = given.attempts AND item.state = 'pending'
            """
        ),
        {"ids": [c.id for c in claims], "attempts": [c.attempts for c in claims], "seconds": seconds},
    )


async def bury(connection: AsyncConnection, table: str, item: Claim, *, error: str) -> bool:
    """Move a claimed item into quarantine with its reason. False where the fence held it back."""
    outcome = ", outcome = 'quarantined'" if table == "inbox" else ""
    result = await connection.execute(
        text(
            f"""
            UPDATE {table} SET state = 'dead', settled_at = now(), last_error = :error{outcome}
            WHERE id = :id AND attempts = :attempts AND state = 'pending'
            """
        ),
        {"id": item.id, "attempts": item.attempts, "error": error},
    )
    return bool(result.rowcount)


async def replay(connection: AsyncConnection, table: str, ids: Sequence[int]) -> int:
    """Make buried items pending and due again, with a fresh count of attempts. Returns how many there were."""
    outcome = ", outcome = ''" if table == "inbox" else ""
    if table == "inbox":
        await blocks.reopen(connection, ids)
    result = await connection.execute(
        text(
            f"""
            UPDATE {table} SET state = 'pending', settled_at = NULL, due_at = now(), attempts = 0{outcome}
            WHERE id = ANY(:ids) AND state = 'dead'
            """
        ),
        {"ids": list(ids)},
    )
    return int(result.rowcount)
