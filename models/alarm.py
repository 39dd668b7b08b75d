"""Alarms: what is wrong and must be known, each told once when it is raised and once when it is over.

    raised ──(seen again: count and detail follow)──▶ raised ──not seen any more──▶ over

Enters: what somebody found wrong (`Found`). Leaves: rows; which of them are news (`reconcile`). One alarm is open for
each kind and subject, a unique index sees to it. All functions work inside the caller's transaction; they raise only
what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, Float, Index, SmallInteger, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from config.database import to_json
from models.columns import Moment, document, key, moment, one_of, words

GRADES = ("warn", "bad")
KINDS = (
    "late",
    "silent",
    "quarantine",
    "balance",
    "breaker",
    "credential",
    "disk",
    "undelivered",
    "fetching",
    "drift",
    "process",
    "redis",
)
LOCK = 0x6775_6963_6805
"""Held by the one worker that looks for alarms at a time."""


class Alarm(SQLModel, table=True):
    """One thing that is, or was, wrong."""

    __tablename__: ClassVar[str] = "alarm"
    __table_args__ = (
        one_of("grade", GRADES),
        Index("alarm_open", "kind", "subject", unique=True, postgresql_where=text("over_at IS NULL")),
        Index("alarm_untold", "id", postgresql_where=text("untold")),
    )

    id: int = key()
    kind: str = words()
    subject: str = words()
    """Which queue, channel, mailbox, host; '' where there is but one."""
    grade: str = words("warn")
    count: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    seconds: float = Field(default=0.0, sa_column=Column(Float, nullable=False, server_default="0"))
    detail: dict[str, object] = document()
    """What else people need: `items`, the numbers of the items that it is about."""
    raised_at: Moment = moment(now=True)
    seen_at: Moment = moment(now=True)
    """When it was found last."""
    over_at: Moment = moment(nullable=True)
    untold: bool = Field(default=True, sa_column_kwargs={"server_default": "true"})
    """Whether the webhook still has to be told of its latest turn."""
    tries: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    told_after: Moment = moment(now=True)
    """The webhook is not tried again before this."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong now."""

    kind: str
    subject: str = ""
    grade: str = "warn"
    count: int = 0
    seconds: float = 0.0
    items: tuple[int, ...] = ()
    error: str = ""
    """What was said, without personal content."""


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as people are told of it."""

    id: int
    kind: str
    subject: str
    grade: str
    count: int
    seconds: float
    detail: dict[str, Any]
    raised_at: datetime
    over_at: datetime | None


async def alone(connection: AsyncConnection) -> bool:
    """Take the look for this transaction. False where another worker looks right now."""
    return bool((await connection.execute(_ALONE)).scalar_one())


async def reconcile(connection: AsyncConnection, found: Sequence[Found]) -> list[Raised]:
    """Make the open alarms those of `found`. Returns what is news: alarms that were raised now, or are over now."""
    values: dict[str, list[Any]] = {
        "kinds": [one.kind for one in found],
        "subjects": [one.subject for one in found],
        "grades": [one.grade for one in found],
        "counts": [one.count for one in found],
        "seconds": [one.seconds for one in found],
        "details": [to_json({"items": one.items, "error": one.error}) for one in found],
    }
    names = {"kinds": values["kinds"], "subjects": values["subjects"]}
    await connection.execute(_SEEN, values)
    over = [_raised(row) for row in await connection.execute(_OVER, names)]
    return over + [_raised(row) for row in await connection.execute(_RAISE, values)]


async def current(connection: AsyncConnection) -> list[Raised]:
    """The open alarms, the gravest and then the newest first."""
    return [_raised(row) for row in await connection.execute(_OPEN)]


async def latest(connection: AsyncConnection, most: int = 50) -> list[Raised]:
    """The last alarms, open or over, the newest first."""
    return [_raised(row) for row in await connection.execute(_LATEST, {"most": most})]


async def untold(connection: AsyncConnection, most: int = 20) -> list[Raised]:
    """Alarms whose latest turn the webhook has not heard of and may be told now. Locks them."""
    return [_raised(row) for row in await connection.execute(_UNTOLD, {"most": most})]


async def told(connection: AsyncConnection, number: int, *, over: bool) -> None:
    """Note that the webhook has heard of it; not where it has turned again meanwhile."""
    await connection.execute(_TOLD, {"id": number, "over": over})


async def refused(connection: AsyncConnection, number: int, seconds: float) -> None:
    """Note that the webhook did not take it: it is tried again in `seconds`."""
    await connection.execute(_REFUSED, {"id": number, "seconds": seconds})


def _raised(row: Any) -> Raised:
    return Raised(**{name: getattr(row, name) for name in Raised.__struct_fields__})


_COLUMNS = "id, kind, subject, grade, count, seconds, detail, raised_at, over_at"
_ALONE = text(f"SELECT pg_try_advisory_xact_lock({LOCK})")
_GIVEN = """
    unnest(cast(:kinds AS text[]), cast(:subjects AS text[]), cast(:grades AS text[]), cast(:counts AS bigint[]),
           cast(:seconds AS float8[]), cast(:details AS text[]))
    AS given (kind, subject, grade, count, seconds, detail)
"""
_SEEN = text(
    f"""
    UPDATE alarm SET seen_at = now(), grade = given.grade, count = given.count, seconds = given.seconds,
        detail = given.detail::jsonb
    FROM {_GIVEN}
    WHERE alarm.kind = given.kind AND alarm.subject = given.subject AND alarm.over_at IS NULL
    """
)
_OVER = text(
    f"""
    UPDATE alarm SET over_at = now(), untold = true, tries = 0, told_after = now()
    WHERE over_at IS NULL AND NOT EXISTS (
        SELECT FROM unnest(cast(:kinds AS text[]), cast(:subjects AS text[])) AS given (kind, subject)
        WHERE given.kind = alarm.kind AND given.subject = alarm.subject)
    RETURNING {_COLUMNS}
    """
)
_RAISE = text(
    f"""
    INSERT INTO alarm (kind, subject, grade, count, seconds, detail)
    SELECT kind, subject, grade, count, seconds, detail::jsonb FROM {_GIVEN}
    ON CONFLICT (kind, subject) WHERE over_at IS NULL DO NOTHING
    RETURNING {_COLUMNS}
    """
)
_OPEN = text(f"SELECT {_COLUMNS} FROM alarm WHERE over_at IS NULL ORDER BY grade = 'bad' DESC, id DESC")
_LATEST = text(f"SELECT {_COLUMNS} FROM alarm ORDER BY over_at IS NULL DESC, id DESC LIMIT :most")
_UNTOLD = text(
    f"""
    SELECT {_COLUMNS} FROM alarm WHERE untold AND told_after <= now() ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_TOLD = text("UPDATE alarm SET untold = false, tries = 0 WHERE id = :id AND (over_at IS NOT NULL) = :over")
_REFUSED = text(
    """
    UPDATE alarm SET tries = tries + 1, told_after = now() + make_interval(secs => :seconds * power(2, least(tries, 6)))
    WHERE id = :id
    """
)
