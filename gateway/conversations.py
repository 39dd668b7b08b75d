"""Conversations and ticket pages, as channels get them from accept (`channels.Conversations`).

Enters: keys, numbers, tokens. Leaves: what the customer may see. May fail: `Busy` where the database or the object
store does not answer. Hints go out and come in by `config.hints`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import Busy
from config import logs, secret
from config.database import Database, to_json
from config.hints import Hint, Hints
from config.letters import letter
from config.objects import Objects
from config.settings import Settings
from gateway.grouped import Grouped
from models import closing, conversation, page_link
from models.actor import Actor
from models.envelope import Address, Asked, AttachedFile, Envelope, Guest, Line, OutboundMessage, RawMessage
from models.life import Cycle
from models.page_link import Page

MOST_LINES = 200
MOST_WAITING = 2_000
RENEW_SECONDS = 3600
"""A ticket's link is sent anew at most once in so long."""

log = logs.of("conversations")


class StoredConversations:
    """Implements `channels.Conversations` over PostgreSQL and Redis. One for each gateway process."""

    def __init__(
        self,
        database: Database,
        objects: Objects,
        settings: Settings,
        hints: Hints | None = None,
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        """`ring` tells the workers that something must be sent."""
        self._database, self._objects, self._settings = database, objects, settings
        self._hints, self._ring = hints, ring
        self._lines = Grouped(self._fetch_lines)
        self._waiting = Grouped(self._fetch_waiting)
        self._guests = Grouped(self._fetch_guests)
        self._watchers: list[Callable[[str, str, str], None]] = []

    async def lines(self, key: str, *, after: int = 0, most: int = MOST_LINES) -> Sequence[Line]:
        """Lines of a conversation that its customer may see."""
        found = await self._lines.ask((key, after)) or []
        return found[-most:] if after == 0 else found[:most]

    async def _fetch_lines(self, wanted: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], list[Line]]:
        async with self._reading() as connection:
            return await conversation.lines(connection, wanted, most=MOST_LINES)

    async def waiting(self, key: str) -> list[RawMessage]:
        """What is accepted and not settled yet."""
        return await self._waiting.ask(key) or []

    async def _fetch_waiting(self, lanes: Sequence[str]) -> Mapping[str, list[RawMessage]]:
        async with self._reading() as connection:
            rows = (await connection.execute(_WAITING, {"lanes": list(lanes), "most": MOST_WAITING})).all()
        found: dict[str, list[RawMessage]] = {}
        for row in rows:
            body = await self._bytes(row.body, row.body_sha256)
            found.setdefault(row.lane, []).append(RawMessage(msgspec.convert(row.envelope, Envelope), body))
        return found

    async def newest(self, keys: Sequence[str]) -> Mapping[str, int]:
        """The newest number under each key."""
        async with self._reading() as connection:
            return await conversation.newest(connection, keys)

    async def guest(self, key: str) -> Guest | None:
        """Who it is."""
        return await self._guests.ask(key)

    async def _fetch_guests(self, keys: Sequence[str]) -> Mapping[str, Guest]:
        async with self._reading() as connection:
            return await conversation.guests(connection, keys)

    async def introduce(self, key: str, guest: Guest) -> None:
        """Note who it is."""
        async with self._writing() as connection:
            await conversation.introduce(connection, key, guest)

    async def seen(self, key: str, number: int) -> None:
        """Note what was read, and let others know."""
        async with self._writing() as connection:
            moved = await conversation.seen(connection, key, number)
        if moved:
            self.hint(key, "seen", str(number))

    async def file(self, file_id: int, lines: Sequence[Line]) -> AttachedFile | None:
        """A file of one of `lines`."""
        async with self._reading() as connection:
            row = await conversation.file(connection, file_id, [line.number for line in lines])
        if row is None:
            return None
        content = await self._bytes(row.content, row.sha256)
        return AttachedFile(filename=row.filename, content_type=row.content_type, content=content)

    async def page(self, token: str) -> Page | None:
        """What a link opens."""
        async with self._reading() as connection:
            return await page_link.find(connection, token)

    async def page_lines(self, page: Page) -> list[Line]:
        """What its holder may see."""
        async with self._reading() as connection:
            return await conversation.ticket_lines(
                connection, page.number, channel=page.channel, address=page.address, most=MOST_LINES
            )

    async def asked(self, page: Page) -> Asked:
        """What the page asks."""
        async with self._reading() as connection:
            return await closing.standing(connection, page.number)

    async def answer_solved(self, page: Page, answer: str) -> bool:
        """Yes closes, no opens again."""
        async with self._writing() as connection:
            cycle = Cycle.of(self._settings)
            taken = await closing.solved(connection, page.number, answer, actor=_holder(page), cycle=cycle)
        if taken:
            self.hint(f"ticket:{page.number}")
        return taken

    async def rate(self, page: Page, score: int, comment: str) -> bool:
        """Set it down."""
        days = self._settings.closing.satisfaction_open_days
        async with self._writing() as connection:
            taken = await closing.rate(
                connection, page.number, score, comment, actor=_holder(page), channel=page.channel, open_days=days
            )
        if taken:
            self.hint(f"ticket:{page.number}")
        return taken

    async def html(self, page: Page, number: int) -> str | None:
        """The HTML of one line of the page."""
        if all(line.number != number for line in await self.page_lines(page)):
            return None
        async with self._reading() as connection:
            return (await connection.execute(_HTML, {"id": number})).scalar_one_or_none() or None

    async def renew(self, number: int, address: str) -> None:
        """Queue a mail with a fresh link, if that address had one before; once an hour at most."""
        key, nonce = secret.key(self._settings), secrets.token_hex(16)
        async with self._writing() as connection:
            known = await page_link.latest(connection, number, address)
            if known is None:
                return
            now = datetime.now(UTC)
            domain = self._settings.mail.domain or known.account.partition("@")[2] or "localhost"
            link = page_link.place(self._settings.base_url, nonce)
            subject, words = letter("link", known.language, number=str(number), link=link)
            outbound = OutboundMessage(
                channel=known.channel,
                account=known.account,
                to=Address(address),
                subject=subject,
                text=words,
                message_id=f"{nonce}.link@{domain}",
                automatic=True,
                language=known.language,
                trace_id=secrets.token_hex(16),
            )
            queued = await connection.execute(
                _NOTICE,
                {
                    "key": f"link:{number}:{address}:{int(now.timestamp()) // RENEW_SECONDS}",
                    "channel": known.channel,
                    "lane": f"{known.channel}:{address}",
                    "trace_id": outbound.trace_id,
                    "ticket": number,
                    "payload": to_json(outbound),
                },
            )
            if not queued.rowcount:
                return
            days = self._settings.portal.link_days
            fresh = page_link.row(
                key,
                nonce,
                ticket_id=number,
                address=(known.channel, address),
                reply_token=known.reply_token,
                now=now,
                days=days,
            )
            await connection.execute(page_link.INSERT, fresh)
        self._ring()

    def watch(self, hear: Callable[[str, str, str], None]) -> None:
        """Call `hear` for every hint."""
        self._watchers.append(hear)

    def hint(self, key: str, kind: str = "said", detail: str = "") -> None:
        """Tell all processes."""
        if self._hints is not None:
            self._hints.send([Hint(key, kind, detail)])

    def heard(self, hint: Hint) -> None:
        """A hint came in."""
        for hear in self._watchers:
            try:
                hear(hint.key, hint.kind, hint.detail)
            except Exception:
                log.exception("hint_bug", kind=hint.kind)

    async def _bytes(self, inline: bytes | None, digest: str) -> bytes:
        if inline is not None:
            return inline
        try:
            return await self._objects.get(digest)
        except Exception as error:
            log.error("object_store_failed", error=type(error).__name__)
            raise Busy("the object store does not answer") from error

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise Busy("the database does not answer") from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise Busy("the database does not answer") from error


def _holder(page: Page) -> Actor:
    """Whoever holds the link, as histories name those who write by it."""
    return Actor("contact", name=f"{page.channel}:{page.address}")


_WAITING = text(
    """
    SELECT lane, envelope, body, body_sha256 FROM inbox
    WHERE lane = ANY(:lanes) AND state = 'pending' ORDER BY id LIMIT :most
    """
)
_HTML = text("SELECT html FROM message WHERE id = :id")
_NOTICE = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, ticket_id, payload)
    VALUES (:key, 'notice', :channel, :lane, :trace_id, :ticket, cast(:payload AS jsonb))
    ON CONFLICT (unique_key) DO NOTHING
    """
)
