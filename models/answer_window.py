"""Windows in which channels let us answer freely: when the customer wrote last, until when.

One row for each (channel, account of ours, address of theirs). Enters: what customers write. Leaves: the window, for
those who answer and for delivery. All functions work inside the caller's transaction and raise what the database
raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Index, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, moment, words


class AnswerWindow(SQLModel, table=True):
    """One customer's line to one account of ours."""

    __tablename__: ClassVar[str] = "answer_window"
    __table_args__ = (
        Index("answer_window_closing", "window_until", postgresql_where=text("window_until IS NOT NULL")),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    channel: str = Field(sa_column=Column(Text, primary_key=True))
    account: str = Field(sa_column=Column(Text, primary_key=True))
    address: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = words()
    """The conversation's name, as tickets carry it."""
    last_in_at: Moment = moment(now=True)
    window_until: Moment = moment(nullable=True)
    """Until when words of our own may be sent; NULL: for ever."""
    reminded_until: Moment = moment(nullable=True)
    """The end of the window that agents were reminded of."""


class Heard(msgspec.Struct, frozen=True):
    """That a customer wrote."""

    channel: str
    account: str
    address: str
    key: str
    at: datetime
    window_until: datetime | None


class Window(msgspec.Struct, frozen=True):
    """What stands in the way of writing to an address: nothing, where both are None."""

    stopped_at: datetime | None = None
    """When its owner said that they want nothing more."""
    closed_at: datetime | None = None
    """When the time for words of our own ended."""
    until: datetime | None = None
    """When it ends, or ended; None where there is no such time."""


class Standing(msgspec.Struct, frozen=True):
    """What is to be known of a message before it is sent."""

    stopped_at: datetime | None
    closed_at: datetime | None
    delivery: str
    """What reports said of it already."""


async def heard(connection: AsyncConnection, said: Sequence[Heard]) -> None:
    """Note the newest of `said` on each conversation. A window never becomes shorter."""
    newest: dict[tuple[str, str, str], Heard] = {}
    for one in said:
        place = (one.channel, one.account, one.address)
        if place not in newest or one.at >= newest[place].at:
            newest[place] = one
    if newest:
        rows = [newest[place] for place in sorted(newest)]
        columns = {name: [getattr(row, name) for row in rows] for name in Heard.__struct_fields__}
        await connection.execute(_HEARD, columns)


async def window(connection: AsyncConnection, channel: str, account: str, address: str) -> Window:
    """Whether words of our own may go from `account` to `address` now."""
    values = {"channel": channel, "account": account, "address": address}
    row: Any = (await connection.execute(_WINDOW, values)).one()
    return Window(row.stopped_at, row.window_until if row.closed else None, row.window_until)


async def standings(connection: AsyncConnection, outbox_ids: Sequence[int]) -> dict[int, Standing]:
    """How those items of the outbox stand that have anything to say: others may simply be sent."""
    rows = await connection.execute(_STANDINGS, {"ids": list(outbox_ids)})
    return {row.id: Standing(row.stopped_at, row.closed_at, row.delivery) for row in rows}


async def remind(connection: AsyncConnection, *, minutes: float) -> int:
    """Say so in the history of tickets that wait for us while their window closes. Returns how many there were."""
    return int((await connection.execute(_REMIND, {"minutes": minutes})).rowcount)


_HEARD = text(
    """
    INSERT INTO answer_window (channel, account, address, key, last_in_at, window_until)
    SELECT * FROM unnest(
        cast(:channel AS text[]), cast(:account AS text[]), cast(:address AS text[]), cast(:key AS text[]),
        cast(:at AS timestamptz[]), cast(:window_until AS timestamptz[]))
    ON CONFLICT (channel, account, address) DO UPDATE SET
        last_in_at = greatest(answer_window.last_in_at, excluded.last_in_at),
        window_until = greatest(answer_window.window_until, excluded.window_until)
    """
)
_WINDOW = text(
    """
    SELECT identity.stopped_at, answer_window.window_until, answer_window.window_until <= now() AS closed
    FROM (VALUES (cast(:channel AS text), cast(:account AS text), cast(:address AS text)))
        AS given (channel, account, address)
    LEFT JOIN identity USING (channel, address) LEFT JOIN answer_window USING (channel, account, address)
    """
)
_STANDINGS = text(
    """
    SELECT outbox.id, identity.stopped_at, coalesce(message.delivery, '') AS delivery,
        CASE WHEN answer_window.window_until <= now() THEN answer_window.window_until END AS closed_at
    FROM outbox
    LEFT JOIN message ON message.id = outbox.message_id
    LEFT JOIN identity ON identity.channel = outbox.channel AND identity.address = outbox.payload #>> '{to,address}'
    LEFT JOIN answer_window ON answer_window.channel = outbox.channel
        AND answer_window.account = outbox.payload ->> 'account'
        AND answer_window.address = outbox.payload #>> '{to,address}'
    WHERE outbox.id = ANY(:ids) AND (identity.stopped_at IS NOT NULL OR answer_window.window_until <= now()
        OR message.delivery NOT IN ('', 'queued'))
    """
)
_REMIND = text(
    """
    WITH closing AS (
        UPDATE answer_window SET reminded_until = window_until
        WHERE window_until BETWEEN now() AND now() + make_interval(secs => 60 * :minutes)
          AND reminded_until IS DISTINCT FROM window_until
        RETURNING key, window_until
    )
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT ticket.id, 'conversation', 'window', 'open', 'closes ' || to_char(
        closing.window_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
    FROM closing JOIN ticket ON ticket.conversation = closing.key AND ticket.conversation <> ''
    WHERE ticket.status IN ('open', 'in_progress') AND NOT EXISTS (
        SELECT FROM message WHERE message.ticket_id = ticket.id AND message.direction = 'out'
          AND message.created_at > (
            SELECT max(created_at) FROM message AS heard
            WHERE heard.ticket_id = ticket.id AND heard.direction = 'in')
          AND NOT EXISTS (
            SELECT FROM outbox WHERE outbox.message_id = message.id AND outbox.kind = 'acknowledgement'))
    """
)
