"""Deliver: drain the outbox. Claim what is due, hand it to its channel, note what became of it.

handed over        → done, message sent
Unavailable        → due again after the schedule's next step, until the schedule ends; then dead, message failed.
                     What will not be there within 15 minutes is shown as delayed
Refused            → dead, message failed, with the provider's reason; an address that does not exist is blocked
the provider's pace → due again when it lets us; the attempt does not count
STOP, closed window → dead, message failed, and says which
a report came first → done: it arrived, though its delivery was cut off
cut off in the air → replies go out again with the same Message-ID; acknowledgements do not (at most once), except on
                     channels where a repeated delivery changes nothing
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from channels import Channel, Refused, Unavailable
from config import logs, secret
from config.database import Database
from config.faults import crash_point
from config.hints import Hint, silence
from config.settings import Settings
from models import agent_letter, ledger, page_link
from models.answer_window import Standing, standings
from models.envelope import OutboundMessage, Receipt
from models.keys import message_key
from models.ledger import Claim
from models.relay import files_of
from workers import reports
from workers.pace import Pace
from workers.together import Together

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

ARRIVED = frozenset(("sent", "delivered", "read"))
"""What only a report can have said of a message whose delivery is not complete."""
MOMENT = 0.25
"""Seconds for which a delivery waits in its place; for longer ones it is put back."""

log = logs.of("deliver")


@dataclass(frozen=True, slots=True)
class Sent:
    """An item that its channel has handed over."""

    claim: Claim
    message_id: int | None
    receipt: Receipt
    quoted: tuple[int, str] | None
    """Its ticket, and the id by which answers will quote it; None where they quote the one that we gave it."""


class Deliver:
    """Drains the outbox of one process."""

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel],
        settings: Settings,
        pace: Pace | None = None,
        tell: Callable[[Iterable[Hint]], None] = silence,
    ) -> None:
        """`tell` sends hints."""
        self._secret, self._tell = secret.key(settings), tell
        self.database = database
        self.pace = pace or Pace()
        self.channels = channels
        self.settings = settings
        self.delivered = 0
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._mark = Together(self._mark_all)
        self._record = Together(self._record_all)
        self._in_hand: dict[int, Claim] = {}
        self._standings: dict[int, Standing] = {}

    async def drain(self) -> int:
        """Deliver one batch. Returns how many items were claimed."""
        async with self.database.hasty.begin() as connection:
            rows = await ledger.claim(connection, "outbox", limit=BATCH, lease=self.settings.workers.lease_seconds)
            self._standings = await standings(connection, [row.id for row in rows]) if rows else {}
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

    async def _mark_all(self, ids: Sequence[int]) -> None:
        """Commit that the bytes of these may leave from now on."""
        async with self.database.engine.begin() as connection:
            await connection.execute(_STARTED, {"ids": ids})

    async def _record_all(self, sent: Sequence[Sent]) -> None:
        """Commit that these were handed over, and show it on their messages, where the fence lets us."""
        async with self.database.engine.begin() as connection:
            claims, providers = [done.claim for done in sent], [done.receipt.provider_id for done in sent]
            through = await ledger.complete(connection, "outbox", claims, provider_id=providers)
            recorded = [done for done in sent if done.claim.id in through]
            await reports.sent(connection, [(done.message_id, done.receipt.detail) for done in recorded])
            if quoted := [done.quoted for done in recorded if done.quoted]:
                columns = {"tickets": [ticket for ticket, _ in quoted], "keys": [message_key(key) for _, key in quoted]}
                await connection.execute(_QUOTED, columns)

    async def _lane(self, rows: Sequence[Any]) -> None:
        """Deliver one recipient's messages, in order: where one must wait, those behind it wait as well."""
        async with self._slots:
            waits = False
            for row in rows:
                if waits:
                    await self._put_back(row, 0.0)
                else:
                    with logs.trace(row.trace_id, outbox_id=row.id, ticket_id=row.ticket_id):
                        waits = not await self._deliver(row)
                self._in_hand.pop(row.id, None)

    async def _put_back(self, row: Any, seconds: float) -> None:
        """Leave it for later, untried."""
        async with self.database.engine.begin() as connection:
            await ledger.release(connection, "outbox", [Claim(row.id, row.attempts)], seconds=seconds)

    async def _deliver(self, row: Any) -> bool:
        """Deliver one message. False where it waits for another time."""
        claim = Claim(row.id, row.attempts)
        if await self._decided(row, claim):
            return True
        if wait := await self._wait(row):
            await self._put_back(row, wait)
            return False
        await self._mark(row.id)
        try:
            receipt = await self._hand_over(row)
        except Refused as reason:
            await self._end(row, claim, "failed", str(reason), gone=reason.gone, stopped=reason.stopped)
        except Unavailable as reason:
            if reason.in_doubt and self._once(row):
                await self._end(row, claim, "unknown", f"{reason}: it may have arrived, and is not repeated")
            else:
                return await self._again(row, claim, str(reason), reason.retry_after)
        except Exception as error:
            log.exception("delivery_bug", channel=row.channel)
            return await self._again(row, claim, f"{type(error).__name__}: {error}", None)
        else:
            await self._done(row, claim, receipt)
        return True

    async def _decided(self, row: Any, claim: Claim) -> bool:
        """Whether nothing is to be sent any more, which is then noted."""
        standing = self._standings.get(row.id)
        if standing and standing.delivery in ARRIVED:
            await self._done(row, claim, Receipt(detail="its report came before the provider's answer"))
        elif self._cut_off(row):
            await self._end(
                row, claim, "unknown", "an earlier attempt was cut off: it may have arrived, and is not repeated"
            )
        elif standing and (reason := _obstacle(row, standing)):
            await self._end(row, claim, "failed", reason)
        else:
            return False
        return True

    async def _wait(self, row: Any) -> float:
        """Seconds until the provider lets it go. Less than a moment is waited for here and now."""
        channel = self.channels.get(row.channel)
        rates = channel.rates(row.payload["account"], row.payload["to"]["address"]) if channel else ()
        while wait := await self.pace.wait(rates):
            if wait > MOMENT:
                return wait
            await asyncio.sleep(wait)
        return 0.0

    async def _hand_over(self, row: Any) -> Receipt:
        channel = self.channels.get(row.channel)
        if channel is None:
            raise Refused(f"there is no channel {row.channel!r} in the settings")
        outbound = msgspec.convert(row.payload, OutboundMessage)
        if row.kind == "reply" and row.message_id is not None:
            async with self.database.engine.connect() as connection:
                files = await files_of(connection, row.message_id)
            outbound = msgspec.structs.replace(outbound, attachments=(*outbound.attachments, *files))
        words = agent_letter.fill(self._secret, page_link.fill(self._secret, outbound.text))
        outbound = outbound if words == outbound.text else msgspec.structs.replace(outbound, text=words)
        receipt = await channel.deliver(outbound)
        crash_point("X13")
        return receipt

    async def _done(self, row: Any, claim: Claim, receipt: Receipt) -> None:
        quoted = (row.ticket_id, receipt.quoted_as) if row.ticket_id and receipt.quoted_as else None
        await self._record(Sent(claim, row.message_id, receipt, quoted))
        crash_point("X14")
        self._tell([Hint(row.lane), Hint(f"ticket:{row.ticket_id}")])
        self.delivered += 1
        log.info("message_delivered", kind=row.kind, channel=row.channel)

    async def _again(self, row: Any, claim: Claim, reason: str, retry_after: float | None) -> bool:
        """Put it back for the schedule's next step: False. At the schedule's end give it up: True."""
        schedule = ACKNOWLEDGEMENT_SCHEDULE if row.kind == "acknowledgement" else REPLY_SCHEDULE
        if row.attempts > len(schedule):
            await self._end(row, claim, "failed", f"given up after {row.attempts} attempts: {reason}")
            return True
        seconds = max(schedule[row.attempts - 1], retry_after or 0.0)
        async with self.database.engine.begin() as connection:
            if await ledger.defer(connection, "outbox", claim, seconds=seconds, error=reason[:500]):
                await reports.delay(connection, row.id, seconds=seconds, detail=reason)
        log.warning("delivery_deferred", kind=row.kind, channel=row.channel, seconds=seconds, reason=reason[:200])
        return False

    async def _end(
        self, row: Any, claim: Claim, state: str, reason: str, *, gone: bool = False, stopped: bool = False
    ) -> None:
        async with self.database.engine.begin() as connection:
            if await ledger.bury(connection, "outbox", claim, error=reason[:500]):
                await reports.note(connection, row.message_id, state, reason)
                if gone:
                    await reports.gone(connection, row.message_id, reason)
                if stopped:
                    await connection.execute(_STOPPED, {"channel": row.channel, "id": row.id})
        log.warning("delivery_ended", kind=row.kind, channel=row.channel, state=state, reason=reason[:200])


def _obstacle(row: Any, standing: Standing) -> str:
    """Why it must not be sent at all; '' where it may."""
    if standing.stopped_at:
        return f"not sent: the customer said STOP on {standing.stopped_at:%Y-%m-%d %H:%M} UTC"
    if standing.closed_at and not row.payload.get("template"):
        return f"not sent: the window for answers closed at {standing.closed_at:%Y-%m-%d %H:%M} UTC; send a template"
    return ""


_STARTED = text("UPDATE outbox SET started_at = now() WHERE id = ANY(:ids) AND state = 'pending'")
_QUOTED = text(
    """
    INSERT INTO thread_key (key, ticket_id, own)
    SELECT key, ticket_id, true
    FROM unnest(cast(:keys AS bigint[]), cast(:tickets AS bigint[])) AS given (key, ticket_id)
    ON CONFLICT (key, ticket_id) DO NOTHING
    """
)
_STOPPED = text(
    """
    UPDATE identity SET stopped_at = coalesce(stopped_at, now()) FROM outbox
    WHERE outbox.id = :id AND identity.channel = :channel AND identity.address = outbox.payload #>> '{to,address}'
    """
)
