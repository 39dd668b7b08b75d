"""Accept: the only way into the inbox. A sender hears yes only after its bytes are committed and flushed.

Enters: a RawMessage from a door. Leaves: `Accepted`, once PostgreSQL has flushed the row (and the object store the
body, if it is large). May fail: `TooLarge`, or `Busy` when the database does not commit; in both cases nothing was
stored.

Accepts are grouped: whoever waits goes into one statement and one commit, and while it is under way the next group
gathers by itself. A group that fails is tried again row by row, so that one bad row harms nobody else.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import Busy, TooLarge
from config import logs
from config.database import Database, to_json
from config.faults import crash_point
from config.objects import Objects
from config.settings import Settings
from gateway.conversations import StoredConversations
from gateway.cursors import LeasedCursor
from models.envelope import Accepted, Envelope, Outcome, RawMessage

GROUP_ROWS = 500
GROUP_BYTES = 8_000_000
FEW, GATHER = 16, 0.004
"""While messages come in steadily, but fewer than so many at a time, a group gathers for so many seconds: a commit for
each would cost three times as much. A message that comes alone does not wait."""
OUTCOME_POLL = 0.05
"""Seconds between two looks at an item whose outcome a door waits for."""

UNSTORABLE = re.compile("[\0\ud800-\udfff]")

Also = Callable[[AsyncConnection], Awaitable[None]]
"""What else is to be done in the transaction that stores messages."""

log = logs.of("accept")


def door_key(channel: str, account: str, external_id: str) -> UUID:
    """The digest under which a provider's retry meets the first delivery."""
    name = "\0".join((channel, account, external_id)).encode("utf-8", "surrogatepass")
    return UUID(bytes=hashlib.blake2b(name, digest_size=16).digest())


@dataclass(slots=True)
class Waiting:
    """One message on its way into the inbox, and who waits for it."""

    row: tuple[Any, ...]
    size: int
    future: asyncio.Future[Accepted]

    @property
    def key(self) -> UUID:
        """Its door key."""
        key: UUID = self.row[0]
        return key

    @property
    def trace_id(self) -> str:
        """The id that every line on its way carries."""
        trace_id: str = self.row[_COLUMNS.index("trace_id")]
        return trace_id

    def answer(self, item_id: int, digest: str, known: bool) -> Accepted:
        """What its sender is told, of the item that stands under its key."""
        same: bool = self.row[_COLUMNS.index("body_sha256")] == digest
        return Accepted(item_id=item_id, repeated=known or not same, altered=not same)


