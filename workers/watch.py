"""Watch: looks for what is wrong, counts the minutes that are over, and tells whom the settings name.

Three clocks of a worker process; of several processes one looks or counts at a time (advisory locks):

    look     finds what is wrong, raises alarms and ends them, queues a mail for each turn in the same transaction
    tell     posts each turn to the webhook, again and again with growing waits until it is taken: at least once, the
             id says which ones are the same
    count    the flow of the minutes that are over (`models.flow`), the last ones again while their items may still end

Nothing fails: while the database is away there is nobody to tell, and `sweep` looks again.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config import logs
from config.database import Database, to_json
from config.letters import TEMPLATES, letter
from config.pages import texts
from config.settings import Settings
from models import alarm, blocks, flow, watch
from models.alarm import Found, Raised
from models.balance import depths
from models.envelope import Address, OutboundMessage
from workers.batch import Office

WEBHOOK_SECONDS = 10.0
AGAIN_SECONDS = 10.0
"""First wait after a webhook did not take it; doubled each time, up to ten minutes."""
MOST_MINUTES = 60
"""Minutes that one look counts: after a long rest the rest follows at the next."""
DAY = 86_400.0

_TIME = rb"(\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)"
_VALIDITY = re.compile(rb"(?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)" + _TIME)

log = logs.of("watch")


class Watch:
    """The clocks of one worker process."""

    def __init__(self, database: Database, office: Office, redis_answers: Callable[[], bool] = lambda: True) -> None:
        """`redis_answers` is asked in a thread."""
        self.database, self.office = database, office
        self.settings: Settings = office.settings
        self._redis_answers = redis_answers
        self._counter = flow.Counter()
        self._looked = float("-inf")

    async def look(self) -> int:
        """Find what is wrong. Returns how many mails were queued."""
        limits = self.settings.alarms
        if time.monotonic() - self._looked < limits.every_seconds:
            return 0
        self._looked = time.monotonic()
        here = [*self._here(), *([] if await asyncio.to_thread(self._redis_answers) else [Found(kind="redis")])]
        async with self.database.engine.begin() as connection:
            await blocks.close(connection)
        async with self.database.engine.begin() as connection:
            if not await alarm.alone(connection):
                return 0
            news = await alarm.reconcile(connection, [*await watch.look(connection, limits), *here])
            for one in news:
                await self._mail(connection, one)
        for one in news:
            if one.over_at:
                log.info("alarm_over", alarm_id=one.id, kind=one.kind, subject=one.subject)
            else:
                log.warning("alarm_raised", alarm_id=one.id, kind=one.kind, subject=one.subject)
        return len(news) * len(limits.addresses)

    async def tell(self) -> int:
        """Post what the webhook has not heard. Returns how many turns it took."""
        limits = self.settings.alarms
        if not limits.webhook:
            return 0
        async with self.database.engine.begin() as connection:
            turns = await alarm.untold(connection)
            for one in turns:  # before the first byte leaves: a worker that dies leaves it to be tried later
                await alarm.refused(connection, one.id, AGAIN_SECONDS)
        taken = 0
        for one in turns:
            error = await self._post(one)
            if error:
                log.warning("alarm_not_told", alarm_id=one.id, error=error)
                continue
            taken += 1
            async with self.database.engine.begin() as connection:
                await alarm.told(connection, one.id, over=one.over_at is not None)
        return taken

    async def count(self) -> int:
        """Count what is over. Returns how many minutes."""
        async with self.database.engine.begin() as connection:
            if not await flow.alone(connection):
                return 0
            now = float((await connection.execute(text("SELECT extract(epoch FROM now())"))).scalar_one())
            await self._counter.note(connection, now)
            last = int(now // flow.MINUTE) * flow.MINUTE - flow.MINUTE
            newest = await flow.counted_until(connection)
            first = last - 10 * flow.MINUTE if newest is None else int(newest) + flow.MINUTE
            oldest = max((one.oldest_seconds for one in await depths(connection)), default=0.0)
            minutes = range(max(first, last - flow.HOUR), last + 1, flow.MINUTE)[:MOST_MINUTES]
            for minute in minutes:
                await self._counter.count(connection, minute, reach=min(oldest + 2 * flow.MINUTE, flow.HOUR))
                await flow.mark(connection, minute)
        return len(minutes)

    def _here(self) -> Iterator[Found]:
        """What this host alone can see: its disk, its certificates."""
        limits = self.settings.alarms
        host = socket.gethostname()
        room = shutil.disk_usage(self.settings.var if self.settings.var.exists() else Path())
        if 100 * room.free < limits.disk_percent * room.total:
            yield Found(kind="disk", subject=host, grade="bad", count=room.free)
        end = certificate_end(self.settings.smtp.tls_certificate)
        if end is not None and (left := (end - datetime.now(UTC)).total_seconds()) < DAY * limits.credential_days:
            grade = "bad" if left < 0 else "warn"
            yield Found(kind="credential", subject="smtp.tls_certificate", grade=grade, seconds=max(left, 0.0))

    async def _mail(self, connection: AsyncConnection, one: Raised) -> None:
        """Queue one turn to each address, once."""
        limits = self.settings.alarms
        if limits.channel not in self.office.channels:
            return
        for address in limits.addresses:
            outbound = letter_of(one, self.settings, address)
            values = {
                "key": f"alarm:{one.id}:{'over' if one.over_at else 'raised'}:{address}",
                "channel": limits.channel,
                "lane": f"{limits.channel}:{address}",
                "trace_id": outbound.trace_id,
                "payload": to_json(outbound),
            }
            await connection.execute(_NOTICE, values)

    async def _post(self, one: Raised) -> str:
        """Post one turn; '' where it was taken, else why not."""
        limits = self.settings.alarms
        turn = "over" if one.over_at else "raised"
        body = to_json({"type": f"alarm.{turn}", "timestamp": datetime.now(UTC), "data": one}).encode()
        headers = {"Content-Type": "application/json", **signed(limits.webhook_secret.get_secret_value(), one, body)}
        timeout = aiohttp.ClientTimeout(total=WEBHOOK_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.post(limits.webhook, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return "" if answer.status < 300 else f"status {answer.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return type(error).__name__


def certificate_end(path: Path | None) -> datetime | None:
    """When a PEM certificate, the first of its chain, ends; None where there is none that can be read.

    Its validity is two times, one after the other (RFC 5280 §4.1.2.5), and nothing else in it looks so.
    """
    try:
        found = _VALIDITY.search(ssl.PEM_cert_to_DER_cert(_first(path.read_text()))) if path else None
    except (OSError, ValueError):
        return None
    if found is None:
        return None
    digits = found[1][2:-1].decode()
    century = "" if len(digits) == 14 else "19" if digits[:2] >= "50" else "20"
    return datetime.strptime(century + digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _first(chain: str) -> str:
    end = "-----END CERTIFICATE-----"
    return chain[chain.index("-----BEGIN CERTIFICATE-----") :].partition(end)[0] + end


def signed(secret: str, one: Raised, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks (standardwebhooks.com, v1): id, time, signature where there is a key."""
    number = f"alarm_{one.id}_{'over' if one.over_at else 'raised'}"
    at = str(int(time.time()))
    headers = {"webhook-id": number, "webhook-timestamp": at}
    if secret:
        key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
        digest = hmac.digest(key, f"{number}.{at}.".encode() + body, hashlib.sha256)
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return headers


