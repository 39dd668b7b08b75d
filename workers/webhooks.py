"""Webhooks: drain what is to be told, sign it, post it, note how that went. See docs/webhooks-out.md.

    2xx                  → done; the address is well again
    410                  → dead; the subscription is disabled (Standard Webhooks)
    anything else        → due again after the schedule's next step, or later where Retry-After asks for it; redirects
                           are not followed and count as failures; at the schedule's end dead, until somebody replays it
    failing for 5 days   → the subscription is disabled; what waits for it goes out when it is enabled again

Delivered at least once: a process that dies between the answer and its note tells it again, under the same webhook-id.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiohttp import ClientError, ClientSession, hdrs
from sqlalchemy import text

from config import logs, secret
from config.database import Database
from config.outside import ForbiddenError, networks, session
from config.settings import Settings
from models import hooks

MINUTE, HOUR = 60.0, 3600.0
SCHEDULE = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR)
"""Waits between attempts, as Svix has them; the first attempt is at once."""
JITTER = 0.2
BATCH, OF_ONE = 50, 5
"""Most deliveries of one drain, and of one subscription in it: a slow address must not keep the others waiting."""
PATIENCE = 1.0
"""Seconds after which the next ones are looked for, though some are still in the air."""
LONGEST_WAIT = 24 * HOUR
GIVEN_UP = "it failed for too long"
ANSWER_BYTES = 64 * 1024

log = logs.of("webhooks")


class Ended(NamedTuple):
    """How an attempt went."""

    status: int | None
    error: str
    retry_after: float = 0.0

    @property
    def well(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


def signed(secrets: Sequence[str], key: str, timestamp: int, payload: bytes) -> str:
    """The header webhook-signature: one `v1,…` for each secret (Standard Webhooks)."""
    content = f"{key}.{timestamp}.".encode() + payload
    marks = (hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(mark).decode()}" for mark in marks)


class Webhooks:
    """Drains the deliveries. One for each worker process; several of them share the work."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self._secret = secret.key(settings)
        self._limits = settings.webhooks
        self._allowed = networks(self._limits.allowed_networks)
        self._client: ClientSession | None = None
        self._swept = float("-inf")
        self._flying: dict[asyncio.Task[None], int] = {}

    async def drain(self) -> int:
        """Tell what is due. Returns how many deliveries were claimed."""
        await self._forget()
        lease = self._limits.timeout_seconds * 2 + 10
        busy = [one for one, count in Counter(self._flying.values()).items() if count >= OF_ONE]
        values = {"limit": BATCH, "of_one": OF_ONE, "lease": lease, "busy": busy}
        async with self.database.engine.begin() as connection:
            rows = (await connection.execute(_CLAIM, values)).all()
        self._flying |= {asyncio.create_task(self._tell(row)): row.subscription_id for row in rows}
        if self._flying:
            # An address that keeps us waiting keeps nobody else waiting.
            done, _late = await asyncio.wait(self._flying, timeout=PATIENCE)
            for task in done:
                del self._flying[task]
            for task in done:
                task.result()
        return len(rows)

    async def landed(self) -> None:
        """Wait for those in the air."""
        if self._flying:
            await asyncio.wait(self._flying)

    async def close(self) -> None:
        """Wait for those in the air, and close the connections."""
        await self.landed()
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _tell(self, row: Any) -> None:
        begun = time.monotonic()
        ended = await self._post(row)
        milliseconds = int((time.monotonic() - begun) * 1000)
        values = {"id": row.id, "attempts": row.attempts, "status": ended.status, "error": ended.error[:300]}
        values |= {"ms": milliseconds, "subscription": row.subscription_id, "days": self._limits.disable_days}
        async with self.database.engine.begin() as connection:
            await connection.execute(_ATTEMPT, values)
            if ended.well:
                await connection.execute(_DONE, values)
                await connection.execute(_WELL, values)
            else:
                over = ended.status == 410 or row.attempts > len(SCHEDULE)
                values["seconds"] = 0.0 if over else _wait(row.attempts, ended.retry_after)
                await connection.execute(_DEAD if over else _LATER, values)
                await connection.execute(_FAILED, values)
                if ended.status == 410:
                    await hooks.disable(connection, row.subscription_id, "410: it is gone for good")
                elif (await connection.execute(_GIVEN_UP, {**values, "reason": GIVEN_UP})).rowcount:
                    log.error("webhook_disabled", subscription=row.subscription_id)
        if ended.well:
            log.info("webhook_told", subscription=row.subscription_id, delivery=row.id, status=ended.status)
        else:
            log.warning("webhook_failed", subscription=row.subscription_id, delivery=row.id, reason=ended.error[:200])

    async def _post(self, row: Any) -> Ended:
        """One attempt."""
        if not row.url.startswith("https://") and not self._limits.allow_http:
            return Ended(None, "http:// is not allowed by the settings")
        if self._client is None:
            self._client = session(self._limits.timeout_seconds, self._allowed)
        payload, timestamp = row.payload.encode(), int(time.time())
        nonces = [row.nonce, *([row.previous_nonce] if row.overlapping else [])]
        secrets = [hooks.secret_of(self._secret, row.subscription_id, nonce) for nonce in nonces]
        headers = {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.USER_AGENT: "Guichet-Webhooks/1",
            "webhook-id": row.key,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signed(secrets, row.key, timestamp, payload),
        }
        try:
            async with self._client.post(row.url, data=payload, headers=headers, allow_redirects=False) as answer:
                await answer.content.read(ANSWER_BYTES)
                error = "" if 200 <= answer.status < 300 else f"answered {answer.status}"
                return Ended(answer.status, error, _seconds(answer.headers.get(hdrs.RETRY_AFTER, "")))
        except TimeoutError:
            return Ended(None, f"no answer within {self._limits.timeout_seconds:g} s")
        except (ClientError, OSError, ValueError) as error:
            cause = error.__cause__ or error
            reason = str(cause) if isinstance(cause, ForbiddenError) else type(error).__name__
            return Ended(None, reason)

    async def _forget(self) -> None:
        """Delete what was told long ago, from time to time."""
        if time.monotonic() - self._swept > HOUR:
            self._swept = time.monotonic()
            async with self.database.engine.begin() as connection:
                await connection.execute(_FORGET, {"days": self._limits.keep_days})


