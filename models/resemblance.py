"""Near-duplicates that were found: which message says again what an earlier one of the same contact said.

state  offered → dismissed, or merged: at once where the settings say so, else by an agent
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Index, SmallInteger
from sqlmodel import Column, Field, SQLModel

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
