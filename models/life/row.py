"""The ticket's row under lock, how its fields stand in histories, and the writing of both.

    lock    the rows of tickets that the actor may see, in the order of their numbers, for the rest of the transaction
    shown   a value as histories write it: '' for none, lists sorted and joined by ", ", moments in UTC
    note    one `ticket_event` for each change

May fail: `NoTicket`; `Conflict` where two transactions wait for each other; what the database raises.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.actor import Actor, visible
from models.life.refusals import Conflict, NotAllowed, NoTicket

DEADLOCK = "40P01"


class Change(msgspec.Struct, frozen=True):
    """One field that is another one now, as its history says it."""

    field: str
    old: str
    new: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    number: int
    changes: tuple[Change, ...] = ()
    """Empty: it was so already."""
    keys: tuple[str, ...] = ()
    """What pages that show it listen to (`config.hints.Hint.key`)."""


async def lock(connection: AsyncConnection, actor: Actor, numbers: Collection[int]) -> dict[int, Any]:
    """The rows of `numbers`, locked. Raises `NoTicket` for the first that is missing or hidden, and `Conflict`."""
    condition, values = visible(actor)
    statement = text(_LOCK.format(visible=condition))
    try:
        rows = (await connection.execute(statement, {"numbers": sorted(set(numbers)), **values})).all()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == DEADLOCK:
            raise Conflict("", "") from error
        raise
    found = {row.id: row for row in rows}
    for number in numbers:
        if number not in found:
            raise NoTicket(number)
    return found


async def lock_one(connection: AsyncConnection, actor: Actor, number: int, *, follow: bool = False) -> Any:
    """One row that may be changed. A merged ticket is refused, or followed to the one that it was merged into."""
    row = (await lock(connection, actor, [number]))[number]
    seen = {number}
    while row.merged_into is not None:
        if not follow or row.merged_into in seen:
            raise merged(row)
        seen.add(row.merged_into)
        row = (await lock(connection, actor, [row.merged_into]))[row.merged_into]
    return row


def merged(row: Any) -> NotAllowed:
    """That nothing can be changed in a merged ticket."""
    return NotAllowed("merged", f"Ticket {row.id} was merged into {row.merged_into}; change that one.")


def shown(value: object) -> str:
    """A value as histories write it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(sorted(str(one) for one in value))
    return str(value)


def keys(*rows: Any) -> tuple[str, ...]:
    """What the pages of these tickets listen to."""
    found = [key for row in rows for key in (f"ticket:{row.id}", row.conversation) if key]
    return tuple(dict.fromkeys(found))


async def note(connection: AsyncConnection, actor: Actor, number: int, changes: Sequence[Change]) -> None:
    """Write them into the ticket's history, in order."""
    if changes:
        columns = {
            "ticket": number,
            "actor": actor.label,
            "kinds": [change.field for change in changes],
            "old": [change.old for change in changes],
            "new": [change.new for change in changes],
        }
        await connection.execute(_NOTE, columns)


_LOCK = """
    SELECT id, subject, status, priority, commitment_hours, category, product, perimeter, pipeline, stage, level, team,
        assignee_id, language, tags, contact_id, channel, account, answer_channel, answer_address, answer_account,
        conversation, participants, guests, merged_into, message_count, transfers, snoozed_until, resolved_at,
        acknowledged_at, now() AS now
    FROM ticket WHERE id = ANY(:numbers) AND {visible} ORDER BY id FOR NO KEY UPDATE
"""
_NOTE = text(
    """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT :ticket, :actor, kind, old, new
    FROM unnest(cast(:kinds AS text[]), cast(:old AS text[]), cast(:new AS text[])) WITH ORDINALITY
        AS given (kind, old, new, place)
    ORDER BY place
    """
)
