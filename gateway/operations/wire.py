"""How Redis and the bell's queues stand.

Enters: the process's Redis client. Leaves: what Redis says of itself and of Dramatiq's queues. May fail: with whatever
the client raises. It has a connection of its own with short time-outs, since the bell's may wait longer than a page.

Dramatiq keeps, for a queue in the name space: `<queue>` the ids that wait, `<queue>.msgs` all bells, those in a
worker's hand included, `<queue>.DQ.msgs` the delayed ones, `<queue>.XQ` the dead ones.
"""

from __future__ import annotations

import asyncio

import msgspec
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.broker import NAMESPACE, QUEUES

TIMEOUT = 1.0


class Bells(msgspec.Struct, frozen=True, kw_only=True):
    """One queue of bells. There is no count that should be high: a bell only says "look now"."""

    queue: str
    waiting: int
    in_hand: int
    delayed: int
    dead: int


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """Redis as it answers."""

    version: str
    bytes: int
    queues: tuple[Bells, ...]


class Listener:
    """Asks Redis, in a thread."""

    def __init__(self, client: Redis) -> None:
        """`client` says where Redis is."""
        pool = client.connection_pool
        short = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "retry": Retry(NoBackoff(), 0)}
        self._client = Redis(
            connection_pool=ConnectionPool(
                connection_class=pool.connection_class, max_connections=2, **(pool.connection_kwargs | short)
            )
        )

    async def ask(self) -> Wire:
        """What Redis says now."""
        return await asyncio.to_thread(self._ask)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _ask(self) -> Wire:
        calls = self._client.pipeline(transaction=False)
        calls.info("server")
        calls.info("memory")
        for queue in QUEUES:
            name = f"{NAMESPACE}:{queue}"
            calls.llen(name)
            calls.hlen(f"{name}.msgs")
            calls.hlen(f"{name}.DQ.msgs")
            calls.zcard(f"{name}.XQ")
        server, memory, *counts = calls.execute()
        return Wire(
            version=_version(server),
            bytes=int(memory.get("used_memory", 0)),
            queues=tuple(_bells(queue, counts[4 * place : 4 * place + 4]) for place, queue in enumerate(QUEUES)),
        )


def _version(server: dict[str, str]) -> str:
    """Name and version: Valkey says both its own and the Redis version that it stands in for."""
    if "valkey_version" in server:
        return f"Valkey {server['valkey_version']}"
    return f"Redis {server.get('redis_version', '')}".strip()


def _bells(queue: str, counts: list[int]) -> Bells:
    waiting, all_bells, delayed, dead = counts
    return Bells(queue=queue, waiting=waiting, in_hand=max(all_bells - waiting, 0), delayed=delayed, dead=dead)
