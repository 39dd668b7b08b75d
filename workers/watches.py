"""The clocks of a worker process that look after Guichet itself: alarms, the flow by minute, retention."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from config.bell import Bell
from config.database import Database
from config.objects import Objects
from workers.actors import Loop
from workers.batch import Office
from workers.retention import Retention
from workers.watch import Watch


def watches_of(
    database: Database, office: Office, objects: Objects, bells: dict[str, Bell], redis_url: str
) -> dict[str, Loop]:
    """A loop for each, by name."""
    redis = Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2)

    def answers() -> bool:
        try:
            return bool(redis.ping())
        except (RedisError, OSError):
            return False

    watch = Watch(database, office, answers)

    async def look() -> bool:
        if await watch.look() and "outbox" in bells:
            bells["outbox"].ring()
        return False

    async def tell() -> bool:
        await watch.tell()
        return False

    async def count() -> bool:
        await watch.count()
        return False

    retention = Retention(database, objects, office.settings)

    async def retain() -> bool:
        await retention.drain()
        return False  # a portion at each sweep: settling goes first

    return {
        "retention": Loop("retention", retain),
        "alarms": Loop("alarms", look),
        "alarm_webhook": Loop("alarm_webhook", tell),
        "flow": Loop("flow", count),
    }
