"""How everything stands, and what is wrong with it. Pure; nothing fails.

Enters: the figures as they were fetched. Leaves: a `Standing` for the page and its `Problem`s, the gravest first. The
words for a problem stand in `config/templates/operations/texts.toml`, under its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.operations.wire import Wire
from models.alarm import Raised
from models.balance import Balance, Depth
from models.cursor import Standing as Place
from models.figures import Latency, Server
from models.flow import Period
from models.presence import Seen
from models.reasons import Kind

LATE_SECONDS = 60.0
"""An item that is older than this waits too long."""
BAD, WARN, GOOD = "bad", "warn", "good"
HELD_RULE = "A19"


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The quick figures of one moment, all from PostgreSQL."""

    at: float
    """Seconds since 1970, the database's clock."""
    queues: tuple[Depth, ...]
    latency: Latency
    failures: tuple[Kind, ...]
    server: Server
    minute: dict[str, int]
    """Received, settled and delivered in the last minute."""
    hour: dict[str, int]
    """The same in the last hour."""
    series: dict[str, list[int]]
    """The same by slot of 10 seconds, up to the last whole one."""
    series_start: int
    acknowledged: int
    """Acknowledgements queued in the last 24 hours."""
    acknowledged_since: float
    rules: dict[str, int]
    """Messages of the last 24 hours by the rule that decided about their acknowledgement."""
    held_lately: int
    """Acknowledgements held in the last hour."""
    places: tuple[Place, ...] = ()
    """What is fetched from, and how that goes."""
    alarms: tuple[Raised, ...] = ()
    processes: tuple[Seen, ...] = ()

    def queue(self, name: str) -> Depth:
        """One queue."""
        return next(depth for depth in self.queues if depth.queue == name)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows. What could not be fetched is what it was; None where it never could be."""

    ledger: Ledger | None
    ledger_age: float
    database: bool
    database_error: str
    """Name of the error, where there was one."""
    balance: tuple[Balance, ...] | None
    balance_age: float
    wire: Wire | None
    redis: bool
    periods: tuple[Period, ...] = ()
    """The last hour, day and week, counted by the workers."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it should be."""

    name: str
    grade: str
    count: int = 0
    seconds: float = 0.0


def problems(standing: Standing) -> list[Problem]:
    """What is wrong, the gravest first."""
    found = [*_engines(standing), *_balance(standing.balance or ()), *_queues(standing.ledger)]
    return sorted(found, key=lambda problem: problem.grade != BAD)


def grade(found: Sequence[Problem]) -> str:
    """The state of the whole: that of the gravest problem."""
    return found[0].grade if found else GOOD


def _engines(standing: Standing) -> Iterator[Problem]:
    if not standing.database:
        yield Problem(name="database", grade=BAD)
    if not standing.redis:
        yield Problem(name="redis", grade=WARN)


def _balance(rows: Sequence[Balance]) -> Iterator[Problem]:
    off = sum(abs(row.difference) for row in rows)
    if off:
        yield Problem(name="balance", grade=BAD, count=off)


def _queues(ledger: Ledger | None) -> Iterator[Problem]:
    if ledger is None:
        return
    inbox, outbox = ledger.queue("inbox"), ledger.queue("outbox")
    if inbox.oldest_seconds > LATE_SECONDS:
        yield Problem(name="late_inbox", grade=WARN, count=inbox.pending, seconds=inbox.oldest_seconds)
    if outbox.oldest_seconds > LATE_SECONDS:
        yield Problem(name="late_outbox", grade=WARN, count=outbox.pending, seconds=outbox.oldest_seconds)
    if inbox.dead:
        yield Problem(name="quarantine", grade=WARN, count=inbox.dead)
    if outbox.dead:
        yield Problem(name="undelivered", grade=WARN, count=outbox.dead)
    yield from _places(ledger.places)
    if ledger.held_lately:
        yield Problem(name="held", grade=WARN, count=ledger.held_lately)


def _places(places: Sequence[Place]) -> Iterator[Problem]:
    drift = sum(place.drift or 0 for place in places)
    if drift:
        yield Problem(name="drift", grade=BAD, count=drift)
    failing = [place for place in places if place.last_error]
    if failing:
        longest = max(place.success_age or 0.0 for place in failing)
        yield Problem(name="fetching", grade=WARN, count=len(failing), seconds=longest)
