"""Notify: agents are told of what concerns them, on the channel that they chose, each thing once (requirement W6).

Enters: what `models.notice` collects. Leaves: notices in the outbox, and that they were told, in one transaction. Quiet
hours hold what is not urgent; then all that one ticket gathered is told as one. What no longer concerns an agent is not
told: they are disabled, may not see the ticket any more, or it was given to somebody else. May fail with what the
database raises; then nothing has changed, and the next look finds the same.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from config import logs
from config.database import Database
from models import notice
from models.notice import Owed
from workers import notice_text
from workers.batch import Office
from workers.staff import Member, by_id
from workers.story import story
from workers.told import language_of, link_of, name_on, tell, title_of, way_to, zone_of

AT_ONCE = 200
FORGET_EVERY = 1_000
FOR_THE_ASSIGNEE = frozenset(("assigned", "replied", "warning", "breach", "inactive"))

log = logs.of("notify")


class Notify:
    """Tells agents. One for each worker process; several of them share the work."""

    def __init__(self, database: Database, office: Office) -> None:
        self.database = database
        self.office = office
        self._looks = 0

    async def drain(self, now: datetime | None = None) -> int:
        """Look what happened, and tell it. Returns how many notices were queued."""
        if not self.office.settings.answering.enabled:
            return 0
        async with self.database.engine.begin() as connection:
            await notice.collect(connection)
            self._looks += 1
            if self._looks % FORGET_EVERY == 0:
                await notice.forget(connection)
        async with self.database.engine.begin() as connection:
            return await self._tell(connection, now or datetime.now(UTC))

    async def _tell(self, connection: AsyncConnection, now: datetime) -> int:
        members = {number: await by_id(connection, number) for number in sorted(await notice.owing(connection))}
        if not members:
            return 0
        quiet = [number for number, member in members.items() if member and member.is_quiet(now)]
        queued = 0
        for owed in await notice.owed(connection, quiet, most=AT_ONCE):
            member = members.get(owed.agent_id)
            if member is not None and member.enabled and await self._one(connection, member, owed):
                queued += 1
            await notice.told(connection, owed.ids)
        return queued

    async def _one(self, connection: AsyncConnection, member: Member, owed: Owed) -> bool:
        """Tell all that is owed of one ticket. False where it concerns them no longer, or they cannot be reached."""
        if owed.ticket_id is None:
            return await self._surge(connection, member, owed)
        about = await story(connection, owed.ticket_id, member.actor)
        if about is None or not about.visible:
            return False
        mine = about.assignee == member.id
        both = [
            (kind, detail)
            for kind, detail in zip(owed.kinds, owed.details, strict=True)
            if mine or kind not in FOR_THE_ASSIGNEE
        ]
        way = await way_to(connection, member, self.office) if both else None
        if way is None:
            return False
        language = language_of(member, self.office)
        kinds, details = [kind for kind, _ in both], [detail for _, detail in both]
        headlines = notice_text.news(kinds, details, language, zone_of(member))
        if way.line.telephone:
            words = notice_text.short(
                about,
                headlines,
                language=language,
                name=name_on(way.line, about.number, member, self.office),
                forgeable=way.line.forgeable,
                longest=way.line.longest,
            )
        else:
            title = title_of(self.office)
            ways = self.office.channels[about.channel].staff_lines() if about.channel in self.office.channels else ()
            words = notice_text.long(
                about,
                headlines,
                language=language,
                zone=zone_of(member),
                title=title,
                link=link_of(self.office, about.number),
                few=any(line.forgeable and line.title == title(about.channel, about.address) for line in ways),
            )
        subject = notice_text.subject(about, language)
        key = f"notice:{member.id}:{owed.first}"
        await tell(connection, self.office, member, way, key=key, subject=subject, words=words, story=about)
        log.info("agent_told", agent_id=member.id, ticket_id=about.number, kinds=sorted({kind for kind, _ in both}))
        return True

    async def _surge(self, connection: AsyncConnection, member: Member, owed: Owed) -> bool:
        """Tell who watches over all tickets that many of one kind came in."""
        way = await way_to(connection, member, self.office)
        lines = notice_text.news(owed.kinds, owed.details, language_of(member, self.office), zone_of(member))
        if way is None or not lines or not member.actor.may("all_tickets"):
            return False
        key = f"notice:{member.id}:{owed.first}"
        words = "\n".join([*lines, f"{self.office.settings.base_url}/console"])
        await tell(connection, self.office, member, way, key=key, subject=lines[0][:120], words=words)
        log.info("agent_told", agent_id=member.id, ticket_id=None, kinds=sorted(set(owed.kinds)))
        return True
