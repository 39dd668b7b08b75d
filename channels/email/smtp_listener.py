"""The SMTP listener: a socket on the gateway's own loop, its open dialogues, and the commits that outlive them.

Enters: connections. Leaves: `RawMessage`s handed to `accept`. May fail at start only: OSError where the port is taken,
ssl.SSLError or OSError where the certificate cannot be read.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from channels import Accept
from channels.email.recipients import ours
from channels.email.smtp import Dialogue
from channels.email.smtp_data import BLOCK_SECONDS, WINDOW_SECONDS
from config import logs
from config.settings import Smtp
from models.envelope import Accepted, RawMessage

BACKLOG = 1024
WATCH_SECONDS = 1.0
GRACE_SECONDS = 15.0
"""How long a stopping listener waits for dialogues and commits to end."""

log = logs.of("smtp")


def now_utc() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def new_trace_id() -> str:
    """32 random hex digits."""
    return uuid.uuid4().hex


class Doorkeeper:
    """Who may send to whom: aiosmtpd asks these hooks at MAIL and RCPT."""

    def __init__(self, settings: Smtp) -> None:
        self._max_recipients = settings.max_recipients
        self._is_ours = ours(settings.recipients)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Anybody may write; '<>' is the null reverse path (RFC 5321 §4.5.5)."""
        if not address.isascii() and not envelope.smtp_utf8:
            return "553 5.6.7 Address needs SMTPUTF8"
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Only addresses of ours, and not too many of them (RFC 5321 §4.5.3.1.10)."""
        if len(envelope.rcpt_tos) >= self._max_recipients:
            return "452 4.5.3 Too many recipients"
        if not address.isascii() and not envelope.smtp_utf8:
            return "553 5.6.7 Address needs SMTPUTF8"
        if not self._is_ours(address):
            return "550 5.7.1 Relay access denied"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"


class Listener:
    """All that the SMTP connections of one gateway share. `pace` is (window, block) of a body, in seconds."""

    def __init__(
        self,
        channel: str,
        settings: Smtp,
        accept: Accept,
        *,
        clock: Callable[[], datetime] = now_utc,
        make_trace_id: Callable[[], str] = new_trace_id,
        watch_seconds: float = WATCH_SECONDS,
        pace: tuple[float, float] = (WINDOW_SECONDS, BLOCK_SECONDS),
    ) -> None:
        self.channel = channel
        self.settings = settings
        self.clock = clock
        self.make_trace_id = make_trace_id
        self.pace = pace
        self.pattern: dict[str, Any] = {}
        self.tls_context = _tls_context(settings)
        self._accept = accept
        self._watch_seconds = watch_seconds
        self._server: asyncio.Server | None = None
        self._dialogues: dict[Dialogue, asyncio.Task[None]] = {}
        self._commits: set[asyncio.Task[Accepted]] = set()
        self._open: Counter[str] = Counter()

    @property
    def port(self) -> int:
        """The port that is listened on; of use where the settings say 0."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else self.settings.port

    async def lifetime(self, _: web.Application) -> AsyncIterator[None]:
        """Listen while the application runs: made for `app.cleanup_ctx`."""
        await self.start()
        yield
        await self.stop()

    async def start(self) -> None:
        """Bind and listen. Raises OSError."""
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's: commands at INFO, mail at DEBUG
        loop = asyncio.get_running_loop()
        self.pattern = vars(
            SMTP(
                Doorkeeper(self.settings),
                data_size_limit=self.settings.max_message_bytes,
                enable_SMTPUTF8=True,
                hostname=self.settings.hostname,
                loop=loop,
            )
        )
        self.pattern["_smtp_methods"].pop("AUTH", None)  # what HELP lists
        self._server = await loop.create_server(
            lambda: Dialogue(self), self.settings.host, self.settings.port, backlog=BACKLOG
        )
        self._watch = loop.create_task(self._watch_deadlines(loop), name="smtp-watch")
        log.info("smtp.listening", host=self.settings.host, port=self.port)

    async def stop(self) -> None:
        """Take no more connections, let commits end and be answered, tell everybody else to come again (421)."""
        if self._server is not None:
            self._server.close()
        for dialogue in tuple(self._dialogues):
            dialogue.wire.dismiss()
        if pending := {*self._dialogues.values(), *self._commits}:
            await asyncio.wait(pending, timeout=GRACE_SECONDS)
        self._watch.cancel()
        for dialogue, task in tuple(self._dialogues.items()):
            dialogue.wire.transport.abort()
            task.cancel()

    def welcome(self, dialogue: Dialogue) -> asyncio.Task[None]:
        """Start a dialogue, or its refusal where its address has too many open."""
        self._open[dialogue.remote] += 1
        crowded = self._open[dialogue.remote] > self.settings.max_connections_per_address
        talk = self._turn_away(dialogue) if crowded else dialogue._handle_client()
        task = dialogue.loop.create_task(talk)
        self._dialogues[dialogue] = task
        return task

    async def _turn_away(self, dialogue: Dialogue) -> None:
        log.info("smtp.crowded", remote=dialogue.remote)
        dialogue.wire.write(b"421 4.7.0 Too many connections from your address\r\n")
        dialogue.wire.hang_up(GRACE_SECONDS)
        self.part(dialogue)

    def part(self, dialogue: Dialogue) -> None:
        """Forget a dialogue that is over."""
        if self._dialogues.pop(dialogue, None) is None:
            return
        self._open[dialogue.remote] -= 1
        if not self._open[dialogue.remote]:
            del self._open[dialogue.remote]

    def commit(self, raw: RawMessage) -> asyncio.Task[Accepted]:
        """Run `accept` in a task of its own. It is held here, so that losing its dialogue does not lose it."""
        task = asyncio.get_running_loop().create_task(self._store(raw))
        self._commits.add(task)
        task.add_done_callback(self._committed)
        return task

    async def _store(self, raw: RawMessage) -> Accepted:
        return await self._accept(raw)

    def _committed(self, task: asyncio.Task[Accepted]) -> None:
        self._commits.discard(task)
        if not task.cancelled():
            task.exception()  # the dialogue words it; where that is gone, nobody is left to be told

    async def _watch_deadlines(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            await asyncio.sleep(self._watch_seconds)
            now = loop.time()
            for dialogue in tuple(self._dialogues):
                dialogue.wire.check(now)


def _tls_context(settings: Smtp) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
