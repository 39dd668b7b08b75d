"""`/healthz` (the process runs), `/readyz` (it can accept now) and `/metrics` (Prometheus text format).

The first two are open to all. `/metrics` is open to this machine, to whoever holds the bearer token `metrics_token`,
and to those who may see operations.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from gateway.keys import CHANNELS, DATABASE, INBOX, REDIS, SETTINGS
from gateway.staff import ACCESS, staff
from models.balance import balance, depths
from models.cursor import Standing, standings


def mount(app: web.Application) -> None:
    """Add the three routes."""
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", scraped)


async def healthz(_request: web.Request) -> web.Response:
    """200 as long as the process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """200 when a message would be accepted now, else 503. Redis away is said, but stops no message."""
    database, redis = await asyncio.gather(_database_answers(request.app), _redis_answers(request.app))
    body = {"database": "ok" if database else "away", "redis": "ok" if redis else "away"}
    return web.json_response(body, status=200 if database else 503)


async def scraped(request: web.Request) -> web.StreamResponse:
    """The metrics, for whom they are open to; else 401 or 403."""
    wanted = request.app[SETTINGS].metrics_token.get_secret_value()
    kind, _, said = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if wanted and kind.lower() == "bearer" and hmac.compare_digest(said.strip().encode(), wanted.encode()):
        return await metrics(request)
    if request.app[ACCESS].local(request):
        return await metrics(request)
    return await staff("operations")(metrics)(request)


async def metrics(request: web.Request) -> web.Response:
    """Counters and gauges of this gateway and of the ledger."""
    registry = CollectorRegistry()
    inbox = request.app[INBOX]
    _gauge(registry, "guichet_accepted_total", "Messages accepted by this process", inbox.accepted)
    _gauge(registry, "guichet_accept_refused_total", "Messages this process could not store", inbox.refused)
    turned = Gauge("guichet_webhook_refused_total", "Requests turned away", ["channel", "reason"], registry=registry)
    for name, channel in request.app[CHANNELS].items():
        for reason, count in channel.refused.items():
            turned.labels(name, reason).set(count)
    try:
        async with asyncio.timeout(5), request.app[DATABASE].engine.connect() as connection:
            rows, queues = await balance(connection), await depths(connection)
            places = await standings(connection)
    except (SQLAlchemyError, OSError, TimeoutError):
        _gauge(registry, "guichet_database_up", "Whether PostgreSQL answers", 0)
    else:
        _gauge(registry, "guichet_database_up", "Whether PostgreSQL answers", 1)
        items = Gauge("guichet_inbox_items", "Received messages by outcome", ["channel", "outcome"], registry=registry)
        for row in rows:
            for outcome in ("ticket", "appended", "duplicate", "machine", "quarantined", "pending", "difference"):
                items.labels(row.channel, outcome).set(getattr(row, outcome))
        queue = Gauge("guichet_queue_items", "Items in the ledger's queues", ["queue", "state"], registry=registry)
        age = Gauge("guichet_queue_oldest_seconds", "Age of the oldest pending item", ["queue"], registry=registry)
        for depth in queues:
            for state in ("pending", "due", "dead", "retried"):
                queue.labels(depth.queue, state).set(getattr(depth, state))
            age.labels(depth.queue).set(depth.oldest_seconds)
        _places(registry, places)
    return web.Response(body=generate_latest(registry), content_type="text/plain", charset="utf-8")


def _places(registry: CollectorRegistry, places: Sequence[Standing]) -> None:
    failing = Gauge("guichet_fetch_failing", "1 where fetching from a place fails", ["place"], registry=registry)
    since = Gauge("guichet_fetch_success_age_seconds", "Age of the last good look", ["place"], registry=registry)
    backlog = Gauge("guichet_fetch_backlog", "Messages there, still to be fetched", ["place"], registry=registry)
    missing = Gauge("guichet_fetch_missing", "Messages there that should be stored here", ["place"], registry=registry)
    for place in places:
        failing.labels(place.name).set(bool(place.last_error))
        backlog.labels(place.name).set(place.backlog)
        missing.labels(place.name).set(place.drift or 0)
        if place.success_age is not None:
            since.labels(place.name).set(place.success_age)


def _gauge(registry: CollectorRegistry, name: str, help_text: str, value: float) -> None:
    Gauge(name, help_text, registry=registry).set(value)


async def _database_answers(app: web.Application) -> bool:
    try:
        async with asyncio.timeout(2), app[DATABASE].engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return True


async def _redis_answers(app: web.Application) -> bool:
    try:
        async with asyncio.timeout(2):
            await asyncio.to_thread(app[REDIS].ping)
    except Exception:  # noqa: BLE001 - whatever the client raises, Redis does not answer
        return False
    return True
