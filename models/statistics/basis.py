"""By what this desk counts: from its settings and calendars. Fails with `CalendarsError` for a wrong calendars.toml."""

from __future__ import annotations

import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

from config.settings import Settings
from models.calendars import SHIPPED, Calendars
from models.statistics.fact import Basis


class OpeningHours:
    """Time worked, by the calendar that a ticket's pipeline and team go by."""

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars

    def worked(self, pipeline: str, team: str, start: datetime, end: datetime) -> float:
        """Seconds of [start, end) within opening hours."""
        return self._calendars.of(pipeline, team).between(start, end).total_seconds()


def basis_of(settings: Settings) -> Basis:
    """The basis of these settings."""
    file = settings.clocks.calendars or SHIPPED
    calendars = OpeningHours(Calendars.of_settings(settings))
    mark = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    chosen = settings.statistics
    return Basis(ZoneInfo(chosen.timezone), frozenset(chosen.complaints), calendars, mark)
