"""Deliver: drain the outbox. Claim what is due, hand it to its channel, note what became of it.

handed over        → done, message sent
Unavailable        → due again after the schedule's next step, until the schedule ends; then dead, message failed
Refused            → dead, message failed, with the provider's reason
cut off in the air → replies go out again with the same Message-ID; acknowledgements do not (at most once), except on
                     channels where a repeated delivery changes nothing
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import Channel, Refused, Unavailable
from config import logs, secret
from config.database import Database
from config.faults import crash_point
from config.hints import Hint, silence
from config.settings import Settings
from models import ledger, page_link
from models.envelope import OutboundMessage, Receipt
from models.ledger import Claim

MINUTE, HOUR = 60.0, 3600.0
REPLY_SCHEDULE = (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, *(17 * [4 * HOUR]))
"""Waits between attempts: 72 hours in all."""
ACKNOWLEDGEMENT_SCHEDULE = (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR)
"""Four hours in all: after that an acknowledgement says nothing."""
AT_ONCE = 16
"""Deliveries in the air at once, in one process."""
BATCH = 100
RENEWALS = 3
"""Times in a lease that what is in hand is held anew: an honest delivery may take ten minutes (RFC 5321 §4.5.3.2.6),
and a dead worker's items must not wait so long."""

log = logs.of("deliver")


