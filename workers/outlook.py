"""The outlook: by when a customer may expect an answer.

Enters: what a ticket is (priority, commitment, what tells its team), the time. Leaves: an instant in business hours, in
the zone of those who answer. It is what is committed to, or later where more tickets wait than are answered in that
time, but never later than the ticket must be closed. Cheap enough to be asked for every acknowledgement: what waits is
counted once a minute (`look`, which may fail with what the database raises), and not asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from config.database import Database
from config.settings import Settings
from models.calendars import Calendars
from models.choosing import MATCHED, AssignmentRules, Matter, team_of
from models.ticket import PRIORITIES

LOOK_EVERY = timedelta(minutes=1)
HABIT = timedelta(days=14)
"""So far back is looked for how many tickets are answered in an hour."""
LEAST = 20
"""Of fewer first answers than this no pace can be told."""
MOST = 20_000
"""Waiting tickets that are counted; where there are more, that is as good as endless."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a first answer, and how fast such are given."""

    waiting: Mapping[str, int] = field(default_factory=dict)
    """By priority."""
    per_hour: float = 0.0
    """First answers in an hour of business time; 0: that is not known yet."""

    def ahead(self, priority: str) -> timedelta:
        """Business time until those are answered that come first: equally urgent, or more."""
        if not self.per_hour:
            return timedelta(0)
        first = PRIORITIES[PRIORITIES.index(priority) :]
        return timedelta(hours=sum(self.waiting.get(one, 0) for one in first) / self.per_hour)


@dataclass(slots=True)
class Outlook:
    """Calendars, commitments and the present backlog of one process."""

    calendars: Calendars
    backlog: Backlog = Backlog()
    looked_at: datetime | None = None

    rules: AssignmentRules = field(default_factory=AssignmentRules)
    """They tell the team of a ticket that nobody has yet, and so its calendar."""

    @classmethod
    def of(cls, settings: Settings) -> Outlook:
        """With no backlog known. Raises `CalendarsError`, `models.choosing.RulesError`."""
        return cls(Calendars.of_settings(settings), rules=AssignmentRules.load(settings.assignment.rules))

    def answer_by(self, ticket: Mapping[str, Any], tier: str, *, now: datetime) -> datetime:
        """By when a new ticket of those columns is answered; `tier`: its contact's."""
        calendar = self.calendars.by_name[self.calendars.default]
        if self.calendars.choices:
            calendar = self.calendars.of(ticket.get("pipeline", "default"), self._team(ticket, tier))
        priority = ticket.get("priority", "normal")
        response, resolution = self.calendars.promised(priority, ticket.get("commitment_hours"))
        expected = min(max(response, self.backlog.ahead(priority)), resolution)
        return calendar.after(now, expected).astimezone(calendar.zone)

    def _team(self, ticket: Mapping[str, Any], tier: str) -> str:
        """The team that the rules give it."""
        known = {name: ticket[name] for name in MATCHED if name in ticket}
        return team_of(Matter(number=0, **{**known, "tier": tier}), self.rules)

    async def look(self, database: Database) -> None:
        """Count what waits, unless that was done a moment ago."""
        now = datetime.now(UTC)
        if self.looked_at is not None and now - self.looked_at < LOOK_EVERY:
            return
        self.looked_at = now
        async with database.engine.connect() as connection:
            waiting = {row.priority: row.tickets for row in await connection.execute(_WAITING, {"most": MOST})}
            pace = (await connection.execute(_PACE, {"since": now - HABIT})).one()
        calendar = self.calendars.by_name[self.calendars.default]
        hours = calendar.between(pace.first, now) / timedelta(hours=1) if pace.answers >= LEAST else 0.0
        self.backlog = Backlog(waiting, pace.answers / hours if hours else 0.0)


_WAITING = text(
    """
    SELECT priority, count(*) AS tickets FROM (
        SELECT priority FROM ticket LEFT JOIN ticket_clock AS clock ON clock.ticket_id = ticket.id
        WHERE status IN ('open', 'in_progress') AND clock.responded_at IS NULL LIMIT :most
    ) AS unanswered GROUP BY priority
    """
)
_PACE = text(
    """
    SELECT count(*) AS answers, min(ticket.created_at) AS first
    FROM ticket_clock AS clock JOIN ticket ON ticket.id = clock.ticket_id WHERE clock.responded_at > :since
    """
)
