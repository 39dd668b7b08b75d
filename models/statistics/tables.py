"""The tables of the figures. All of them can be made anew from tickets, messages and events: `keep.forget`.

figure_fact    a row a ticket: its dates, times and counts
figure_group   the values that figures are filtered by; a combination that occurs has a number
figure_cell    sums of a day, or of a month, for one group
figure_share   the same for one value of something else: how many of each category, stage, …
figure_cursor  how far events and messages are counted
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Date, Index, Integer, SmallInteger, Text, UniqueConstraint, text
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, document, key, moment, one_of, words

GRAINS = ("day", "month")
DIMENSIONS = ("pipeline", "channel", "team", "agent", "product", "perimeter")
"""What every figure can be filtered by; `agent` is the one that the ticket is assigned to, 0 for nobody."""
ASPECTS = ("category", "priority", "status", "stage", "treated", "csat")
MEASURES = (
    "created",
    "settled",
    "resolved_once",
    "reopened",
    "first_contact",
    "answered",
    "first_seconds",
    "first_worked",
    "responses",
    "response_seconds",
    "response_worked",
    "resolved",
    "resolution_seconds",
    "resolution_worked",
    "transfers",
    "kept",
    "missed",
    "by_article",
    "answers",
    "csat_count",
    "csat_sum",
)
"""The sums of a cell. docs/figures.md says which day each belongs to."""
LOTS = 512
"""Tickets are dealt into so many lots by their numbers, so that a fair sample can be had by an index."""


def _whole(*, big: bool = False) -> Any:
    kind = BigInteger if big else Integer
    return Field(default=0, sa_column=Column(kind, nullable=False, server_default="0"))


def _perhaps() -> Any:
    """Seconds, or NULL where there is nothing to measure."""
    return Field(default=None, sa_column=Column(Integer, nullable=True))


def _day(*, nullable: bool = False) -> Any:
    column = Column(Date, nullable=nullable)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


class FigureFact(SQLModel, table=True):
    """What one ticket is in figures. It outlives its ticket: retention takes the words, not the counts."""

    __tablename__: ClassVar[str] = "figure_fact"
    __table_args__ = (
        Index("figure_fact_created", "created_day"),
        Index("figure_fact_resolved", "resolved_day", postgresql_where=text("resolved_day IS NOT NULL")),
        Index("figure_fact_lot_created", "lot", "created_day"),
        Index("figure_fact_lot_resolved", "lot", "resolved_day", postgresql_where=text("resolved_day IS NOT NULL")),
        Index("figure_fact_complaint", "created_day", postgresql_where=text("complaint")),
        Index("figure_fact_rated", "csat_day", postgresql_where=text("csat_day IS NOT NULL")),
    )

    ticket_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    lot: int = Field(sa_column=Column(SmallInteger, nullable=False))
    pipeline: str = words()
    channel: str = words()
    team: str = words()
    agent: int = _whole(big=True)
    product: str = words()
    perimeter: str = words()
    category: str = words()
    priority: str = words()
    status: str = words()
    stage: str = words()
    language: str = words()
    level: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False, server_default="1"))
    contact_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    """NULL once that person was erased."""
    complaint: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    treated: int = _whole(big=True)
    """The agent who resolved it, or else answered last; 0 while it is unresolved, or where that was nobody."""
    created_at: Moment = moment()
    created_day: date = _day()
    first_at: Moment = moment(nullable=True)
    first_seconds: int | None = _perhaps()
    first_worked: int | None = _perhaps()
    responses: int = _whole()
    response_seconds: int = _whole(big=True)
    response_worked: int = _whole(big=True)
    answers: int = _whole()
    resolved_at: Moment = moment(nullable=True)
    """The last time that it was resolved; NULL where it is open (again)."""
    resolved_day: date | None = _day(nullable=True)
    resolution_seconds: int | None = _perhaps()
    resolution_worked: int | None = _perhaps()
    waiting_seconds: int = _whole(big=True)
    resolved_once: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    reopened: int = _whole()
    transfers: int = _whole()
    commitment_hours: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    kept: bool | None = Field(default=None, sa_column=Column(Boolean, nullable=True))
    """Whether it was resolved within its commitment; NULL where it has none, or is unresolved."""
    by_article: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    csat: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    csat_day: date | None = _day(nullable=True)


class FigureGroup(SQLModel, table=True):
    """One combination of what figures are filtered by."""

    __tablename__: ClassVar[str] = "figure_group"
    __table_args__ = (UniqueConstraint(*DIMENSIONS, name="figure_group_values"),)

    id: int = key()
    pipeline: str = words()
    channel: str = words()
    team: str = words()
    agent: int = _whole(big=True)
    product: str = words()
    perimeter: str = words()


class FigureCell(SQLModel, table=True):
    """The sums of one day or month for one group."""

    __tablename__: ClassVar[str] = "figure_cell"
    __table_args__ = (one_of("grain", GRAINS),)

    grain: str = Field(sa_column=Column(Text, primary_key=True))
    start: date = Field(sa_column=Column(Date, primary_key=True))
    group_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    created: int = _whole()
    settled: int = _whole()
    resolved_once: int = _whole()
    reopened: int = _whole()
    first_contact: int = _whole()
    answered: int = _whole()
    first_seconds: int = _whole(big=True)
    first_worked: int = _whole(big=True)
    responses: int = _whole()
    response_seconds: int = _whole(big=True)
    response_worked: int = _whole(big=True)
    resolved: int = _whole()
    resolution_seconds: int = _whole(big=True)
    resolution_worked: int = _whole(big=True)
    transfers: int = _whole()
    kept: int = _whole()
    missed: int = _whole()
    by_article: int = _whole()
    answers: int = _whole()
    csat_count: int = _whole()
    csat_sum: int = _whole()


class FigureShare(SQLModel, table=True):
    """How many tickets of one day or month, in one group, have one value of an aspect."""

    __tablename__: ClassVar[str] = "figure_share"
    __table_args__ = (one_of("grain", GRAINS), one_of("aspect", ASPECTS))

    grain: str = Field(sa_column=Column(Text, primary_key=True))
    start: date = Field(sa_column=Column(Date, primary_key=True))
    group_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    aspect: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_column=Column(Text, primary_key=True))
    count: int = _whole()


class FigureCursor(SQLModel, table=True):
    """How far one table is counted."""

    __tablename__: ClassVar[str] = "figure_cursor"

    source: str = Field(sa_column=Column(Text, primary_key=True))
    """ticket_event or message; `basis`: what the figures were counted by."""
    high: int = _whole(big=True)
    """The highest id that was looked at."""
    holes: dict[str, object] = document()
    """Ids below it that were not there: they were drawn by a transaction that may still commit."""
    basis: str = words()
    counted_at: Moment = moment(now=True)


class FigureReport(SQLModel, table=True):
    """A report that was sent, so that no second one is."""

    __tablename__: ClassVar[str] = "figure_report"

    key: str = Field(sa_column=Column(Text, primary_key=True))
    sent_at: Moment = moment(now=True)