class Deliver:
    """Drains the outbox of one process."""

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel],
        settings: Settings,
        tell: Callable[[Iterable[Hint]], None] = silence,
    ) -> None:
        """`tell` sends hints."""
        self._secret, self._tell = secret.key(settings), tell
        self.database = database
        self.channels = channels
        self.settings = settings
        self.delivered = 0
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._marking = asyncio.Lock()
        self._starting: list[int] = []
        self._in_hand: dict[int, Claim] = {}

    async def drain(self) -> int:
        """Deliver one batch. Returns how many items were claimed."""
        async with self.database.hasty.begin() as connection:
            rows = await ledger.claim(connection, "outbox", limit=BATCH, lease=self.settings.workers.lease_seconds)
        crash_point("X11")
        lanes: dict[str, list[Any]] = {}
        for row in rows:
            lanes.setdefault(row.lane, []).append(row)
        if lanes:
            self._in_hand.update((row.id, Claim(row.id, row.attempts)) for row in rows)
            holding = asyncio.create_task(self._hold())
            try:
                ends = await asyncio.gather(*(self._lane(lane) for lane in lanes.values()), return_exceptions=True)
            finally:
                holding.cancel()
                self._in_hand.clear()
            for end in ends:  # only now: while one lane failed, the others were still held
                if isinstance(end, BaseException):
                    raise end
        return len(rows)

    async def _hold(self) -> None:
        """Renew the lease of what is in hand, as long as this process lives."""
        lease = self.settings.workers.lease_seconds
        while True:
            await asyncio.sleep(lease / RENEWALS)
            try:
                async with self.database.hasty.begin() as connection:
                    await ledger.renew(connection, "outbox", list(self._in_hand.values()), lease=lease)
            except (SQLAlchemyError, OSError) as error:
                log.warning("lease_not_renewed", error=type(error).__name__)

    def _cut_off(self, row: Any) -> bool:
        """Whether an earlier attempt may have reached the customer, and a second one must not."""
        return row.started_at is not None and self._once(row)

    def _once(self, row: Any) -> bool:
        """Whether it goes out at most once: acknowledgements do, where a second delivery would be a second message."""
        channel = self.channels.get(row.channel)
        return row.kind == "acknowledgement" and not (channel and channel.repeatable)

    async def _mark_started(self, row: Any) -> None:
        """Commit that its bytes may leave from now on. Whoever waits for this at the same time shares one commit."""
        self._starting.append(row.id)
        async with self._marking:
            if row.id in self._starting:
                together, self._starting = self._starting, []
                try:
                    async with self.database.engine.begin() as connection:
                        await connection.execute(_STARTED, {"ids": together})
                except BaseException:
                    # The others still wait for their mark: none of them may send without it.
                    self._starting = [*(other for other in together if other != row.id), *self._starting]
                    raise

    async def _lane(self, rows: Sequence[Any]) -> None:
        """Deliver one recipient's messages, in order."""
        async with self._slots:
            for row in rows:
                with logs.trace(row.trace_id, outbox_id=row.id, ticket_id=row.ticket_id):
                    await self._deliver(row)
                self._in_hand.pop(row.id, None)

    async def _deliver(self, row: Any) -> None:
        claim = Claim(row.id, row.attempts)
        if self._cut_off(row):
            await self._end(
                row, claim, "unknown", "an earlier attempt was cut off: it may have arrived, and is not repeated"
            )
            return
        await self._mark_started(row)
        try:
            receipt = await self._hand_over(row)
        except Refused as reason:
            await self._end(row, claim, "failed", str(reason))
        except Unavailable as reason:
            if reason.in_doubt and self._once(row):
                await self._end(row, claim, "unknown", f"{reason}: it may have arrived, and is not repeated")
            else:
                await self._again(row, claim, str(reason), reason.retry_after)
        except Exception as error:
            log.exception("delivery_bug", channel=row.channel)
            await self._again(row, claim, f"{type(error).__name__}: {error}", None)
        else:
            await self._done(row, claim, receipt)

    async def _hand_over(self, row: Any) -> Receipt:
        channel = self.channels.get(row.channel)
        if channel is None:
            raise Refused(f"there is no channel {row.channel!r} in the settings")
        outbound = msgspec.convert(row.payload, OutboundMessage)
        words = page_link.fill(self._secret, outbound.text)
        outbound = outbound if words == outbound.text else msgspec.structs.replace(outbound, text=words)
        receipt = await channel.deliver(outbound)
        crash_point("X13")
        return receipt

    async def _done(self, row: Any, claim: Claim, receipt: Receipt) -> None:
        async with self.database.engine.begin() as connection:
            if await ledger.complete(connection, "outbox", [claim], provider_id=[receipt.provider_id]):
                await _note(connection, row.message_id, "sent", receipt.detail)
        crash_point("X14")
        self._tell([Hint(row.lane), Hint(f"ticket:{row.ticket_id}")])
        self.delivered += 1
        log.info("message_delivered", kind=row.kind, channel=row.channel)

    async def _again(self, row: Any, claim: Claim, reason: str, retry_after: float | None) -> None:
        schedule = ACKNOWLEDGEMENT_SCHEDULE if row.kind == "acknowledgement" else REPLY_SCHEDULE
        if row.attempts > len(schedule):
            await self._end(row, claim, "failed", f"given up after {row.attempts} attempts: {reason}")
            return
        seconds = max(schedule[row.attempts - 1], retry_after or 0.0)
        async with self.database.engine.begin() as connection:
            await ledger.defer(connection, "outbox", claim, seconds=seconds, error=reason[:500])
        log.warning("delivery_deferred", kind=row.kind, channel=row.channel, seconds=seconds, reason=reason[:200])

    async def _end(self, row: Any, claim: Claim, state: str, reason: str) -> None:
        async with self.database.engine.begin() as connection:
            if await ledger.bury(connection, "outbox", claim, error=reason[:500]):
                await _note(connection, row.message_id, state, reason)
        log.warning("delivery_ended", kind=row.kind, channel=row.channel, state=state, reason=reason[:200])


async def _note(connection: AsyncConnection, message_id: int | None, state: str, detail: str) -> None:
    """Show on the message how far it got; a report that came first is not undone."""
    if message_id is not None:
        await connection.execute(_NOTE, {"id": message_id, "state": state, "detail": detail[:500]})


_STARTED = text("UPDATE outbox SET started_at = now() WHERE id = ANY(:ids) AND state = 'pending'")
_NOTE = text(
    """
    UPDATE message SET delivery = :state, delivery_detail = :detail
    WHERE id = :id AND delivery IN ('', 'queued', 'unknown')
    """
)
