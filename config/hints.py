"""Hints: tell whoever shows a conversation or a ticket that something happened in it. Never a promise.

A hint names a key: `ticket:<number>`, or a conversation's `channel:address`. Whoever hears it looks into the database;
one that is lost costs the seconds until the next look that is made anyway. Hints of one process that fall together go
out as one message (Redis PUBLISH), about one in 10 ms. Sending never blocks and never raises; Redis being away is
logged when it goes and when it comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec
from redis.asyncio import Redis, from_url
from redis.exceptions import RedisError

from config import logs

TOPIC = "guichet:hints"
GAP = 0.01
MOST_WAITING = 5_000
"""Hints that wait for a slow Redis; further ones are dropped."""
WAIT_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0

log = logs.of("hints")


class Hint(msgspec.Struct, frozen=True, array_like=True):
    """Something happened under `key`: 'said' (look into the database), or a passing sign such as 'typing'."""

    key: str
    kind: str = "said"
    detail: str = ""


Hear = Callable[[Hint], None]


class Hints:
    """Sends hints, and hears those of all processes, its own included. One for each process."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = from_url(redis_url, socket_connect_timeout=5, health_check_interval=30)
        self._waiting: list[Hint] = []
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._closing = False
        self._well = True

    def send(self, hints: Iterable[Hint]) -> None:
        """Send `hints` soon. To be called on the event loop."""
        self._waiting.extend(hints)
        del self._waiting[MOST_WAITING:]
        if self._waiting and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._waiting:
            together, self._waiting = list(dict.fromkeys(self._waiting)), []
            try:
                await self._redis.publish(TOPIC, msgspec.json.encode(together))
            except (RedisError, OSError) as error:
                self._note(well=False, error=type(error).__name__)
                return
            self._note(well=True)
            await asyncio.sleep(GAP)

    def listen(self, hear: Hear) -> None:
        """Call `hear` for every hint until closed; connect again and again while Redis is away."""
        self._listening = asyncio.create_task(self._listen(hear))

    async def _listen(self, hear: Hear) -> None:
        pause = FIRST_PAUSE
        while not self._closing:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(TOPIC)
                    pause = FIRST_PAUSE
                    while not self._closing:
                        message = await subscription.get_message(timeout=WAIT_SECONDS)
                        self._note(well=True)
                        for hint in _read(message["data"]) if message else ():
                            hear(hint)
            except (RedisError, OSError) as error:
                self._note(well=False, error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _note(self, *, well: bool, error: str = "") -> None:
        if well and not self._well:
            log.info("hints_heard_again")
        elif self._well and not well:
            log.warning("hints_silent", error=error)
        self._well = well

    async def close(self) -> None:
        """Drop what waits, and close the connections."""
        self._closing = True
        for task in (self._sending, self._listening):
            while task is not None and not task.done():
                task.cancel()  # more than once: the client may take the first for its own time-out
                await asyncio.wait({task}, timeout=0.1)
        await self._redis.aclose()


def _read(data: bytes) -> list[Hint]:
    """The hints of one message; none where somebody else wrote on our topic."""
    try:
        return msgspec.json.decode(data, type=list[Hint])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def silence(_hints: Iterable[Hint]) -> None:
    """For who has nobody to tell."""
