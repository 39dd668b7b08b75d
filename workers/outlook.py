"""The outlook: by when a customer may expect an answer.

Enters: priority and commitment of a ticket, the time. Leaves: an instant in business hours, in the zone of those who
answer. It is what is committed to, or later where more tickets wait than are answered in that time, but never later
than the ticket must be closed. Cheap enough to be asked for every acknowledgement: what waits is counted once a minute
(`look`, which may fail with what the database raises), and not asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from config.database import Database
from config.settings import Settings
from models.calendars import Calendars
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

    @classmethod
    def of(cls, settings: Settings) -> Outlook:
        """With no backlog known. Raises `models.calendars.CalendarsError`."""
        return cls(Calendars.of_settings(settings))

    def answer_by(self, priority: str, commitment_hours: int | None, *, now: datetime) -> datetime:
        """By when a new ticket of that priority and commitment is answered."""
        calendar = self.calendars.by_name[self.calendars.default]
        response, resolution = self.calendars.promised(priority, commitment_hours)
        expected = min(max(response, self.backlog.ahead(priority)), resolution)
        return calendar.after(now, expected).astimezone(calendar.zone)

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
