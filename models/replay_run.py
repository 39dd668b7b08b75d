"""Runs of the replay: what was taken up again, and how far it got, so that it can go on after an interruption.

    running ──▶ done
       └──────▶ stopped ──resume──▶ running

All functions work inside the caller's transaction. They raise only what the database raises.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from sqlalchemy import BigInteger, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from config.database import to_json
from models.actor import Actor
from models.columns import Moment, document, key, moment, one_of, words

STATES = ("running", "done", "stopped")


def _number() -> Any:
    return Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))


class ReplayRun(SQLModel, table=True):
    """One replay."""

    __tablename__: ClassVar[str] = "replay_run"
    __table_args__ = (one_of("state", STATES),)

    id: int = key()
    actor: str = words()
    state: str = words("running")
    chosen: dict[str, object] = document()
    """Which items: `since`, `until`, `channel`, `ids`."""
    items: int = _number()
    """How many there are."""
    last_id: int = _number()
    """The last item that was judged."""
    judged: int = _number()
    changed: int = _number()
    """Tickets in which something was changed."""
    asked_at: Moment = moment(now=True)
    done_at: Moment = moment(nullable=True)


class Chosen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which items of the inbox: all that opened a ticket and satisfy every condition that is given."""

    since: str = ""
    """ISO 8601."""
    until: str = ""
    channel: str = ""
    ids: tuple[int, ...] = ()


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One replay, as far as it got."""

    id: int
    state: str
    chosen: Chosen
    items: int
    last_id: int
    judged: int
    changed: int


async def begin(connection: AsyncConnection, actor: Actor, chosen: Chosen, items: int) -> Run:
    """Note a new run."""
    values = {"actor": actor.label, "chosen": to_json(chosen), "items": items}
    return _run((await connection.execute(_BEGIN, values)).one())


async def resume(connection: AsyncConnection, number: int) -> Run | None:
    """Take a run up again; None where there is none, or where it is done."""
    row = (await connection.execute(_RESUME, {"id": number})).one_or_none()
    return None if row is None else _run(row)


async def advance(connection: AsyncConnection, number: int, *, last_id: int, judged: int, changed: int) -> None:
    """Note how far it got: so many more."""
    values = {"id": number, "last": last_id, "judged": judged, "changed": changed}
    await connection.execute(_ADVANCE, values)


async def end(connection: AsyncConnection, number: int, *, state: str = "done") -> None:
    """Note that it is done, or stopped."""
    await connection.execute(_END, {"id": number, "state": state})


def _run(row: Any) -> Run:
    return Run(
        id=row.id,
        state=row.state,
        chosen=msgspec.convert(row.chosen, Chosen),
        items=row.items,
        last_id=row.last_id,
        judged=row.judged,
        changed=row.changed,
    )


_BEGIN = text(
    """
    INSERT INTO replay_run (actor, chosen, items) VALUES (:actor, cast(:chosen AS jsonb), :items) RETURNING *
    """
)
_RESUME = text("UPDATE replay_run SET state = 'running' WHERE id = :id AND state <> 'done' RETURNING *")
_ADVANCE = text(
    """
    UPDATE replay_run SET last_id = :last, judged = judged + :judged, changed = changed + :changed WHERE id = :id
    """
)
_END = text("UPDATE replay_run SET state = :state, done_at = now() WHERE id = :id")