class Inbox:
    """Implements `channels.Accept` over PostgreSQL. One per gateway process; `run` must be running."""

    def __init__(
        self,
        database: Database,
        objects: Objects,
        settings: Settings,
        ring: Callable[[], None],
        conversations: StoredConversations | None = None,
    ) -> None:
        self.database = database
        self.objects = objects
        self.settings = settings
        self.ring = ring
        self.conversations = conversations or StoredConversations(database, objects, settings)
        self.accepted = 0
        self.refused = 0
        self._waiting: deque[Waiting] = deque()
        self._arrival = asyncio.Event()
        self._committed_at = float("-inf")

    async def __call__(self, raw: RawMessage) -> Accepted:
        """Store `raw` durably, or find that it is stored already."""
        waiting = await self._prepare(raw)
        self._waiting.append(waiting)
        self._arrival.set()
        return await waiting.future

    async def _prepare(self, raw: RawMessage) -> Waiting:
        size = len(raw.body)
        if size > max(self.settings.smtp.max_message_bytes, self.settings.http.max_body_bytes):
            raise TooLarge(f"{size} bytes")
        crash_point("X1")
        digest = hashlib.sha256(raw.body).hexdigest()
        body = await self._place(raw.body)
        row = _row(storable(raw.envelope), body, digest, size)
        return Waiting(row, len(body or b""), asyncio.get_running_loop().create_future())

    def cursor(self, name: str) -> LeasedCursor:
        """The cursor `name`, unleased yet."""
        return LeasedCursor(self, name, uuid4().hex)

    async def store_together(self, raws: Sequence[RawMessage], also: Also) -> list[Accepted]:
        """Store `raws` and do what `also` does, in one commit. Raises `Busy`, `TooLarge`, or what `also` raises."""
        group = [await self._prepare(raw) for raw in raws]
        try:
            accepted = await self._insert(group, also)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.error("accept_failed", rows=len(group), error=type(error).__name__)
            self.refused += len(group)
            raise Busy("the database does not commit") from error
        if group:
            self.accepted += len(group)
            self.ring()
        answers = [waiting.answer(*accepted[waiting.key]) for waiting in group]
        for waiting, answer in zip(group, answers, strict=True):
            log.info("message_accepted", trace_id=waiting.trace_id, item_id=answer.item_id, repeated=answer.repeated)
        return answers

    async def _place(self, body: bytes) -> bytes | None:
        """The body for the row, or None once it stands in the object store."""
        if len(body) <= self.settings.ledger.inline_bytes:
            return body
        try:
            await self.objects.put(body)
        except Exception as error:
            log.error("object_store_failed", error=type(error).__name__)
            raise Busy("the object store does not take the body", full=_disk_full(error)) from error
        return None

    async def run(self) -> None:
        """Commit group after group until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._arrival.wait()
            self._arrival.clear()
            while self._waiting:
                if len(self._waiting) < FEW and loop.time() - self._committed_at < GATHER:
                    await asyncio.sleep(GATHER)
                group = self._gather()
                try:
                    await self._commit(group)
                except Exception as error:
                    log.exception("accept_bug")
                    self._refuse(group, error)

    def _gather(self) -> list[Waiting]:
        group: list[Waiting] = []
        size = 0
        while self._waiting and len(group) < GROUP_ROWS and (not group or size < GROUP_BYTES):
            group.append(self._waiting.popleft())
            size += group[-1].size
        return group

    async def _commit(self, group: Sequence[Waiting]) -> None:
        """Store the group and answer each of its senders."""
        try:
            accepted = await self._insert(group)
        except (SQLAlchemyError, OSError, TimeoutError, asyncio.CancelledError) as error:
            if len(group) > 1 and isinstance(error, SQLAlchemyError) and not _connection_lost(error):
                for waiting in group:
                    await self._commit([waiting])
                return
            self._refuse(group, error)
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        for waiting in group:
            answer = waiting.answer(*accepted[waiting.key])
            if not waiting.future.done():
                waiting.future.set_result(answer)
            log.info("message_accepted", trace_id=waiting.trace_id, item_id=answer.item_id, repeated=answer.repeated)
        self.accepted += len(group)
        self._committed_at = asyncio.get_running_loop().time()
        crash_point("X3")
        self.ring()

    def _refuse(self, group: Sequence[Waiting], error: BaseException) -> None:
        self.refused += len(group)
        log.error("accept_failed", rows=len(group), error=type(error).__name__)
        for waiting in group:
            if not waiting.future.done():
                waiting.future.set_exception(Busy("the database does not commit", full=_disk_full(error)))

    async def _insert(self, group: Sequence[Waiting], also: Also | None = None) -> dict[UUID, tuple[int, str, bool]]:
        """One statement, one commit. Each key's item: its id, its body's digest, whether it was there before."""
        accepted: dict[UUID, tuple[int, str, bool]] = {}
        async with self.database.engine.begin() as connection:
            if also is not None:
                await also(connection)
            if group:
                accepted = await _rows_in(connection, group)
            crash_point("X2")
        missing = [w.key for w in group if w.key not in accepted]
        if missing:
            async with self.database.engine.connect() as connection:
                for row in await connection.execute(_FIND, {"keys": missing}):
                    accepted[row.door_key] = (row.id, row.body_sha256, True)
        return accepted

    async def absent(self, keys: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """Those of `keys` (channel, account, external id) that were never accepted. Raises `Busy`."""
        by_digest = {door_key(*key): key for key in keys}
        try:
            async with self.database.engine.connect() as connection:
                known = {row.door_key for row in await connection.execute(_FIND, {"keys": list(by_digest)})}
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise Busy("the database does not answer") from error
        return [key for digest, key in by_digest.items() if digest not in known]

    async def outcome(self, channel: str, account: str, external_id: str, *, wait: float = 0.0) -> Outcome | None:
        """What became of an accepted item, waiting up to `wait` seconds for it to leave 'pending'."""
        deadline = asyncio.get_running_loop().time() + wait
        key = door_key(channel, account, external_id)
        while True:
            found = await self._look(key)
            if found is None or found.kind != "pending" or asyncio.get_running_loop().time() >= deadline:
                return found
            await asyncio.sleep(OUTCOME_POLL)

    async def _look(self, key: UUID) -> Outcome | None:
        try:
            async with self.database.engine.connect() as connection:
                row = (await connection.execute(_OUTCOME, {"key": key})).one_or_none()
        except (SQLAlchemyError, OSError) as error:
            raise Busy("the database does not answer") from error
        return Outcome(kind=row.outcome or "pending", ticket_number=row.ticket_id) if row else None


async def _rows_in(connection: AsyncConnection, group: Sequence[Waiting]) -> dict[UUID, tuple[int, str, bool]]:
    columns = dict(zip(_COLUMNS, (list(column) for column in zip(*(w.row for w in group), strict=True)), strict=True))
    stored = await connection.execute(_INSERT, columns)
    return {row.door_key: (row.id, row.body_sha256, False) for row in stored}


def _connection_lost(error: SQLAlchemyError) -> bool:
    """True where trying the rows one by one would only meet the same broken connection."""
    return bool(getattr(error, "connection_invalidated", False)) or isinstance(
        getattr(error, "orig", None), OSError | TimeoutError
    )


def _disk_full(error: BaseException) -> bool:
    """Whether room is what lacks: PostgreSQL's class 53 (insufficient resources), or the file system's own word."""
    state = str(getattr(getattr(error, "orig", None), "sqlstate", ""))
    return state == "53100" or getattr(error, "errno", None) == errno.ENOSPC


def storable(envelope: Envelope) -> Envelope:
    """The envelope without what PostgreSQL's text cannot hold: NUL and lone surrogates become U+FFFD."""
    try:
        if b"\\u0000" not in msgspec.json.encode(envelope):
            return envelope
    except UnicodeEncodeError:
        pass  # a lone surrogate: replaced below
    return msgspec.convert(_clean(msgspec.to_builtins(envelope)), Envelope)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(key): _clean(entry) for key, entry in value.items()}
    return [_clean(entry) for entry in value] if isinstance(value, list | tuple) else value


