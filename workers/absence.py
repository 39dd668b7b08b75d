"""Absence: an answer that its customer did not come to read goes out by another channel, once, with all missed lines.

Enters: conversations of channels that say so (`Channel.elsewhere`). Leaves: a notice in the outbox, and how far the
customer was told, in one transaction. What we ourselves answered automatically is not repeated. May fail: with what the
database raises; then nothing has changed, and the next look finds the same.
"""

from __future__ import annotations

import secrets

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import Elsewhere
from config import logs
from config.database import Database, to_json
from config.letters import letter
from models import conversation, page_link
from models.conversation import Unread
from models.envelope import Address, OutboundMessage
from models.seals import own_message_id, reply_token
from workers.batch import Office

AT_ONCE = 50

log = logs.of("absence")


class Absence:
    """Looks for unread answers. One for each worker process; several of them share the work."""

    def __init__(self, database: Database, office: Office) -> None:
        self.database = database
        self.office = office

    async def drain(self) -> int:
        """Queue what is due. Returns how many notices were queued."""
        queued = 0
        for channel in self.office.channels.values():
            place = channel.elsewhere()
            if place is not None and place.channel in self.office.channels:
                async with self.database.engine.begin() as connection:
                    queued += await self._queue(connection, channel.name, place)
        return queued

    async def _queue(self, connection: AsyncConnection, channel: str, place: Elsewhere) -> int:
        found = await conversation.unread(connection, channel, seconds=place.seconds, most=AT_ONCE)
        for unread in found:
            await self._tell(connection, unread, place)
            await conversation.told(connection, unread.key, unread.latest)
            log.info("absent_customer_told", ticket_id=unread.ticket_id, lines=len(unread.lines))
        return len(found)

    async def _tell(self, connection: AsyncConnection, unread: Unread, place: Elsewhere) -> None:
        key, settings, number = self.office.secret, self.office.settings, unread.ticket_id
        token = reply_token(key, number, unread.key)
        link = await self._link(connection, unread, place, token) if settings.public_url else ""
        language = unread.language or settings.triage.languages[0]
        subject, words = letter("absence", language, number=str(number), lines="\n\n".join(unread.lines), link=link)
        domain = settings.mail.domain or place.account.partition("@")[2] or "localhost"
        outbound = OutboundMessage(
            channel=place.channel,
            account=place.account,
            to=Address(unread.email, unread.name),
            subject=subject,
            text=words,
            message_id=own_message_id(key, number, secrets.token_hex(8), domain),
            reply_address=self.office.channels[place.channel].reply_address(place.account, token),
            language=language,
            trace_id=secrets.token_hex(16),
        )
        values = {
            "key": f"absence:{unread.key}:{unread.latest}",
            "channel": place.channel,
            "lane": f"{place.channel}:{unread.email}",
            "trace_id": outbound.trace_id,
            "ticket": number,
            "payload": to_json(outbound),
        }
        await connection.execute(_NOTICE, values)

    async def _link(self, connection: AsyncConnection, unread: Unread, place: Elsewhere, token: str) -> str:
        """A link for whoever reads that mail."""
        nonce = secrets.token_hex(16)
        row = page_link.row(
            self.office.secret,
            nonce,
            ticket_id=unread.ticket_id,
            address=(place.channel, unread.email),
            reply_token=token,
            now=(await connection.execute(text("SELECT now()"))).scalar_one(),
            days=self.office.settings.portal.link_days,
        )
        await connection.execute(page_link.INSERT, row)
        return page_link.place(self.office.settings.base_url, nonce)


_NOTICE = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, ticket_id, payload)
    VALUES (:key, 'notice', :channel, :lane, :trace_id, :ticket, cast(:payload AS jsonb))
    ON CONFLICT (unique_key) DO NOTHING
    """
)
