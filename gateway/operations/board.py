"""The board: the figures of one gateway process, fetched at their pace.

Enters: the database and Redis of the process. Leaves: a `Standing`. Nothing fails: an engine that is away is a figure
too. The quick figures come together in one snapshot, once a second at most; the balance reads all that is not counted
for good yet, so it has a pace of its own (at most 2 % of the time) and its own age.
"""

from __future__ import annotations

import asyncio
from typing import Any

from asyncpg import InterfaceError, PostgresError
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from config.database import Database
from gateway.operations.paced import Paced
from gateway.operations.standing import HELD_RULE, Ledger, Standing
from gateway.operations.wire import Listener, Wire
from models import alarm, blocks, figures, presence
from models.balance import Balance, balance
from models.cursor import standings
from models.figures import HOUR, SLOT, Flow
from models.flow import PERIODS, Period, period
from models.reasons import gather

AWAY = (SQLAlchemyError, PostgresError, InterfaceError, OSError, TimeoutError)
"""What a database that does not answer raises; the driver's own errors come while it is connecting."""
FIRST_WAIT, WAIT = 1.5, 0.3
"""Seconds that a viewer waits for a figure: the first time, and when there is an older one to show."""


class Board:
    """Knows how this process sees everything stand."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self._database = database
        self._flow = Flow()
        self._listener = Listener(redis)
        self._ledger = Paced[Ledger]("ledger", self._look, AWAY, timeout=10, most=10)
        self._balance = Paced[tuple[Balance, ...]]("balance", self._add_up, AWAY, timeout=55)
        self._blocks = Paced[int]("blocks", self._close_blocks, AWAY, timeout=55, least=10, most=600)
        self._periods = Paced[tuple[Period, ...]]("periods", self._sum_up, AWAY, timeout=30, least=15, most=300)
        self._wire = Paced[Wire](
            "redis", self._listener.ask, (RedisError, OSError, TimeoutError), timeout=5, patience=1
        )

    async def standing(self) -> Standing:
        """How everything stands now, or stood when it was last seen. Takes at most `FIRST_WAIT` seconds."""
        ledger, rows, wire = self._ledger, self._balance, self._wire
        await asyncio.gather(ledger.look(_wait(ledger)), rows.look(_wait(rows)), wire.look(_wait(wire)))
        await self._blocks.look(0)
        await self._periods.look(_wait(self._periods))
        return Standing(
            ledger=ledger.value,
            ledger_age=ledger.age or 0.0,
            database=ledger.answers,
            database_error=ledger.failure,
            balance=rows.value,
            balance_age=rows.age or 0.0,
            periods=self._periods.value or (),
            wire=wire.value,
            redis=wire.answers,
        )

    async def close(self) -> None:
        """Give up what is under way, before the database is closed."""
        for paced in (self._ledger, self._balance, self._blocks, self._periods, self._wire):
            await paced.close()
        self._listener.close()

    async def _add_up(self) -> tuple[Balance, ...]:
        async with self._database.engine.connect() as connection:
            return tuple(await balance(connection))

    async def _close_blocks(self) -> int:
        """Count for good what has ended, so that adding up stays quick."""
        async with self._database.engine.begin() as connection:
            return await blocks.close(connection)

    async def _sum_up(self) -> tuple[Period, ...]:
        async with self._database.engine.connect() as connection:
            now = await figures.clock(connection)
            return tuple([await period(connection, name, now) for name in PERIODS])

    async def _look(self) -> Ledger:
        """All quick figures, in one snapshot."""
        flow = self._flow
        async with self._database.engine.connect() as engine:
            connection = await engine.execution_options(isolation_level="REPEATABLE READ")
            now = await figures.clock(connection)
            queues = await figures.depths(connection)
            await flow.count(connection, now, queues)
            failures = gather(await figures.failures(connection))
            latency, server = await flow.latency(connection), await figures.server(connection)
            places = await standings(connection)
            alarms, processes = await alarm.current(connection), await presence.everybody(connection)
        tallies = {"received": flow.received, "settled": flow.settled, "delivered": flow.delivered}
        end = int(now // SLOT) * SLOT
        return Ledger(
            at=now,
            queues=tuple(queues),
            latency=latency,
            failures=tuple(failures),
            server=server,
            minute={name: tally.total(now - 60) for name, tally in tallies.items()},
            hour={name: tally.total() for name, tally in tallies.items()},
            series={name: tally.series(end - HOUR, end) for name, tally in tallies.items()},
            series_start=end - HOUR,
            acknowledged=flow.acknowledged.total(),
            acknowledged_since=max(flow.acknowledged.begin, flow.rules.begin),
            rules=flow.rules.sums(),
            held_lately=flow.rules.sums(now - HOUR).get(HELD_RULE, 0),
            places=tuple(places),
            alarms=tuple(alarms),
            processes=tuple(processes),
        )


def _wait(paced: Paced[Any]) -> float:
    return FIRST_WAIT if paced.value is None and not paced.failure else WAIT
