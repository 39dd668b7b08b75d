"""Doctor: tries all that Guichet depends on, and says of each what was found, or what to do.

Enters: the settings. Leaves: a line for each thing that was tried. Nothing is sent to customers, fetched or changed;
one object is stored and taken away again. Nothing fails: whatever is raised is a finding.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
from alembic.script import ScriptDirectory
from redis import Redis
from rich.console import Console
from rich.markup import escape
from sqlalchemy import text

from channels import load
from config import checking, secret
from config.database import connect
from config.embedded import EngineError, urls
from config.objects import Objects
from config.settings import Settings
from models.migrations import configuration

FREE_PERCENT = 10
CLOCK_SECONDS = 5.0
SHORTEST_SECRET = 32
LONGEST_TRY = 90.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried."""

    name: str
    ok: bool
    said: str
    """What was found; where it is not well, what is wrong and what to do."""


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Everything, one after the other, as it is found."""
    mistakes = checking.problems()
    said = "; ".join(mistakes) if mistakes else "no mistake"
    yield Finding(name="settings", ok=not mistakes, said=said)
    for finding in (_disk(settings), *_strength(settings)):
        yield finding
    try:
        database_url, redis_url = urls(settings)
    except EngineError as error:
        yield Finding(name="engines", ok=False, said=str(error))
    else:
        yield await _tried("database", lambda: _database(database_url))
        yield await _tried("migrations", lambda: _migrations(database_url))
        yield await _tried("clock", lambda: _clock(database_url))
        yield await _tried("redis", lambda: _redis(redis_url))
    yield await _tried("objects", lambda: _objects(settings))
    yield await _tried("dns", lambda: _names(settings))
    yield await _tried("public_url", lambda: _reachable(settings))
    for name, channel in load(settings).items():
        for probed in await channel.probe():
            yield Finding(name=f"{name}: {probed.name}", ok=probed.ok, said=probed.said)
        await channel.close()


async def _tried(name: str, attempt: Callable[[], Awaitable[tuple[bool, str]]]) -> Finding:
    try:
        async with asyncio.timeout(LONGEST_TRY):
            ok, said = await attempt()
    except Exception as error:  # noqa: BLE001 - whatever it raises, that is what was found
        ok, said = False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no answer'}"
    return Finding(name=name, ok=ok, said=said)


async def _database(url: str) -> tuple[bool, str]:
    database = connect(url, pool=1, name="guichet-doctor")
    try:
        async with database.engine.connect() as connection:
            row = (await connection.execute(_SERVER)).one()
    finally:
        await database.dispose()
    if row.durable != "on":
        return False, f"PostgreSQL {row.version} has fsync {row.durable}: what was accepted may be lost; switch it on"
    if row.connections > 0.9 * row.allowed:
        return False, f"{row.connections} of {row.allowed} connections are taken: raise max_connections"
    return True, f"PostgreSQL {row.version}, {row.connections} of {row.allowed} connections"


async def _migrations(url: str) -> tuple[bool, str]:
    database = connect(url, pool=1, name="guichet-doctor")
    try:
        async with database.engine.connect() as connection:
            found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    finally:
        await database.dispose()
    newest = ScriptDirectory.from_config(configuration(url)).get_current_head()
    return found == newest, f"{found}" if found == newest else f"{found}, not {newest}: run guichet migrate"


async def _clock(url: str) -> tuple[bool, str]:
    database = connect(url, pool=1, name="guichet-doctor")
    try:
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            before = time.time()
            theirs = float(
                (await connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))).scalar_one()
            )
            ours = (before + time.time()) / 2
    finally:
        await database.dispose()
    apart = abs(theirs - ours)
    return apart < CLOCK_SECONDS, f"{apart:.3f} s from the database's" + (
        "" if apart < CLOCK_SECONDS else ": set this machine's clock by NTP"
    )


async def _redis(url: str) -> tuple[bool, str]:
    client = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    try:
        said = await asyncio.to_thread(client.info, "server")
    finally:
        client.close()
    version = said.get("valkey_version") or said.get("redis_version")
    return True, f"answers, version {version}"


async def _objects(settings: Settings) -> tuple[bool, str]:
    objects, content = Objects(settings), secrets.token_bytes(32)
    digest = await objects.put(content)
    same = await objects.get(digest) == content
    await objects.delete(digest)
    place = settings.ledger.objects_url.partition("?")[0] or str(settings.var / "objects")
    return same, f"{place} gives back what was stored" if same else f"{place} gave back other bytes: do not use it"


async def _names(settings: Settings) -> tuple[bool, str]:
    """Whether the names that the settings hold lead anywhere."""
    hosts = {urlsplit(settings.base_url).hostname or "", settings.mail.relay.host, settings.alarms.webhook and (
        urlsplit(settings.alarms.webhook).hostname or "")}  # fmt: skip
    hosts |= {box.host for box in settings.imap.values()} | {relay.host for relay in settings.mail.relays.values()}
    loop, missing = asyncio.get_running_loop(), []
    for host in sorted(hosts - {""}):
        try:
            await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            missing.append(host)
    if missing:
        return False, f"no address for {', '.join(missing)}: check the spelling, and this machine's DNS"
    return True, f"{len(hosts - {''})} names have addresses"


async def _reachable(settings: Settings) -> tuple[bool, str]:
    """Whether the address that customers and providers use leads to a gateway of ours."""
    place = f"{settings.base_url}/healthz"
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.get(place, allow_redirects=False) as answer:
        ok = answer.status == 200 and await answer.text() == "ok\n"
    if not ok:
        return False, f"{place} answers {answer.status}, and not as a gateway: check the proxy in front of it"
    if not settings.public_url:
        return True, "answers; no public_url is set: customers' links and providers' webhooks need one"
    secure = settings.public_url.startswith("https://")
    return secure, f"{place} answers" + ("" if secure else ", but not over https: providers call nothing else")


def _disk(settings: Settings) -> Finding:
    room = shutil.disk_usage(settings.var if settings.var.exists() else Path())
    free = 100 * room.free / room.total
    said = f"{room.free / 1e9:.1f} GB free, {free:.0f} %"
    ok = free >= FREE_PERCENT
    return Finding(name="disk", ok=ok, said=said if ok else f"{said}: make room, or move GUICHET_VAR to another disk")


def _strength(settings: Settings) -> list[Finding]:
    """The secrets: present where they are needed, long enough, readable by nobody else."""
    given = settings.secret.get_secret_value()
    file = settings.var / "secret"
    if given:
        ok = len(given) >= SHORTEST_SECRET and len(set(given)) > 9
        said = "GUICHET_SECRET is long enough" if ok else (
            f"GUICHET_SECRET is weak: take {SHORTEST_SECRET} random characters (openssl rand -hex 32). Links and reply "
            "addresses that are out become invalid"
        )  # fmt: skip
        return [Finding(name="secret", ok=ok, said=said)]
    secret.key(settings)
    mode = file.stat().st_mode & 0o077
    ok = not mode or os.name == "nt"
    return [Finding(name="secret", ok=ok, said=f"{file} is ours alone" if ok else f"run: chmod 600 {file}")]


async def run(settings: Settings, *, json: bool) -> int:
    """Print each finding as it comes. Returns how many are not well."""
    console, wrong = Console(emoji=False, soft_wrap=True), 0
    async for finding in examine(settings):
        wrong += not finding.ok
        if json:
            sys.stdout.write(msgspec.json.encode(finding).decode() + "\n")
        else:
            mark = "[green]ok[/]  " if finding.ok else "[red]look[/]"
            console.print(f"{mark} {escape(finding.name)}: {escape(finding.said)}")
    return wrong


_SERVER = text(
    """
    SELECT current_setting('server_version') AS version, current_setting('fsync') AS durable,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
        current_setting('max_connections')::int AS allowed
    """
)
