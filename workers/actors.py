"""Actors and the sweeper: what rings a drain. The actors are one line each; the domain does the work.

Dramatiq's threads receive the bells; the drains run on the process's event loop. A queue has one drain loop in a
process: a bell that comes while it runs makes it look once more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy.exc import SQLAlchemyError

from config import logs

WORKER_TIMEOUT_MS = 1_000
"""How often an idle Dramatiq thread looks whether it must stop; how often it looks at Redis, `config.broker` says."""

log = logs.of("actors")

Drain = Callable[[], Awaitable[bool]]
"""Works one batch; True while there may be more."""


class Loop:
    """Runs one queue's drain whenever it is rung, never twice at once."""

    def __init__(self, queue: str, drain: Drain) -> None:
        self.queue = queue
        self.drain = drain
        self._rung = False
        self._stopped = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def ring(self) -> None:
        """Drain until nothing is due. Returns at once where that is under way already, which then looks again."""
        self._rung = True
        if self._stopped or not self._idle.is_set():
            return
        self._idle.clear()
        try:
            while self._rung and not self._stopped:
                self._rung = False
                if await self.drain():
                    self._rung = True
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.error("drain_failed", queue=self.queue, error=f"{type(error).__name__}: {error}"[:300])
        except Exception:
            log.exception("drain_bug", queue=self.queue)
        finally:
            self._idle.set()

    async def stop(self, *, seconds: float) -> None:
        """Begin no further drain, and wait for the one under way, at most so long."""
        self._stopped = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)


def listen(broker: RedisBroker, loops: dict[str, Loop], events: asyncio.AbstractEventLoop) -> dramatiq.Worker:
    """Declare `drain_<queue>` for each loop, and build the Dramatiq worker that hears their bells."""
    for queue, loop in loops.items():
        dramatiq.actor(actor_name=f"drain_{queue}", queue_name=queue, broker=broker)(_carry(loop, events))

    return dramatiq.Worker(broker, worker_timeout=WORKER_TIMEOUT_MS, worker_threads=len(loops))


def _carry(loop: Loop, events: asyncio.AbstractEventLoop) -> Callable[[], None]:
    def drain() -> None:
        # Not waited for: bells that came meanwhile would each find an empty queue later, one claim after the other.
        asyncio.run_coroutine_threadsafe(loop.ring(), events)

    return drain


async def sweep(loops: dict[str, Loop], *, seconds: float) -> None:
    """Look at every queue every few seconds, bell or no bell: this is the promise, the bell is the hint."""
    while True:
        await asyncio.gather(*(loop.ring() for loop in loops.values()))
        await asyncio.sleep(seconds)
