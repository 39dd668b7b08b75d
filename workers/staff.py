"""Who of ours may write in: the agents, as settling must know them.

`Staff.concerns` tells in passing, without asking the database, whether a message may be an agent's; every decision is
then made on the rows as they are in the deciding transaction (`by_id`, `by_email`, `by_number`). May fail with what the
database raises.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import StaffLine, staff_lines
from config.database import Database
from models.actor import Actor
from models.seals import notice_named, token_named
from workers.batch import Item, Office

FRESH_SECONDS = 1.0
"""So long the list of agents is taken as it was read last: a number that was verified since is a customer's."""


@dataclass(frozen=True, slots=True)
class Member:
    """An agent, as they stand now."""

    id: int
    email: str
    name: str
    language: str
    timezone: str
    notify_channel: str
    telephone: str
    """Only where it is verified; else ''."""
    quiet_hours: str
    enabled: bool
    actor: Actor

    def is_quiet(self, now: datetime) -> bool:
        """Whether `now` lies in their quiet hours."""
        begin, dash, end = self.quiet_hours.partition("-")
        if not dash:
            return False
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
        clock = f"{now.astimezone(zone):%H:%M}"
        return begin <= clock < end if begin <= end else clock >= begin or clock < end


class Staff:
    """The agents' addresses, read again when they are older than a second."""

    def __init__(self, database: Database, office: Office) -> None:
        self._database = database
        self._office = office
        self._lines = staff_lines(office.channels)
        self._numbers: frozenset[tuple[str, str]] = frozenset()
        self._anybody = False
        self._read_at = float("-inf")
        self.fresh_seconds = FRESH_SECONDS

    async def refresh(self) -> None:
        """Read them again, if it is time."""
        if time.monotonic() - self._read_at < self.fresh_seconds or not self._office.settings.answering.enabled:
            return
        async with self._database.engine.connect() as connection:
            telephones = [row.telephone for row in await connection.execute(_EVERYBODY)]
        self._anybody = bool(telephones)
        self._numbers = frozenset(
            (channel, line.before + telephone)
            for channel, line in self._lines.values()
            if line.telephone
            for telephone in telephones
            if telephone
        )
        self._read_at = time.monotonic()

    def concerns(self, item: Item) -> bool:
        """Whether it may be an agent's: it came to their address, answers a notice, or is from their number."""
        if not self._anybody or len(item.messages) != 1:
            return False
        [message] = item.messages
        if (item.envelope.channel, message.sender.address) in self._numbers:
            return True
        if not message.reply_token and not message.references:
            return False
        if not any(channel == item.envelope.channel for channel, _line in self._lines.values()):
            return False
        return token_named(message.reply_token) is not None or any(
            notice_named(self._office.secret, reference) for reference in message.references
        )


def line_of(office: Office, item: Item) -> StaffLine | None:
    """The line that a message came by; None where its channel offers none."""
    address = item.messages[0].sender.address
    lines = [line for channel, line in staff_lines(office.channels).values() if channel == item.envelope.channel]
    fitting = [line for line in lines if not line.telephone or address.startswith(f"{line.before}+")]
    return fitting[0] if fitting else None


async def by_id(connection: AsyncConnection, agent_id: int) -> Member | None:
    """The agent of that number, kept as they are until the transaction ends."""
    return await _member(connection, "agent.id = :value", agent_id)


async def by_email(connection: AsyncConnection, address: str) -> Member | None:
    """The agent whose mailbox that is, to the letter."""
    return await _member(connection, "lower(agent.email) = lower(:value)", address) if address else None


async def by_number(connection: AsyncConnection, number: str) -> Member | None:
    """The agent whose verified number that is."""
    condition = "agent.telephone = :value AND agent.telephone_verified_at IS NOT NULL"
    return await _member(connection, condition, number) if number else None


async def _member(connection: AsyncConnection, condition: str, value: object) -> Member | None:
    statement = text(_MEMBER.format(condition=condition))
    row: Any = (await connection.execute(statement, {"value": value})).one_or_none()
    if row is None:
        return None
    teams = tuple([team.team for team in await connection.execute(_TEAMS, {"agent": row.id})])
    actor = Actor("agent", row.id, row.name, row.role, teams, row.language, row.timezone)
    return Member(
        id=row.id,
        email=row.email,
        name=row.name,
        language=row.language,
        timezone=row.timezone,
        notify_channel=row.notify_channel,
        telephone=row.telephone if row.telephone_verified_at else "",
        quiet_hours=row.quiet_hours,
        enabled=row.disabled_at is None,
        actor=actor,
    )


_EVERYBODY = text("SELECT CASE WHEN telephone_verified_at IS NULL THEN '' ELSE telephone END AS telephone FROM agent")
_MEMBER = """
    SELECT id, email, name, role, language, timezone, notify_channel, telephone, telephone_verified_at, quiet_hours,
        disabled_at
    FROM agent WHERE {condition} FOR SHARE
"""
_TEAMS = text("SELECT team FROM team_member WHERE agent_id = :agent ORDER BY team")
