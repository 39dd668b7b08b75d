"""Ingest: drain the inbox. Claim what is due, read it, settle it.

A drain of 200 is the same code as a drain of one. When a settle of many fails, its items are settled one by one, so one
bad message harms only itself; an item that was tried before always goes alone. At the last attempt it goes to
quarantine with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from channels import Refused
from config import logs
from config.database import Database
from config.faults import crash_point
from config.hints import Hint, silence
from config.objects import Objects
from models import erase, ledger
from models.envelope import Address, AttachedFile, Envelope, InboundMessage, RawMessage
from models.ledger import Claim
from workers.answer import as_anybody, take
from workers.as_it_is import as_it_is
from workers.batch import Draft, Item, Office
from workers.inquire import inquire
from workers.known import KnownTicket
from workers.reader import Reader
from workers.settle import settle
from workers.staff import Staff, line_of
from workers.turn_away import turn_away
from workers.write import FencedError

BACKOFF = (1.0, 4.0, 10.0, 30.0)
"""Seconds before the second, third … attempt. Short, because a lane waits for its oldest item."""
MOST_STRUCK = 3
"""At this attempt a message whose readers are killed from outside becomes a ticket of its bytes, as any that kills."""
AHEAD = 4
"""A batch of more than a fourth of what it may hold has more behind it: the next one is claimed and read ahead. A
smaller one has not, and would only be cut in two."""
PORTION_BYTES = 32_000_000
"""What is in memory at once of the bodies of one batch: large mails are read and settled a few at a time."""

log = logs.of("ingest")


class Read(NamedTuple):
    """What reading gave."""

    items: list[Item]
    malformed: list[tuple[Claim, str]]
    """What is no message of its channel, with the reason."""
    struck: list[tuple[Claim, str]]
    """What two readers were killed over from outside: it may have been none of its doing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A claimed batch whose first portion is being read already."""

    rows: Sequence[Any]
    portions: Sequence[Sequence[Any]]
    """Those that were never tried before: they are read and settled together."""
    reading: asyncio.Task[Read] | None
    """Of the first portion."""


class Ingest:
    """Drains the inbox of one process.

    While a large batch is settled, the next one is claimed and read: the reader is a process of its own, and would
    else wait for us as we do for it.
    """

    def __init__(
        self,
        database: Database,
        objects: Objects,
        reader: Reader,
        office: Office,
        tell: Callable[[Iterable[Hint]], None] = silence,
    ) -> None:
        """`tell` sends hints."""
        self._tell = tell
        self.database = database
        self.objects = objects
        self.reader = reader
        self.office = office
        self.staff = Staff(database, office)
        self.settled = 0
        self._answered = False
        self._ahead: asyncio.Task[Taken] | None = None
        self._inquiring = any(channel.inquires for channel in office.channels.values())

    async def drain(self) -> tuple[int, bool]:
        """Settle one batch. Returns how many items were claimed, and whether something must be sent now.

        Raises what the database raises while claiming; claimed items are then due again when their lease is over.
        """
        taken = await self._next()
        if not taken.rows:
            return 0, False
        if len(taken.rows) * AHEAD >= self.office.settings.workers.batch:
            self._ahead = asyncio.create_task(self._take())
        drafts: list[Draft] = []
        for place, rows in enumerate(taken.portions):
            drafts += await self._work(rows, taken.reading if place == 0 else None)
        for row in taken.rows:
            if row.attempts > 1:
                drafts += await self._work([row])
        self.settled += len(taken.rows)
        answered, self._answered = self._answered, False
        return len(taken.rows), answered or any(draft.acknowledgement for draft in drafts)

    async def close(self) -> None:
        """Give back what was claimed ahead and is not settled: somebody else may take it at once."""
        if self._ahead is None:
            return
        ahead, self._ahead = self._ahead, None
        taken = await ahead
        if taken.reading is not None:
            taken.reading.cancel()
        async with self.database.hasty.begin() as connection:
            await ledger.release(connection, "inbox", [Claim(row.id, row.attempts) for row in taken.rows])

    async def _next(self) -> Taken:
        """What was taken ahead, or else what is due now: lanes that were held at that time may be free."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (taken := await ahead).rows:
            return taken
        return await self._take()

    async def _take(self) -> Taken:
        """Claim a batch and begin to read it."""
        workers = self.office.settings.workers
        async with self.database.hasty.begin() as connection:
            rows = await ledger.claim(connection, "inbox", limit=workers.batch, lease=workers.lease_seconds)
        if rows:
            crash_point("X6")
        portions = list(portions_of([row for row in rows if row.attempts == 1]))
        return Taken(rows, portions, asyncio.create_task(self._read(portions[0])) if portions else None)

    async def _work(self, rows: Sequence[Any], reading: asyncio.Task[Read] | None = None) -> list[Draft]:
        """Read (unless that is under way) and settle `rows` together, or one by one where that fails."""
        try:
            read = await (reading or self._read(rows))
            crash_point("X8")
            await self.staff.refresh()
            theirs = [item for item in read.items if self.staff.concerns(item)]
            apart = {item.claim.id for item in theirs}
            drafts = await self._settle([item for item in read.items if item.claim.id not in apart])
            for item in theirs:
                drafts += await self._answer(item)
            for claim, reason in read.malformed:
                await self._bury(claim, reason)
            for claim, reason in read.struck:
                await self._defer(claim, reason)
        except FencedError:
            if len(rows) == 1:
                log.info("item_fenced", item_id=rows[0].id)
                return []
        except Exception as error:  # noqa: BLE001 - whatever settling one message raises must not stop the others
            if len(rows) == 1:
                await self._fail(rows[0], error)
                return []
            log.warning("batch_failed", items=len(rows), error=f"{type(error).__name__}: {error}"[:300])
        else:
            return drafts
        return [draft for row in rows for draft in await self._work([row])]

    async def _answer(self, item: Item) -> list[Draft]:
        """Settle what may be an agent's, alone: locks are taken in another order than a batch takes them."""
        files, lost = await self._fetched(item)
        async with self.database.engine.begin() as connection:
            taken = await take(connection, item, self.office, files, lost)
        if taken is None:
            return await self._settle([as_anybody(item, line_of(self.office, item))])
        crash_point("X10")
        self._answered = self._answered or taken.queued
        self._tell(Hint(key) for key in taken.hints)
        log.info(
            "agent_answered",
            trace_id=item.envelope.trace_id,
            item_id=item.claim.id,
            outcome=taken.outcome,
            ticket_id=taken.ticket_id,
        )
        return []

    async def _fetched(self, item: Item) -> tuple[tuple[AttachedFile, ...], str]:
        """The files that the provider keeps of an agent's message, and why one cannot be had. Raises `Unavailable`."""
        [message] = item.messages
        channel, files, lost = self.office.channels[item.envelope.channel], [], ""
        for pending in message.pending:
            try:
                files.append(await channel.fetch(item.envelope.account, pending))
            except Refused as reason:
                lost = str(reason)
        return tuple(files), lost

    async def _read(self, rows: Sequence[Any]) -> Read:
        """Turn bytes into messages, in the reader's child."""
        raws = [RawMessage(_envelope(row), await self._body(row)) for row in rows]
        if self._inquiring:
            raws = await inquire(raws, self.office.channels)
        readings = await self.reader.read(raws)
        read = Read([], [], [])
        for row, raw, reading in zip(rows, raws, readings, strict=True):
            claim = Claim(row.id, row.attempts)
            if row.as_it_is:
                plain = (as_it_is(raw, reading),)
                read.items.append(Item(claim, raw.envelope, plain, await self._store(plain)))
            elif reading.malformed:
                read.malformed.append((claim, reading.malformed))
            elif reading.outside and row.attempts < MOST_STRUCK:
                read.struck.append((claim, f"its reader was {reading.killed}"))
            else:
                messages = reading.messages if not reading.killed else (unreadable(raw, reading.killed),)
                read.items.append(Item(claim, raw.envelope, messages, await self._store(messages)))
        return read

    async def _body(self, row: Any) -> bytes:
        return row.body if row.body is not None else await self.objects.get(row.body_sha256)

    async def _store(self, messages: Sequence[InboundMessage]) -> frozenset[str]:
        """Put large attachments into the object store, before any row points at them."""
        limit = self.office.settings.ledger.inline_bytes
        large = [file for message in messages for file in message.attachments if len(file.content) > limit]
        return frozenset([await self.objects.put(file.content) for file in large])

    async def _settle(self, items: Sequence[Item]) -> list[Draft]:
        if not items:
            return []
        async with self.database.engine.begin() as connection:
            gone = await turn_away(connection, items, self.office.secret)
            drafts = await settle(connection, gone.left, self.office) if gone.left else []
        crash_point("X10")
        await self._forget(gone.objects)
        self._tell(Hint(key) for draft in drafts if draft.kept and draft.ticket for key in keys_of(draft.ticket))
        for draft in drafts:
            log.info(
                "message_settled",
                trace_id=draft.item.envelope.trace_id,
                item_id=draft.item.claim.id,
                outcome=draft.outcome,
                ticket_id=draft.ticket.id if draft.ticket else None,
                acknowledged=draft.acknowledgement is not None,
            )
        return drafts

    async def _forget(self, objects: Sequence[str]) -> None:
        """Delete what came in again though it was erased."""
        for sha256 in objects:
            async with self.database.engine.connect() as connection:
                needed = await erase.needed(connection, sha256)
            if not needed:
                await self.objects.delete(sha256)

    async def _bury(self, claim: Claim, reason: str) -> None:
        async with self.database.engine.begin() as connection:
            await ledger.bury(connection, "inbox", claim, error=reason)
        log.warning("item_quarantined", item_id=claim.id, reason=reason)

    async def _fail(self, row: Any, error: Exception) -> None:
        """Put an item back for later, or into quarantine at its last attempt."""
        claim = Claim(row.id, row.attempts)
        reason = f"{type(error).__name__}: {error}"[:500].replace("\0", "")
        lost = isinstance(error, SQLAlchemyError | OSError | TimeoutError) and not isinstance(error, FileNotFoundError)
        log.error("item_failed", item_id=row.id, attempts=row.attempts, trace_id=row.trace_id, error=reason)
        if row.attempts >= self.office.settings.workers.max_attempts and not (
            lost and not await self._database_answers()
        ):
            await self._bury(claim, reason)
            return
        await self._defer(claim, reason)

    async def _defer(self, claim: Claim, reason: str) -> None:
        """Put an item back for its next attempt, which it makes alone."""
        seconds = BACKOFF[min(claim.attempts, len(BACKOFF)) - 1]
        async with self.database.engine.begin() as connection:
            await ledger.defer(connection, "inbox", claim, seconds=seconds, error=reason)

    async def _database_answers(self) -> bool:
        """Whether a failure was the message's own: an outage must not send everything to quarantine."""
        try:
            async with asyncio.timeout(5), self.database.engine.connect() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except (SQLAlchemyError, OSError, TimeoutError):
            return False
        return True


def portions_of(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`rows`, in order, in portions of up to PORTION_BYTES (a larger one goes alone)."""
    begin = size = 0
    for place, row in enumerate(rows):
        if place > begin and size + row.size > PORTION_BYTES:
            yield rows[begin:place]
            begin, size = place, 0
        size += row.size
    if rows:
        yield rows[begin:]


def keys_of(ticket: KnownTicket) -> list[str]:
    """What those watch who look at this ticket."""
    return [f"ticket:{ticket.id}", *([ticket.conversation] if ticket.conversation else [])]


def unreadable(raw: RawMessage, cause: str) -> InboundMessage:
    """The message that stands for bytes which no reader survives: what the transport said, and the bytes as a file."""
    remark = f"This message could not be read ({cause}). Its bytes are attached, untouched."
    return InboundMessage(
        sender=Address(raw.envelope.sender.lower()),
        subject="",
        text=remark,
        reply_text=remark,
        attachments=(AttachedFile(filename="message.eml", content_type="application/octet-stream", content=raw.body),),
        machine=remark,
        machine_rule="A12",
        remarks=(remark,),
    )


def _envelope(row: Any) -> Envelope:
    return msgspec.convert(row.envelope, Envelope)
