"""The gateway process: the doors. It accepts, and shows how things stand; it settles nothing.

`build` puts the web application together: every channel mounts its own routes and listeners. `run` serves it until
SIGTERM or SIGINT, then closes the doors first and answers those who are inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator

from aiohttp import web

from channels import load
from config import logs
from config.broker import bell, broker
from config.database import Database, connect
from config.hints import Hints
from config.objects import Objects
from config.settings import Settings
from gateway import api, console, health, operations, staff, statistics
from gateway.accept import Inbox
from gateway.conversations import StoredConversations
from gateway.keys import CHANNELS, CONVERSATIONS, DATABASE, HINTS, INBOX, OUTBOX_BELL, REDIS, SETTINGS
from models.alive import alive

log = logs.of("gateway")


def build(settings: Settings, database: Database, redis_url: str) -> web.Application:
    """The web application with every door of every channel."""
    app = web.Application(client_max_size=settings.http.max_body_bytes)
    redis = broker(redis_url)
    inbox_bell = bell(redis, "inbox")
    outbox_bell = bell(redis, "outbox")
    hints, objects = Hints(redis_url), Objects(settings)
    conversations = StoredConversations(database, objects, settings, hints, outbox_bell.ring)
    inbox = Inbox(database, objects, settings, inbox_bell.ring, conversations)
    app[SETTINGS], app[DATABASE], app[INBOX], app[REDIS] = settings, database, inbox, redis.client
    app[CONVERSATIONS], app[HINTS], app[OUTBOX_BELL] = conversations, hints, outbox_bell

    async def accepting(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(inbox.run())
        hints.listen(conversations.heard)
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await hints.close()
        inbox_bell.close()
        outbox_bell.close()
        await database.dispose()

    app.cleanup_ctx.append(accepting)
    staff.mount(app)
    health.mount(app)
    channels = load(settings)
    app[CHANNELS] = channels
    operations.mount(app, channels)
    statistics.mount(app)
    for channel in channels.values():
        channel.mount(app, inbox)
    console.mount(app)
    api.mount(app, channels, outbox_bell.ring, hints.send)
    staff.mount_first_steps(app)
    return app


async def run(settings: Settings, database_url: str, redis_url: str) -> None:
    """Serve until a signal says stop. Raises `OSError` where a port cannot be had."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = connect(database_url, name="guichet-gateway")
    app = build(settings, database, redis_url)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, settings.http.host, settings.http.port, backlog=1024)
    await site.start()
    gc.freeze()
    gc.set_threshold(50_000)  # a message in flight is many small values and hardly a circle
    log.info("gateway_ready", address=site.name)
    inbox = app[INBOX]
    async with alive(database, "gateway", settings.var, lambda: {"accepted": inbox.accepted, "refused": inbox.refused}):
        await stop.wait()
    log.info("gateway_stopping")
    await runner.cleanup()
