"""Ingest: drain the inbox. Claim what is due, read it, settle it.

A drain of 200 is the same code as a drain of one. When a settle of many fails, its items are settled one by one, so one
bad message harms only itself; an item that was tried before always goes alone. At the last attempt it goes to
quarantine with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from config import logs
from config.database import Database
from config.faults import crash_point
from config.hints import Hint, silence
from config.objects import Objects
from models import ledger
from models.envelope import Address, AttachedFile, Envelope, InboundMessage, RawMessage
from models.ledger import Claim
from workers.batch import Draft, Item, Office
from workers.known import KnownTicket
from workers.reader import Reader
from workers.settle import settle
from workers.write import FencedError

BACKOFF = (1.0, 4.0, 10.0, 30.0)
"""Seconds before the second, third … attempt. Short, because a lane waits for its oldest item."""

log = logs.of("ingest")


class Ingest:
    """Drains the inbox of one process."""

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
        self.settled = 0

    async def drain(self) -> tuple[int, bool]:
        """Settle one batch. Returns how many items were claimed, and whether something must be sent now.

        Raises what the database raises while claiming; claimed items are then due again when their lease is over.
        """
        workers = self.office.settings.workers
        async with self.database.hasty.begin() as connection:
            rows = await ledger.claim(connection, "inbox", limit=workers.batch, lease=workers.lease_seconds)
        if not rows:
            return 0, False
        crash_point("X6")
        drafts = await self._work([row for row in rows if row.attempts == 1])
        for row in rows:
            if row.attempts > 1:
                drafts += await self._work([row])
        self.settled += len(rows)
        return len(rows), any(draft.acknowledgement for draft in drafts)

    async def _work(self, rows: Sequence[Any]) -> list[Draft]:
        """Read and settle `rows` together, or one by one where that fails."""
        if not rows:
            return []
        try:
            items, malformed = await self._read(rows)
            crash_point("X8")
            drafts = await self._settle(items)
            for claim, reason in malformed:
                await self._bury(claim, reason)
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

    async def _read(self, rows: Sequence[Any]) -> tuple[list[Item], list[tuple[Claim, str]]]:
        """Turn bytes into messages, in the reader's child."""
        raws = [RawMessage(_envelope(row), await self._body(row)) for row in rows]
        readings = await self.reader.read(raws)
        items: list[Item] = []
        malformed: list[tuple[Claim, str]] = []
        for row, raw, reading in zip(rows, raws, readings, strict=True):
            claim = Claim(row.id, row.attempts)
            if reading.malformed:
                malformed.append((claim, reading.malformed))
                continue
            messages = reading.messages if not reading.killed else (unreadable(raw, reading.killed),)
            items.append(Item(claim, raw.envelope, messages, await self._store(messages)))
        return items, malformed

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
            drafts = await settle(connection, items, self.office)
        crash_point("X10")
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
        seconds = BACKOFF[min(row.attempts, len(BACKOFF)) - 1]
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