def _wait(attempts: int, retry_after: float) -> float:
    """Seconds until the next attempt, after so many; spread, so that not all come back at once."""
    step = SCHEDULE[min(attempts, len(SCHEDULE)) - 1]
    spread = step * (1 + random.uniform(0, JITTER))  # noqa: S311 - no secret
    return max(spread, min(retry_after, LONGEST_WAIT))


def _seconds(header: str) -> float:
    """Retry-After in seconds; 0 for a date, which nobody sends."""
    return float(header) if header.isdigit() and len(header) < 8 else 0.0


_CLAIM = text(
    """
    WITH waiting AS (
        SELECT delivery.id, row_number() OVER (PARTITION BY subscription_id ORDER BY due_at, delivery.id) AS place
        FROM webhook_delivery AS delivery
            JOIN webhook_subscription AS subscription ON subscription.id = delivery.subscription_id
        WHERE state = 'pending' AND due_at <= now() AND subscription.disabled_at IS NULL
          AND subscription_id <> ALL(cast(:busy AS bigint[]))
    ), mine AS (
        UPDATE webhook_delivery SET attempts = attempts + 1, due_at = now() + make_interval(secs => :lease)
        WHERE id = ANY(ARRAY(
            SELECT id FROM webhook_delivery
            WHERE id = ANY(ARRAY(SELECT id FROM waiting WHERE place <= :of_one)) AND state = 'pending'
              AND due_at <= now()
            ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED))
        RETURNING *
    )
    SELECT mine.id, mine.attempts, mine.subscription_id, event.key, event.payload, subscription.url, subscription.nonce,
        subscription.previous_nonce,
        subscription.previous_nonce <> '' AND coalesce(subscription.previous_until > now(), false) AS overlapping
    FROM mine JOIN webhook_event AS event ON event.id = mine.event_id
        JOIN webhook_subscription AS subscription ON subscription.id = mine.subscription_id
    ORDER BY mine.id
    """
)
_FENCED = "WHERE id = :id AND attempts = :attempts AND state = 'pending'"
_ATTEMPT = text(
    """
    INSERT INTO webhook_attempt (delivery_id, status, milliseconds, error)
    SELECT id, cast(:status AS int), cast(:ms AS int), cast(:error AS text) FROM webhook_delivery WHERE id = :id
    """
)
_DONE = text(
    f"UPDATE webhook_delivery SET state = 'done', settled_at = now(), last_status = :status, last_error = '' {_FENCED}"
)
_DEAD = text(
    f"""
    UPDATE webhook_delivery SET state = 'dead', settled_at = now(), last_status = cast(:status AS int),
        last_error = :error
    {_FENCED}
    """
)
_LATER = text(
    f"""
    UPDATE webhook_delivery SET due_at = now() + make_interval(secs => :seconds), last_status = cast(:status AS int),
        last_error = :error
    {_FENCED}
    """
)
_WELL = text(
    "UPDATE webhook_subscription SET failing_since = NULL WHERE id = :subscription AND failing_since IS NOT NULL"
)
_FAILED = text(
    "UPDATE webhook_subscription SET failing_since = coalesce(failing_since, now()) WHERE id = :subscription"
)
_GIVEN_UP = text(
    """
    UPDATE webhook_subscription SET disabled_at = now(), disabled_reason = :reason
    WHERE id = :subscription AND disabled_at IS NULL
      AND failing_since < now() - make_interval(secs => cast(:days AS float) * 86400)
    """
)
_FORGET = text("DELETE FROM webhook_event WHERE created_at < now() - make_interval(days => :days)")
