"""Dramatiq on Redis: the bell's wire. Messages carry nothing; any due row is work, and a bell only says "look now".

Nothing depends on a bell being delivered: retries, dead letters and time limits live in the ledger, so Dramatiq's own
are left out.
"""

from __future__ import annotations

import dramatiq
from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, ShutdownNotifications

from config.bell import Bell

NAMESPACE = "guichet"
QUEUES = ("inbox", "outbox")
POLL_MS = {"inbox": 10, "outbox": 50}
"""How long a consumer that found nothing sleeps before it asks Redis again: what a lone message waits, at most, for
its bell."""
DELAYED_POLL_MS = 1_000
"""The same for Dramatiq's own queues of delayed messages, which stay empty: our delays stand in the ledger."""


class Bells(RedisBroker):
    """Dramatiq's broker, whose consumers poll each queue as often as its bell is worth."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """A consumer of `queue_name`. The worker's own time-out is for noticing that it must stop."""
        return super().consume(queue_name, prefetch, min(timeout, POLL_MS.get(queue_name, DELAYED_POLL_MS)))


def broker(redis_url: str, *middleware: Middleware) -> Bells:
    """Connect to `redis_url` and make it Dramatiq's broker in this process.

    Raises nothing while Redis is away: the first ring does.
    """
    connected = Bells(  # type: ignore[no-untyped-call]
        url=redis_url,
        namespace=NAMESPACE,
        middleware=[ShutdownNotifications(notify_shutdown=False), *middleware],
        heartbeat_timeout=15_000,
        # A bell taken by a worker that died is worth nothing after the next sweep, so returning it may be rare.
        maintenance_chance=1_000,
        dead_message_ttl=3_600_000,
    )
    dramatiq.set_broker(connected)
    return connected


def bell(connected: RedisBroker, queue: str) -> Bell:
    """The bell of `queue`. What it sends names the actor of that queue, and carries nothing."""

    def send() -> None:
        connected.enqueue(
            dramatiq.Message(queue_name=queue, actor_name=f"drain_{queue}", args=(), kwargs={}, options={})
        )

    return Bell(queue, send)