def letter_of(one: Raised, settings: Settings, address: str) -> OutboundMessage:
    """What one address is told of one turn."""
    limits = settings.alarms
    words: dict[str, Any] = texts(TEMPLATES / "alarm")[limits.language]
    items = ", ".join(map(str, one.detail.get("items") or ()))
    figures = [words["count"].format(count=one.count)] if one.count else []
    figures += [words["seconds"].format(seconds=round(one.seconds))] if one.seconds else []
    subject, body = letter(
        "alarm",
        limits.language,
        turn=words["over" if one.over_at else "raised"],
        title=words[one.kind]["title"],
        of=words["of"].format(subject=one.subject) if one.subject else "",
        figures="\n".join(figures),
        items=words["items"].format(items=items) if items else "",
        error=str(one.detail.get("error") or ""),
        todo="" if one.over_at else words[one.kind]["todo"],
        raised=f"{one.raised_at:%Y-%m-%d %H:%M}",
        over=f"{one.over_at:%Y-%m-%d %H:%M}" if one.over_at else "",
        link=f"{settings.base_url}/operations",
    )
    account = limits.account or next((place for place in settings.smtp.recipients if "*" not in place), "")
    account = account or next((box.address for box in settings.imap.values()), f"guichet@{settings.smtp.hostname}")
    domain = settings.mail.domain or account.partition("@")[2]
    return OutboundMessage(
        channel=limits.channel,
        account=account,
        to=Address(address),
        subject=subject,
        text=body,
        automatic=True,
        message_id=f"alarm-{one.id}-{secrets.token_hex(6)}@{domain}",
        language=limits.language,
        trace_id=secrets.token_hex(16),
    )


_NOTICE = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, payload)
    VALUES (:key, 'notice', :channel, :lane, :trace_id, cast(:payload AS jsonb)) ON CONFLICT (unique_key) DO NOTHING
    """
)