def _row(envelope: Envelope, body: bytes | None, digest: str, size: int) -> tuple[Any, ...]:
    key = door_key(envelope.channel, envelope.account, envelope.external_id)
    return (
        key,
        envelope.channel,
        envelope.account,
        envelope.lane,
        envelope.trace_id,
        to_json(envelope),
        body,
        digest,
        size,
        envelope.received_at,
    )


_COLUMNS = (
    "door_key", "channel", "account", "lane", "trace_id", "envelope", "body", "body_sha256", "size", "received_at"
)  # fmt: skip
_INSERT = text(
    """
    INSERT INTO inbox (door_key, channel, account, lane, trace_id, envelope, body, body_sha256, size, received_at)
    SELECT door_key, channel, account, lane, trace_id, envelope::jsonb, body, body_sha256, size, received_at
    FROM unnest(
        cast(:door_key AS uuid[]), cast(:channel AS text[]), cast(:account AS text[]), cast(:lane AS text[]),
        cast(:trace_id AS text[]), cast(:envelope AS text[]), cast(:body AS bytea[]), cast(:body_sha256 AS text[]),
        cast(:size AS int[]), cast(:received_at AS timestamptz[])
    ) AS given (door_key, channel, account, lane, trace_id, envelope, body, body_sha256, size, received_at)
    ON CONFLICT DO NOTHING
    RETURNING id, door_key, body_sha256
    """
)
_FIND = text("SELECT id, door_key, body_sha256 FROM inbox WHERE door_key = ANY(:keys)")
_OUTCOME = text("SELECT outcome, ticket_id FROM inbox WHERE door_key = :key")
