"""Who writes in: a Contact is a person, an Identity is one address of theirs on one channel."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, key, link, moment, words


class Contact(SQLModel, table=True):
    """A person who writes in."""

    __tablename__: ClassVar[str] = "contact"

    id: int = key()
    name: str = words()
    language: str = words()
    """ISO 639-1 of what they write, '' while unknown."""
    tier: str = words("standard")
    created_at: Moment = moment(now=True)


class Identity(SQLModel, table=True):
    """An address of a contact on a channel: what proves who wrote, and what must not be written to."""

    __tablename__: ClassVar[str] = "identity"
    __table_args__ = (UniqueConstraint("channel", "address", name="identity_address"),)

    id: int = key()
    contact_id: int = link("contact.id", nullable=False, index=True)
    channel: str = words()
    address: str = words()
    """Canonical: lower-cased addr-spec, E.164, provider id."""
    acknowledged_at: Moment = moment(nullable=True)
    """When the last acknowledgement to it was queued (rule A17)."""
    blocked_until: Moment = moment(nullable=True)
    """No automatic message before this (rule A16)."""
    blocked_reason: str = words()
    stopped_at: Moment = moment(nullable=True)
    """When its owner said STOP: no message at all leaves for it until they take that back."""
    created_at: Moment = moment(now=True)


class AcknowledgementCount(SQLModel, table=True):
    """How many acknowledgements one scope got in one hour: the memory of the budgets (rule A19)."""

    __tablename__: ClassVar[str] = "acknowledgement_count"

    scope: str = Field(primary_key=True)
    """domain:…, source:… or account:…."""
    hour: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    """Hours since 1970-01-01T00:00Z."""
    count: int = 0


def hour_of(moment: datetime) -> int:
    """Hours since 1970-01-01T00:00Z."""
    return int(moment.timestamp() // 3600)
