"""Pace: how fast a provider lets us send, kept to by all workers together.

Enters: the rates of a message (so many a second from one number, one in so many seconds to one customer). Leaves: 0
where it may go now, which counts it; else the seconds until it may, which counts nothing. The count stands in Redis;
while that is away each process counts for itself, and the provider's own limit (429) is the last guard.

The algorithm is GCRA (ITU-T I.371): one number a key, the theoretical arrival time of the next message.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from channels import Rate
from config import logs

FORGET = 4_096
"""Keys after which those that lie in the past are forgotten."""
REDIS_SECONDS = 0.5
LEAST = 1e-6
"""A shorter wait is a rounding error."""

log = logs.of("pace")


class Pace:
    """Counts for one process, or for all where there is a Redis."""

    def __init__(self, redis_url: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}
        self._redis: Redis | None = None
        if redis_url:
            pool = BlockingConnectionPool.from_url(
                redis_url,
                max_connections=4,
                timeout=REDIS_SECONDS,
                socket_timeout=REDIS_SECONDS,
                socket_connect_timeout=REDIS_SECONDS,
            )
            self._redis = Redis.from_pool(pool)
            self._script = self._redis.register_script(_GCRA)

    async def wait(self, rates: Sequence[Rate]) -> float:
        """Seconds until a message under all of `rates` may go; 0: now, and it counts."""
        if not rates:
            return 0.0
        if self._redis is None:
            return self._alone(rates)
        keys = [f"guichet:pace:{rate.key}" for rate in rates]
        values = [value for rate in rates for value in (1 / rate.per_second, rate.burst)]
        try:
            return float(await self._script(keys=keys, args=values))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("pace_kept_alone", error=type(error).__name__)
            return self._alone(rates)

    def _alone(self, rates: Sequence[Rate]) -> float:
        now = self._clock()
        due = {rate.key: max(self._next.get(rate.key, 0.0), now) for rate in rates}
        wait = max(due[rate.key] - now - (rate.burst - 1) / rate.per_second for rate in rates)
        if wait > LEAST:
            return wait
        for rate in rates:
            self._next[rate.key] = due[rate.key] + 1 / rate.per_second
        if len(self._next) > FORGET:
            self._next = {key: at for key, at in self._next.items() if at > now}
        return 0.0

    async def close(self) -> None:
        """End the connection."""
        if self._redis is not None:
            await self._redis.aclose()


_GCRA = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local wait, due = 0, {}
for place, key in ipairs(KEYS) do
    local gap, burst = tonumber(ARGV[2 * place - 1]), tonumber(ARGV[2 * place])
    due[place] = math.max(tonumber(redis.call('GET', key) or '0'), now)
    wait = math.max(wait, due[place] - now - (burst - 1) * gap)
end
if wait > 0.000001 then
    return tostring(wait)
end
for place, key in ipairs(KEYS) do
    local next = due[place] + tonumber(ARGV[2 * place - 1])
    redis.call('SET', key, string.format('%.6f', next), 'PX', math.ceil((next - now) * 1000) + 1000)
end
return '0'
"""
