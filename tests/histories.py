"""Hand-made histories of tickets, written straight into the tables, and the figures that they give."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.statistics import Cost
from models.statistics.answer import Answer, answer
from models.statistics.basis import basis_of
from models.statistics.choice import Choice
from models.statistics.keep import keep
from models.statistics.period import Period
from models.statistics.recount import Disagreement, disagreements
from tests.desk import Desk

PARIS = ZoneInfo("Europe/Paris")


def paris(moment: str) -> datetime:
    """2026-03-28 09:00, there."""
    return datetime.fromisoformat(moment).replace(tzinfo=PARIS)


class Histories:
    """A desk whose past is written by a test."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def ticket(self, created: datetime, **columns: Any) -> int:
        """A ticket; `resolved_at` and the like by its events."""
        values = {"category": "billing", "channel": "email", "team": "", "product": "", "contact_id": 1} | columns
        values |= {"created_at": created, "updated_at": created, "message_count": 0}
        names = ", ".join(values)
        async with self.desk.database.engine.begin() as connection:
            await connection.execute(text("INSERT INTO contact (id, name) VALUES (1, 'Claire') ON CONFLICT DO NOTHING"))
            places = ", ".join(f":{name}" for name in values)
            statement = text(f"INSERT INTO ticket ({names}) VALUES ({places}) RETURNING id")
            number = int(str(await connection.scalar(statement, values)))
            await _event(connection, number, created, "contact:1", "created", "", "open")
        return number

    async def said(self, number: int, at: datetime, sender: str = "") -> None:
        """A message: of the customer, or of `sender`."""
        values = {"ticket": number, "direction": "out" if sender else "in", "sender": sender, "at": at}
        statement = """INSERT INTO message (ticket_id, direction, sender, created_at)
            VALUES (:ticket, :direction, :sender, :at) RETURNING id"""
        await self.desk.rows(statement, **values)

    async def became(self, number: int, at: datetime, field: str, new: Any, actor: str = "agent:7") -> None:
        """A field changes, with its event."""
        column = {"assignee": "assignee_id"}.get(field, field)
        async with self.desk.database.engine.begin() as connection:
            old = await connection.scalar(text(f"SELECT {column} FROM ticket WHERE id = :id"), {"id": number})
            change = text(f"UPDATE ticket SET {column} = :new WHERE id = :id")
            await connection.execute(change, {"id": number, "new": new})
            await _event(connection, number, at, actor, field, "" if old is None else str(old), str(new))

    async def event(self, number: int, at: datetime, kind: str, new: str) -> None:
        """A line of the history that changes no field."""
        async with self.desk.database.engine.begin() as connection:
            await _event(connection, number, at, "contact:1", kind, "", new)

    async def count(self) -> int:
        """Count until nothing is left. Returns how many tickets were counted."""
        counted = 0
        while True:
            async with self.desk.database.engine.begin() as connection:
                step = await keep(connection, basis_of(self.desk.settings), wait=True)
            counted += step.tickets
            if not step.more:
                return counted

    async def figures(self, first: datetime, last: datetime, cost: Cost | None = None, **chosen: Any) -> Answer:
        """The answer for a period, after counting."""
        await self.count()
        period = Period("custom", first.date(), last.date())
        async with self.desk.database.engine.connect() as connection:
            return await answer(connection, period, Choice(chosen), cost or Cost())

    async def wrong(self) -> list[Disagreement]:
        """What a recount finds."""
        async with self.desk.database.engine.connect() as connection:
            return await disagreements(connection, basis_of(self.desk.settings))


async def _event(
    connection: AsyncConnection, number: int, at: datetime, actor: str, kind: str, old: str, new: str
) -> None:
    values = {"id": number, "at": at, "actor": actor, "kind": kind, "old": old, "new": new}
    await connection.execute(
        text(
            "INSERT INTO ticket_event (ticket_id, at, actor, kind, old, new)"
            " VALUES (:id, :at, :actor, :kind, :old, :new)"
        ),
        values,
    )


async def known_history(past: Histories) -> None:
    """Around the night in which Paris went to summer time, 2026-03-29: from 02:00 to 03:00."""
    hour = timedelta(hours=1)
    saturday = paris("2026-03-28 23:30")
    # 1: asked on Saturday night, answered after three real hours (four on the wall), resolved on Sunday.
    one = await past.ticket(saturday, team="billing", assignee_id=7, commitment_hours=4)
    await past.said(one, saturday)
    await past.became(one, saturday + hour, "status", "in_progress")
    await past.said(one, saturday + 3 * hour, "agent:7")
    await past.became(one, saturday + 3 * hour, "status", "resolved")
    await past.event(one, saturday + 9 * hour, "satisfaction", "5")
    # 2: a complaint; handed on, two answers, the customer was waited for, reopened, resolved by agent 8.
    monday = paris("2026-03-30 09:00")
    two = await past.ticket(monday, category="complaint", priority="urgent", assignee_id=7, commitment_hours=2)
    await past.said(two, monday)
    await past.said(two, monday + hour / 2)
    await past.became(two, monday + hour, "assignee", 8)
    await past.said(two, monday + 2 * hour, "agent:8")
    await past.became(two, monday + 2 * hour, "status", "waiting", "agent:8")
    await past.said(two, monday + 12 * hour)
    await past.became(two, monday + 12 * hour, "status", "open", "contact:1")
    await past.said(two, monday + 13 * hour, "agent:8")
    await past.became(two, monday + 13 * hour, "status", "resolved", "agent:8")
    await past.said(two, monday + 20 * hour)
    await past.became(two, monday + 20 * hour, "status", "open", "contact:1")
    await past.became(two, monday + 22 * hour, "status", "closed", "agent:8")
    await past.event(two, monday + 30 * hour, "satisfaction", "2")
    # 3: nobody answered yet; an acknowledgement is no answer.
    three = await past.ticket(monday + hour, product="Nova 3", perimeter="IN", channel="phone")
    await past.said(three, monday + hour)
    await past.said(three, monday + hour, "support@example.org")
    # 4: the same matter once more, merged into 2.
    four = await past.ticket(monday + hour, category="complaint")
    await past.said(four, monday + hour)
    await past.became(four, monday + 2 * hour, "merged_into", two)
