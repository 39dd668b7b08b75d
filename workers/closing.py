"""Closing: asks customers whether it is solved, then how satisfied they are; closes what nobody objects to.

    resolved for a minute   → "is it solved?" on the customer's channel, in their language, once for each resolution
    no answer for days      → closed (models.closing:solved, "silence")
    closed after a question → how satisfied, 1 to 5: once a ticket, once a contact within some weeks

Machines, blocked addresses, those that said STOP, closed windows and what was resolved days ago are asked nothing:
such tickets close by time alone, and the row says why. Enters: what is due. Leaves: messages of the ticket, notices of
the outbox, rows of `solved_question` and `satisfaction`, in one transaction. May fail with what the database raises;
then nothing has changed, and the next look finds the same.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config import logs
from config.database import Database, draw, to_json
from config.letters import letter
from config.pages import TEMPLATES, texts
from models import closing, page_link
from models.actor import step
from models.envelope import Address, Choice, OutboundMessage
from models.keys import hash_key, message_key
from models.relay import subject_of
from models.seals import own_message_id, reply_token
from workers.batch import Office

AT_ONCE = 50
LATE = timedelta(days=2)
"""What was resolved longer ago is not asked about: who was down, or begins to ask, leaves old matters alone."""
ACTOR = step("closing")
NUMERALS = ("one", "two", "three", "four", "five")

log = logs.of("closing")


class Closing:
    """Looks for what is due. One for each worker process; several of them share the work."""

    def __init__(self, database: Database, office: Office) -> None:
        self.database, self.office = database, office
        self._texts = texts(TEMPLATES / "closing")

    async def drain(self) -> int:
        """Ask and close what is due. Returns how many messages were queued."""
        limits, queued = self.office.settings.closing, 0
        async with self.database.engine.begin() as connection:
            await closing.withdraw(connection)
            for ticket in await closing.resolved(connection, seconds=limits.ask_after_seconds, most=AT_ONCE):
                queued += await self._ask(connection, ticket)
        async with self.database.engine.begin() as connection:
            for number in await closing.silent(connection, most=AT_ONCE):
                if await closing.solved(connection, number, "silence", actor=ACTOR, cycle=self.office.cycle):
                    log.info("ticket_closed", ticket_id=number)
        async with self.database.engine.begin() as connection:
            minutes = limits.satisfaction_after_minutes
            for ticket in await closing.closed(connection, minutes=minutes, most=AT_ONCE):
                queued += await self._rate(connection, ticket)
        return queued

    async def _ask(self, connection: AsyncConnection, ticket: Any) -> bool:
        limits = self.office.settings.closing
        now, since = ticket.now, ticket.resolved_at
        why = "switched_off" if not limits.ask else "late" if now - since > LATE else ""
        why = why or await self._why_not(connection, ticket)
        if why == "busy":
            return False
        closes_at = (since if why else now) + timedelta(days=limits.close_days)
        await closing.ask(connection, ticket.id, closes_at=closes_at, asked=not why, why=why)
        if why:
            return False
        language = self._language(ticket)
        spoken, link = self._texts[language], await self._link(connection, ticket, now)
        if ticket.conversation:
            subject, words = "", spoken["solved"].format(number=ticket.id)
        else:
            yes, no = (f"{link}?solved={one}" if link else "" for one in ("yes", "no"))
            days = f"{limits.close_days:g}"
            subject, words = letter("solved", language, number=str(ticket.id), yes=yes, no=no, days=days)
        choices = tuple(Choice(id=f"solved-{one}", title=title) for one, title in spoken["choices"].items())
        await self._queue(connection, ticket, "solved", subject, words, choices)
        log.info("solved_asked", ticket_id=ticket.id)
        return True

    async def _rate(self, connection: AsyncConnection, ticket: Any) -> bool:
        limits = self.office.settings.closing
        why = "" if limits.satisfaction else "switched_off"
        why = why or await self._why_not(connection, ticket)
        if why == "busy":
            return False
        if not why and await closing.lately(connection, ticket.contact_id, days=limits.satisfaction_pause_days):
            why = "lately"
        days = limits.satisfaction_open_days
        await closing.ask_satisfaction(connection, ticket, asked=not why, open_days=days)
        if why:
            return False
        language = self._language(ticket)
        spoken, link = (
            self._texts[language],
            await self._link(connection, ticket, ticket.now),
        )
        if ticket.conversation:
            subject, words = "", spoken["satisfaction"].format(number=ticket.id)
        else:
            places = {name: f"{link}?score={place}" if link else "" for place, name in enumerate(NUMERALS, 1)}
            subject, words = letter("satisfaction", language, number=str(ticket.id), **places)
        choices = tuple(Choice(id=f"score-{place}", title=spoken["scores"][n]) for place, n in enumerate(NUMERALS, 1))
        await self._queue(connection, ticket, "satisfaction", subject, words, choices)
        log.info("satisfaction_asked", ticket_id=ticket.id)
        return True

    async def _why_not(self, connection: AsyncConnection, ticket: Any) -> str:
        """Why this customer is asked nothing; 'busy' where somebody writes in the conversation at this moment."""
        if ticket.answer_channel not in self.office.channels or not ticket.answer_address:
            return "no_way"
        if ticket.conversation:
            lock = {"key": hash_key(ticket.conversation)}
            if not await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), lock):
                return "busy"
        return await closing.whom(connection, ticket)

    def _language(self, ticket: Any) -> str:
        known = self.office.settings.triage.languages
        return str(ticket.language if ticket.language in self._texts else known[0])

    def _token(self, ticket: Any) -> str:
        channel = self.office.channels[ticket.answer_channel]
        part = f"{ticket.answer_channel}:{channel.mailbox(ticket.answer_address)}"
        return reply_token(self.office.secret, ticket.id, part)

    async def _link(self, connection: AsyncConnection, ticket: Any, now: Any) -> str:
        """A link to the ticket's page; '' where customers cannot reach us, or have the conversation at hand."""
        settings = self.office.settings
        if not settings.public_url or ticket.conversation:
            return ""
        nonce = secrets.token_hex(16)
        row = page_link.row(
            self.office.secret,
            nonce,
            ticket_id=ticket.id,
            address=(ticket.answer_channel, ticket.answer_address),
            reply_token=self._token(ticket),
            now=now,
            days=settings.portal.link_days,
        )
        await connection.execute(page_link.INSERT, row)
        return page_link.place(settings.base_url, nonce)

    async def _queue(
        self, connection: AsyncConnection, ticket: Any, kind: str, subject: str, words: str,
        choices: tuple[Choice, ...],
    ) -> None:  # fmt: skip
        """The message, its item of the outbox, and the key by which answers to it find the ticket."""
        office = self.office
        channel, account = office.channels[ticket.answer_channel], ticket.answer_account
        domain = office.settings.mail.domain or account.partition("@")[2] or "localhost"
        outbound = OutboundMessage(
            channel=channel.name,
            account=account,
            to=Address(ticket.answer_address),
            subject=subject or subject_of(ticket.id, ticket.subject),
            text=words,
            message_id=own_message_id(office.secret, ticket.id, secrets.token_hex(8), domain),
            reply_address=channel.reply_address(account, self._token(ticket)),
            automatic=True,
            choices=choices,
            language=self._language(ticket),
            trace_id=secrets.token_hex(16),
        )
        [[message_id]] = await draw(connection, [("message", 1)])
        values = {
            "message": message_id, "ticket": ticket.id, "channel": channel.name, "address": ticket.answer_address,
            "sender": account, "external_id": outbound.message_id, "subject": outbound.subject, "text": words,
            "trace_id": outbound.trace_id, "unique_key": f"{kind}:{message_id}",
            "lane": f"{channel.name}:{ticket.answer_address}", "payload": to_json(outbound),
            "key": message_key(outbound.message_id),
        }  # fmt: skip
        for statement in (_MESSAGE, _OUTBOX, _THREAD_KEY, _COUNT):
            await connection.execute(statement, values)


_MESSAGE = text(
    """
    INSERT INTO message (id, ticket_id, direction, channel, identity_id, sender, external_id, subject, text, delivery,
        trace_id)
    VALUES (:message, :ticket, 'out', :channel,
        (SELECT id FROM identity WHERE channel = :channel AND address = :address),
        :sender, :external_id, :subject, :text, 'queued', :trace_id)
    """
)
_OUTBOX = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, ticket_id, message_id, payload)
    VALUES (:unique_key, 'notice', :channel, :lane, :trace_id, :ticket, :message, cast(:payload AS jsonb))
    """
)
_THREAD_KEY = text("INSERT INTO thread_key (key, ticket_id, own) VALUES (:key, :ticket, true)")
_COUNT = text("UPDATE ticket SET message_count = message_count + 1 WHERE id = :ticket")
