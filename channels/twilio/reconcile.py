"""Once an hour, Twilio's own list of messages against ours: a webhook that was lost while we were away is found.

For each account one gateway at a time holds the cursor; its value is the day up to which all was compared. Enters:
pages of the list. Leaves: those inbound messages that were never accepted, as if their webhook had come, and the new
value, in one commit. May fail: with nothing; trouble is noted on the cursor, and the next hour tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from channels import Accept, AcceptError, ChannelError, Cursor
from channels.clean_text import line
from channels.twilio.accounts import accounts, is_ours
from channels.twilio.fields import encode
from config import logs
from config.settings import Settings
from models.envelope import Envelope, RawMessage

if TYPE_CHECKING:
    from channels.twilio.rest import Rest

OVERLAP = timedelta(days=1)
"""Twilio lists by whole days of UTC, and a message may be late."""
DAY = "%Y-%m-%d"

log = logs.of("reconcile")


class Reconciliation:
    """Compares, for as long as the application runs."""

    def __init__(self, name: str, settings: Settings, accept: Accept, *, clock: Callable[[], datetime]) -> None:
        self._name = name
        self._whole = settings
        self._settings = settings.twilio
        self._base = settings.base_url
        self._accept = accept
        self._clock = clock

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        """For aiohttp's cleanup_ctx."""
        tasks = [asyncio.create_task(self._keep(account)) for account in accounts(self._settings)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, account: Any) -> None:
        from channels.twilio.rest import Rest

        rest = Rest(self._whole)
        cursor = self._accept.cursor(f"{self._name}:{account.account_sid}")
        try:
            while True:
                await self.compare(account, rest, cursor)
                await asyncio.sleep(self._settings.reconcile_seconds)
        finally:
            await rest.close()
            with contextlib.suppress(AcceptError):
                await cursor.release()

    async def compare(self, account: Any, rest: Rest, cursor: Cursor) -> int | None:
        """One comparison. How many messages were found missing; None where it could not be made."""
        try:
            value = await cursor.lease(2 * self._settings.reconcile_seconds)
            if value is None:
                return None
            today = self._clock()
            if not value:
                await cursor.store((), today.strftime(DAY))  # what came before us is not ours to take in
                return 0
            since = datetime.strptime(value, DAY).replace(tzinfo=today.tzinfo) - OVERLAP
            missing = await self._missing(account, rest, cursor, since.strftime(DAY))
            await cursor.store(missing, today.strftime(DAY))
            await cursor.succeed(backlog=0)
            await cursor.check(drift=len(missing))
        except ChannelError as error:
            log.warning("reconciliation_failed", account=account.account_sid, error=str(error)[:200])
            with contextlib.suppress(AcceptError):
                await cursor.fail(str(error)[:300])
            return None
        if missing:
            log.warning("webhooks_were_lost", account=account.account_sid, messages=len(missing))
        return len(missing)

    async def _missing(self, account: Any, rest: Rest, cursor: Cursor, since: str) -> list[RawMessage]:
        inbound = {
            (self._name, line(entry.get("to")), line(entry.get("sid"))): entry
            for entry in await rest.listed(account, since)
            if entry.get("direction") == "inbound"
            and is_ours(self._settings, account.account_sid, line(entry.get("to")))
        }
        absent = await cursor.absent(list(inbound))
        return [await self._raw(account, rest, inbound[key]) for key in absent]

    async def _raw(self, account: Any, rest: Rest, entry: dict[str, Any]) -> RawMessage:
        """The message as its webhook would have brought it."""
        sid, sender, number = (line(entry.get(name)) for name in ("sid", "from", "to"))
        pairs = [
            ("MessageSid", sid),
            ("AccountSid", account.account_sid),
            ("From", sender),
            ("To", number),
            ("Body", str(entry.get("body") or "")),
            ("NumSegments", line(entry.get("num_segments")) or "1"),
        ]
        files = await rest.media_of(account, sid) if line(entry.get("num_media")) not in ("", "0") else []
        pairs.append(("NumMedia", str(len(files))))
        for place, file in enumerate(files):
            address = self._settings.api_url + str(file.get("uri", "")).removesuffix(".json")
            pairs += [(f"MediaUrl{place}", address), (f"MediaContentType{place}", line(file.get("content_type")))]
        envelope = Envelope(
            channel=self._name,
            account=number,
            external_id=sid,
            sender=sender,
            received_at=self._clock(),
            trace_id=secrets.token_hex(16),
            lane=f"{self._name}:{sender}",
            facts={"recovered": line(entry.get("date_sent")) or "yes", "account": account.account_sid},
        )
        return RawMessage(envelope, encode(pairs))
