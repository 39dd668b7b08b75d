"""What care for old and unwanted data remembers: erasures, their tombstones, how far retention got.

    erasure   asked ──(one transaction)──▶ erased ──objects, Redis, local mail──▶ done, with its proof

The tables alone: `models.erase` erases a person, `models.retain` removes what is old.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, document, key, moment, one_of, words, words_list

ERASURE_STATES = ("asked", "erased", "done")
TOMBSTONES = ("address", "message")


class Erasure(SQLModel, table=True):
    """The erasing of one person."""

    __tablename__: ClassVar[str] = "erasure"
    __table_args__ = (one_of("state", ERASURE_STATES),)

    id: int = key()
    actor: str = words()
    state: str = words("asked")
    labels: list[str] = words_list()
    """`channel:address` and the names to be erased, while it is under way; emptied when it is done."""
    objects: list[str] = words_list()
    """SHA-256 of what is still to be deleted in the object store."""
    erased: dict[str, object] = document()
    """How many rows of which table, how many objects."""
    proof: dict[str, object] = document()
    """What a search of every table and store for what was erased found afterwards: place → hits."""
    asked_at: Moment = moment(now=True)
    done_at: Moment = moment(nullable=True)


class Tombstone(SQLModel, table=True):
    """Somebody, or something that they wrote, that must not come back; only a keyed digest is kept."""

    __tablename__: ClassVar[str] = "tombstone"
    __table_args__ = (one_of("kind", TOMBSTONES),)

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    kind: str = words("message")
    erased_at: Moment = moment(now=True)
    """An address may write again: what it sent before this stays erased."""


class CareMark(SQLModel, table=True):
    """The id up to which one kind of retention has looked."""

    __tablename__: ClassVar[str] = "care_mark"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))


class UnneededObject(SQLModel, table=True):
    """An object to which some row pointed that is gone; it is deleted when no other does."""

    __tablename__: ClassVar[str] = "unneeded_object"

    sha256: str = Field(sa_column=Column(Text, primary_key=True))
    since: Moment = moment(now=True)
