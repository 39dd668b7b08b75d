"""The clock of commitments: works out what is due, warns before a promise breaks, and says so when it does.

Enters: histories that have grown, and due instants that have come. Leaves: `ticket_clock` rows, and lines in the
histories. One worker process at a time works here; the others pass. May fail with what the database raises; then
nothing has changed, and the next look finds the same.

Settling writes nothing for it: a new ticket's clocks are wound up in bulk some seconds later, at a pace that leaves a
busy desk its time. The first promise is further away than that.
"""

from __future__ import annotations

from sqlalchemy import text

from config import logs
from config.database import Database
from config.settings import Settings
from models import clock
from models.calendars import Calendars

LOCK = 0x6775_6963_6820
AUDIT_EVERY = 30
"""Looks between two searches for tickets that have no clocks at all."""

log = logs.of("clock")


class Clock:
    """Looks at the clocks. One for each worker process."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Raises `models.calendars.CalendarsError`."""
        self.database = database
        self.at_once = settings.clocks.at_once
        self.calendars = Calendars.of_settings(settings).prove()
        self._looks = 0

    async def drain(self) -> int:
        """Wind up, and tell what is due. Returns how many tickets were looked at."""
        async with self.database.engine.begin() as connection:
            if not await connection.scalar(_ALONE, {"lock": LOCK}):
                return 0
            ringing = await clock.ringing(connection, most=self.at_once)
            grown = await clock.grown(connection, most=self.at_once)
            if len(grown) < self.at_once:
                await clock.advance(connection)
            if self._looks % AUDIT_EVERY == 0:
                grown += await clock.unwound(connection, most=self.at_once)
            self._looks += 1
            told = await clock.wind(connection, self.calendars, {*ringing, *grown}, set(ringing))
        for one in told:
            if one.kind == clock.BREACH:
                log.warning("commitment_broken", ticket_id=one.ticket_id, promise=one.promise)
            else:
                log.info("commitment_at_risk", ticket_id=one.ticket_id, promise=one.promise)
        return len({*ringing, *grown})


_ALONE = text("SELECT pg_try_advisory_xact_lock(:lock)")
