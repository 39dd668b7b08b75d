"""Erasing, the rest of it: what lies outside the database, and the proof.

Enters: an erasure whose rows are gone. Leaves: objects that no row points at deleted, our copies of outgoing mail
deleted, keys in Redis that name the person deleted, and a search of everything for what is left. Every step may be made
again, so a run that was cut off is simply begun anew (`finish`). May fail with what the database, the store or Redis
raises; the erasure then stays unfinished.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from redis import Redis

from config.database import Database
from config.faults import crash_point
from config.objects import Objects
from config.settings import Settings
from models import erase
from models.actor import Actor
from models.erase import Erasure


async def run(
    database: Database, settings: Settings, redis_url: str, actor: Actor, secret: bytes, address: str
) -> Erasure:
    """Erase one person, from beginning to proof. Raises `erase.NobodyError`."""
    async with database.engine.begin() as connection:
        await erase.erase(connection, actor, secret, address)
    crash_point("X20")
    [*_others, last] = await finish(database, settings, redis_url)
    return last


async def finish(database: Database, settings: Settings, redis_url: str) -> list[Erasure]:
    """Take up every erasure that is not done. Returns them as they are then."""
    objects = Objects(settings)
    ended = []
    async with database.engine.begin() as connection:
        for erasure in await erase.unfinished(connection):
            for sha256 in erasure.objects:
                if not await erase.needed(connection, sha256):
                    await objects.delete(sha256)
            await asyncio.to_thread(_local_mail, settings, erasure.addresses)
            await asyncio.to_thread(_keys, redis_url, erasure.addresses)
            proof = await erase.prove(connection, erasure.addresses)
            proof["outgoing"] = len(list(_mails(settings, erasure.addresses)))
            proof["redis"] = await asyncio.to_thread(_keys, redis_url, erasure.addresses)
            proof["objects"] = sum([await objects.has(sha256) for sha256 in erasure.objects])
            await erase.done(connection, erasure.id, proof)
            ended.append(
                Erasure(id=erasure.id, state="done", labels=(), objects=(), erased=erasure.erased, proof=proof)
            )
    return ended


def _named(addresses: Sequence[str]) -> re.Pattern[bytes]:
    return re.compile(erase.pattern_of(addresses).encode(), re.IGNORECASE)


def _mails(settings: Settings, addresses: Sequence[str]) -> Iterator[Path]:
    """Our own copies of outgoing mail that name the person."""
    named = _named(addresses)
    for path in (settings.var / "outgoing").glob("*/*"):
        if named.search(path.read_bytes()):
            yield path


def _local_mail(settings: Settings, addresses: Sequence[str]) -> None:
    for path in list(_mails(settings, addresses)):
        path.unlink(missing_ok=True)


def _keys(redis_url: str, addresses: Sequence[str]) -> int:
    """Delete the keys that name the person. Returns how many there were. Values name nobody: bells carry nothing."""
    client = Redis.from_url(redis_url, socket_timeout=10)
    try:
        keys = list(filter(_named(addresses).search, client.scan_iter(count=1000)))
        if keys:
            client.delete(*keys)
        return len(keys)
    finally:
        client.close()
