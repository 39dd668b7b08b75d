"""What the history of one ticket means in figures. Pure; nothing fails.

Enters: the ticket as it is, its events and messages in order, and whose clock says what time was worked. Leaves: the
values of one row of `figure_fact`.

An answer is a message of ours that a person (or a program in a person's place) wrote: acknowledgements are none. A
customer waits from the first message that nobody has answered yet; the answer ends that, and is one response. A ticket
is resolved while its status is resolved or closed: what counts is the last time that it became so. Time worked is
opening hours, and of a resolution those in which we were not waiting for the customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypedDict
from zoneinfo import ZoneInfo

from models.statistics.tables import LOTS

SETTLED = ("resolved", "closed")
PERSONS = ("agent:", "program:")
SCATTER = 0x9E37_79B1
"""Neighbouring numbers must not share a lot (Knuth's multiplicative hashing)."""


class WorkTime(Protocol):
    """Says how much of a span lies within opening hours."""

    def worked(self, pipeline: str, team: str, start: datetime, end: datetime) -> float:
        """Seconds of [start, end) that are worked by those who have this ticket."""


class RoundTheClock:
    """A desk that never closes."""

    def worked(self, pipeline: str, team: str, start: datetime, end: datetime) -> float:  # noqa: ARG002 - same for all
        """All of it."""
        return (end - start).total_seconds()


class Event(TypedDict):
    """One line of a ticket's history."""

    at: datetime
    actor: str
    kind: str
    old: str
    new: str


class Said(TypedDict):
    """One message that came in or went out."""

    at: datetime
    incoming: bool
    sender: str


@dataclass(frozen=True, slots=True)
class Basis:
    """By what the figures are counted: they are all counted anew when it changes."""

    zone: ZoneInfo
    """In which days begin."""
    complaints: frozenset[str]
    """Categories of tickets that complain."""
    clock: WorkTime = field(default_factory=RoundTheClock)
    calendar: str = ""
    """What tells this clock from another."""

    VERSION = 2

    @property
    def mark(self) -> str:
        """What must be the same for two countings to be comparable."""
        return f"{self.VERSION} {self.zone.key} {','.join(sorted(self.complaints))} {self.calendar}".strip()

    def day(self, at: datetime) -> date:
        """The day of a moment."""
        return at.astimezone(self.zone).date()


def fact_of(ticket: Any, events: Sequence[Event], messages: Sequence[Said], basis: Basis) -> dict[str, Any]:
    """The row of `ticket` (a row of the table, or anything with its columns)."""
    created: datetime = ticket.created_at
    life = _Life(ticket, events)
    talk = _Talk(created, messages, lambda start, end: basis.clock.worked(ticket.pipeline, ticket.team, start, end))
    resolved = life.resolved_at
    whole = worked = None
    if resolved is not None:
        whole = _seconds(resolved - created)
        worked = round(
            sum(
                basis.clock.worked(ticket.pipeline, ticket.team, start, end)
                for start, end in _without(created, resolved, life.waits)
            )
        )
    hours = ticket.commitment_hours
    return {
        "ticket_id": ticket.id,
        "lot": (ticket.id * SCATTER >> 8) % LOTS,
        "pipeline": ticket.pipeline,
        "channel": ticket.channel,
        "team": ticket.team,
        "agent": ticket.assignee_id or 0,
        "product": ticket.product,
        "perimeter": ticket.perimeter,
        "category": ticket.category,
        "priority": ticket.priority,
        "status": ticket.status,
        "stage": ticket.stage,
        "language": ticket.language,
        "level": ticket.level,
        "contact_id": ticket.contact_id,
        "complaint": ticket.category in basis.complaints,
        "treated": (life.resolved_by or talk.last_agent or ticket.assignee_id or 0) if resolved else 0,
        "created_at": created,
        "created_day": basis.day(created),
        "first_at": talk.first_at,
        "first_seconds": talk.first_seconds,
        "first_worked": talk.first_worked,
        "responses": talk.responses,
        "response_seconds": talk.response_seconds,
        "response_worked": talk.response_worked,
        "answers": talk.answers,
        "resolved_at": resolved,
        "resolved_day": basis.day(resolved) if resolved else None,
        "resolution_seconds": whole,
        "resolution_worked": worked,
        "waiting_seconds": round(sum((end - start).total_seconds() for start, end in life.waits)),
        "resolved_once": life.resolved_once,
        "reopened": life.reopened,
        "transfers": life.transfers,
        "commitment_hours": hours,
        "kept": None if hours is None or worked is None else worked <= hours * 3600,
        "by_article": life.by_article and resolved is not None,
        "csat": life.csat,
        "csat_day": basis.day(life.csat_at) if life.csat_at else None,
    }


class _Life:
    """What the changes of a ticket add up to."""

    def __init__(self, ticket: Any, events: Sequence[Event]) -> None:
        self.resolved_at: datetime | None = None
        self.resolved_by = 0
        self.resolved_once = self.by_article = False
        self.reopened = self.transfers = 0
        self.csat: int | None = None
        self.csat_at: datetime | None = None
        self.waits: list[tuple[datetime, datetime]] = []
        self._since: datetime | None = None
        for event in events:
            self._follow(event)
        if ticket.status in SETTLED:
            if self.resolved_at is None:  # it was so before there was a history
                self.resolved_at = ticket.resolved_at or ticket.updated_at
            self.resolved_once = True
        else:
            self.resolved_at, self.resolved_by = None, 0

    def _follow(self, event: Event) -> None:
        kind, old, new = event["kind"], event["old"], event["new"]
        if kind == "status":
            self._status(event)
        elif kind in ("team", "assignee"):
            self.transfers += old != "" and new not in ("", old)
        elif kind == "satisfaction":
            self.csat = int(new) if new in ("1", "2", "3", "4", "5") else self.csat
            self.csat_at = event["at"] if self.csat else None
        elif kind == "article":
            self.by_article = new != ""

    def _status(self, event: Event) -> None:
        at, old, new = event["at"], event["old"], event["new"]
        if self._since is not None and new != "waiting":
            self.waits.append((self._since, at))
            self._since = None
        elif new == "waiting" and self._since is None:
            self._since = at
        if new in SETTLED and old not in SETTLED:
            self.resolved_at, self.resolved_once = at, True
            self.resolved_by = agent_of(event["actor"])
        elif old in SETTLED and new not in SETTLED:
            self.resolved_at, self.resolved_by = None, 0
            self.reopened += 1


class _Talk:
    """What was said, and how long somebody waited for it."""

    def __init__(self, created: datetime, messages: Sequence[Said], worked: Any) -> None:
        self.first_at: datetime | None = None
        self.first_seconds: int | None = None
        self.first_worked: int | None = None
        self.responses = self.response_seconds = self.response_worked = self.answers = self.last_agent = 0
        since: datetime | None = None
        for message in messages:
            at = max(message["at"], created)
            if message["incoming"]:
                since = since or at
            elif message["sender"].startswith(PERSONS):
                self.answers += 1
                self.last_agent = agent_of(message["sender"]) or self.last_agent
                if since is None:
                    continue
                seconds, open_seconds = _seconds(at - since), max(0, round(worked(since, at)))
                if self.first_at is None:
                    self.first_at, self.first_seconds, self.first_worked = at, seconds, open_seconds
                self.responses += 1
                self.response_seconds += seconds
                self.response_worked += open_seconds
                since = None


def agent_of(label: str) -> int:
    """The number of the agent that an actor's label names; 0 where it names none."""
    kind, _, number = label.partition(":")
    return int(number) if kind == "agent" and number.isdecimal() else 0


def _seconds(span: timedelta) -> int:
    return max(0, round(span.total_seconds()))


def _without(
    start: datetime, end: datetime, spans: Sequence[tuple[datetime, datetime]]
) -> Sequence[tuple[datetime, datetime]]:
    """What is left of [start, end) once `spans`, in order and apart from each other, are taken out."""
    left = []
    for begin, stop in spans:
        if begin >= end:
            break
        if begin > start:
            left.append((start, begin))
        start = max(start, stop)
    if start < end:
        left.append((start, end))
    return left


__all__ = ["Basis", "Event", "RoundTheClock", "Said", "WorkTime", "agent_of", "fact_of"]
