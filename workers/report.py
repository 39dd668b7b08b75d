"""The report of the service: sent once for each day, week or month, to those whom the settings name.

Enters: the office, the present. Leaves: mails in the outbox with the PDF, in one transaction with the note that they
were queued, so that none is sent twice and none is left out. May fail: with what the database raises; then nothing has
changed, and the next look finds the same.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config import logs
from config.database import Database, to_json
from config.settings import Settings
from models.envelope import Address, AttachedFile, OutboundMessage
from models.seals import own_message_id
from models.statistics.answer import answer
from models.statistics.choice import Choice
from models.statistics.period import DAY, Period, named
from models.statistics.wording import Wording
from workers.batch import Office

log = logs.of("report")


@dataclass(frozen=True, slots=True)
class Made:
    """A report, ready to be sent."""

    subject: str
    words: str
    filename: str
    pdf: bytes


class Report:
    """Looks whether a report is due. One for each worker process; one of them queues it."""

    def __init__(self, database: Database, office: Office) -> None:
        self._database, self._office = database, office
        self._done = ""

    async def drain(self) -> int:
        """Queue what is due. Returns how many mails that made."""
        settings, now = self._office.settings, datetime.now(ZoneInfo(self._office.settings.statistics.timezone))
        wanted = settings.statistics.report
        if not wanted.to or now.hour < wanted.hour:
            return 0
        period = due(settings, now)
        once = f"{wanted.every}:{period.first}:{period.last}"
        if once == self._done:
            return 0
        async with self._database.engine.begin() as connection:
            sent = await send(connection, self._office, period, wanted.language, now, once=once)
        self._done = once
        if sent:
            log.info("report_queued", first=str(period.first), last=str(period.last), mails=sent)
        return sent


def due(settings: Settings, now: datetime) -> Period:
    """The day, week (Monday to Sunday) or month that ended last."""
    today = now.astimezone(ZoneInfo(settings.statistics.timezone)).date()
    if settings.statistics.report.every == "day":
        return Period("custom", today - DAY, today - DAY)
    if settings.statistics.report.every == "week":
        monday = today - timedelta(days=today.weekday() + 7)
        return Period("custom", monday, monday + 6 * DAY)
    return named("last_month", today)


async def make(connection: AsyncConnection, settings: Settings, period: Period, language: str, now: datetime) -> Made:
    """The report of a period."""
    found = await answer(connection, period, Choice(), settings.statistics.cost)
    from models.statistics.paper import paper  # here, since drawing wants 15 MB that are seldom needed

    wording = Wording(found, language, settings)
    pdf = await asyncio.to_thread(paper, wording, now.astimezone(ZoneInfo(settings.statistics.timezone)))
    words = wording.text["report"]
    days = {"from": wording.day(period.first), "to": wording.day(period.last)}
    kpis = {kpi.name: wording.value(kpi, kpi.value) for kpi in found.kpis}
    link = f"{settings.base_url}/statistics?from={period.first}&to={period.last}&period=custom"
    return Made(
        subject=str(words["subject"]).format(**days),
        words=str(words["body"]).format(link=link, **days, **kpis),
        filename=str(words["filename"]).format(**{"from": period.first, "to": period.last}),
        pdf=pdf,
    )


async def send(
    connection: AsyncConnection, office: Office, period: Period, language: str, now: datetime, *, once: str
) -> int:
    """Queue the report to all who get it, unless `once` was queued before. Returns how many mails that made."""
    if await connection.scalar(_NOTE, {"key": once}) is None:
        return 0
    settings = office.settings
    wanted = settings.statistics.report
    made = await make(connection, settings, period, language, now)
    file = AttachedFile(filename=made.filename, content_type="application/pdf", content=made.pdf)
    for address in wanted.to:
        domain = settings.mail.domain or wanted.sender.partition("@")[2] or "localhost"
        outbound = OutboundMessage(
            channel=wanted.by,
            account=wanted.sender,
            to=Address(address),
            subject=made.subject,
            text=made.words,
            message_id=own_message_id(office.secret, 0, secrets.token_hex(8), domain),
            automatic=True,
            attachments=(file,),
            language=language,
            trace_id=secrets.token_hex(16),
        )
        values = {
            "key": f"report:{once}:{address}",
            "channel": wanted.by,
            "lane": f"{wanted.by}:{address}",
            "trace_id": outbound.trace_id,
            "payload": to_json(outbound),
        }
        await connection.execute(_POST, values)
    return len(wanted.to)


_NOTE = text("INSERT INTO figure_report (key) VALUES (:key) ON CONFLICT DO NOTHING RETURNING key")
_POST = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, payload)
    VALUES (:key, 'notice', :channel, :lane, :trace_id, cast(:payload AS jsonb)) ON CONFLICT (unique_key) DO NOTHING
    """
)
