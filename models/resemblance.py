"""Near-duplicates that were found: which message says again what an earlier one of the same contact said.

state  offered → dismissed, or merged: at once where the settings say so, else by an agent
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Index, SmallInteger, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.actor import Actor, visible
from models.columns import Moment, key, link, moment, one_of, words

RESEMBLANCE_STATES = ("offered", "merged", "dismissed")


class Resemblance(SQLModel, table=True):
    """One message that resembles an earlier one."""

    __tablename__: ClassVar[str] = "resemblance"
    __table_args__ = (
        one_of("state", RESEMBLANCE_STATES),
        Index("resemblance_ticket", "ticket_id"),
        Index("resemblance_earlier_ticket", "earlier_ticket_id"),
    )

    id: int = key()
    message_id: int = link("message.id", nullable=False, delete="CASCADE")
    ticket_id: int = link("ticket.id", nullable=False, delete="CASCADE")
    """The ticket of the message."""
    earlier_id: int = link("message.id", nullable=False, delete="CASCADE")
    earlier_ticket_id: int = link("ticket.id", nullable=False, delete="CASCADE")
    score: int = Field(sa_column=Column(SmallInteger, nullable=False))
    """Percent: how much of the shorter text stands in the longer one."""
    state: str = words("offered")
    created_at: Moment = moment(now=True)


async def dismiss(connection: AsyncConnection, actor: Actor, number: int, other: int) -> bool:
    """Note that ticket `number` and `other` are two matters. False where the actor sees no such likeness."""
    seen, given = visible(actor)
    values = {**given, "number": number, "other": other, "actor": actor.label}
    return bool((await connection.execute(text(_DISMISS.format(visible=seen)), values)).rowcount)


_DISMISS = """
    WITH dismissed AS (
        UPDATE resemblance SET state = 'dismissed'
        WHERE state = 'offered' AND :number <> :other
          AND cast(:number AS bigint) IN (ticket_id, earlier_ticket_id)
          AND cast(:other AS bigint) IN (ticket_id, earlier_ticket_id)
          AND (SELECT count(*) FROM ticket WHERE id IN (:number, :other) AND {visible}) = 2
        RETURNING id
    )
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT :number, :actor, 'dismissed', '', cast(cast(:other AS bigint) AS text) WHERE EXISTS (SELECT FROM dismissed)
"""
