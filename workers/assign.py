"""Assign: every new ticket gets an owner, and what its owner left behind gets another.

Enters: tickets that nobody owns, and those of agents who are gone. Leaves: their owner, team and level, each change
with its reason in the history, and hints for those who look at them. One worker process at a time works here. May fail
with what the database raises; then nothing has changed, and the next look finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import text

from config import logs
from config.database import Database
from config.hints import Hint, silence
from config.settings import Settings
from models import assignment
from models.choosing import AssignmentRules

LOCK = 0x6775_6963_6821
AT_ONCE = 200

log = logs.of("assign")


class Assign:
    """Gives tickets to agents. One for each worker process."""

    def __init__(
        self, database: Database, settings: Settings, tell: Callable[[Iterable[Hint]], None] = silence
    ) -> None:
        """`tell` sends hints. Raises `models.choosing.RulesError`."""
        self.database = database
        self.settings = settings
        self.rules = AssignmentRules.load(settings.assignment.rules)
        self._tell = tell

    async def drain(self) -> int:
        """Give a batch of tickets to agents. Returns how many found an owner."""
        if not self.settings.assignment.enabled:
            return 0
        quiet = self.settings.conversation.quiet_seconds
        async with self.database.engine.begin() as connection:
            if not await connection.scalar(_ALONE, {"lock": LOCK}):
                return 0
            placed = await assignment.place_new(connection, self.rules, quiet_seconds=quiet, most=AT_ONCE)
            placed += await assignment.hand_over(connection, self.rules, most=AT_ONCE)
        for one in placed:
            log.info("ticket_assigned", ticket_id=one.number, agent_id=one.agent_id, before=one.before)
        self._tell(Hint(f"ticket:{one.number}") for one in placed)
        return len(placed)


_ALONE = text("SELECT pg_try_advisory_xact_lock(:lock)")
