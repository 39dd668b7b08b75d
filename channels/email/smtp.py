"""The SMTP door: mail comes in by RFC 5321, and `250` is said only after `accept` has it committed and flushed.

Enters: a connection. Leaves: a `RawMessage` handed to `accept`, with the bytes exactly as they came. Its answers:

    250 2.0.0  committed (or had been before)      451 4.3.0  our own trouble, nothing stored; details stay in the log
    452 4.3.1  storage full   4.5.3 too many RCPT  421        idle, slow, shutting down, too many errors; then closed
    550 5.7.1  not an address of ours              552 5.3.4  too large (at MAIL when SIZE says so)
    553 5.6.7  non-ASCII address without SMTPUTF8  554 5.4.6  mail loop   5.5.1 no valid recipient
    500, 501, 502, 503, 530, 555  wrong, unknown or untimely commands; an endless line closes the connection

aiosmtpd gives session, envelope and most verbs. What is ours: the command loop (pipelining, limits, one watch instead
of a timer per command), bulk DATA, refusals that show no internals, and commits that outlive their connection.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.smtp import ALLOWED_BEFORE_STARTTLS, SMTP, Envelope, Session

from channels import Busy, TooLarge
from channels.email.recipients import parse_path
from channels.email.smtp_data import Content, Flood, Pace, TooSlow
from channels.email.smtp_envelope import header_block, hops, seal
from channels.email.smtp_replies import reply_line
from channels.email.wire import Dismissed, EndlessLine, Silence, Wire
from config import logs
from models.envelope import RawMessage

if TYPE_CHECKING:
    from channels.email.smtp_listener import Listener

COMMAND_BYTES = 512
"""RFC 5321 §4.5.3.1.4; MAIL and RCPT may have twice that where extensions were offered."""
COMMIT_SECONDS = 60.0
"""After this the sender is told to try again. The commit goes on; its retry will be found to be stored."""
LINGER_SECONDS = 2.0
CLOSE_SECONDS = 10.0
HANDSHAKE_SECONDS = 30.0

HTTP_VERBS = frozenset(
    {b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PRI"}
)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

log = logs.of("smtp")


class Parting(Exception):
    """Say this, then close."""

    def __init__(self, reply: str, *, linger: bool = False) -> None:
        super().__init__(reply)
        self.reply = reply
        self.linger = linger


class Dialogue(SMTP):
    """One SMTP conversation, from greeting to close, in one task that nothing but the listener's end cancels."""

    session: Session
    envelope: Envelope

    def __init__(self, listener: Listener) -> None:
        # aiosmtpd's own __init__ inspects every member, 0.15 ms a connection; the listener did that once.
        self.__dict__.update(listener.pattern)
        self.listener = listener
        self.settings = listener.settings
        self.tls = ""
        self.remote = ""
        self._errors = 0

    # What the event loop reports.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to talk, or turn away an address with too many connections."""
        self.transport = transport
        self.wire = Wire(self.loop, cast("asyncio.Transport", transport))
        self._begin_session(transport.get_extra_info("peername"))
        self._handler_coroutine = self.listener.welcome(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self.wire.feed(data)

    def eof_received(self) -> bool:
        """The peer has said all; it still gets its replies (TLS cannot be half closed)."""
        self.wire.end()
        return not self.tls

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is gone. A commit under way is not."""
        self.wire.lose()

    def pause_writing(self) -> None:
        """The peer does not read its replies."""
        self.wire.clog()

    def resume_writing(self) -> None:
        """It reads them again."""
        self.wire.unclog()

    def _begin_session(self, peer: Any) -> None:
        self.session = Session(self.loop)
        self.session.peer = peer
        self.envelope = Envelope()
        self.remote = peer[0] if isinstance(peer, tuple) else ""

    # The conversation.

    async def push(self, status: str | bytes) -> None:
        """Queue a reply with its enhanced status code (RFC 2034), counting refusals."""
        line = reply_line(status if isinstance(status, str) else status.decode("utf-8", "replace"))
        if line[:1] == b"5" and not line.startswith(b"552"):
            self._errors += 1
        self.wire.write(line)

    async def handle_exception(self, error: Exception) -> str:
        """Our own trouble is a temporary no without details (aiosmtpd: a permanent one with the exception's text)."""
        log.error("smtp.trouble", remote=self.remote, exc_info=error)
        self.envelope = Envelope()
        return "451 4.3.0 Temporary trouble here; please try again later"

    async def _handle_client(self) -> None:
        wire = self.wire
        try:
            await self._converse()
        except Parting as parting:
            await self.push(parting.reply)
            if parting.linger:
                await wire.linger(LINGER_SECONDS)
        except Dismissed:
            await self.push("421 4.3.2 Service is going down; please try again later")
        except Silence:
            await self.push("421 4.4.2 Idle for too long; closing")
        except EndlessLine:
            await self.push("500 5.5.2 Line too long; closing")
            await wire.linger(LINGER_SECONDS)
        except ConnectionError:
            log.debug("smtp.connection_lost", remote=self.remote)
        finally:
            wire.hang_up(CLOSE_SECONDS)
            self.listener.part(self)

    async def _converse(self) -> None:
        settings, wire = self.settings, self.wire
        wire.write(b"220 %s ESMTP Guichet\r\n" % settings.hostname.encode())
        while (line := await wire.line(settings.idle_seconds)) is not None:
            try:
                await self._obey(line)
            except (Parting, Dismissed, Silence, EndlessLine, ConnectionError):
                raise
            except Exception as error:  # noqa: BLE001 - handle_exception logs it whole
                await self.push(await self.handle_exception(error))
            if self._errors >= settings.max_errors:
                raise Parting("421 4.7.0 Too many errors; closing", linger=True)

    async def _obey(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if verb in HTTP_VERBS:
            raise Parting("421 4.7.0 This is not a web server; closing")
        command = VERBS.get(verb)
        if (fault := self._fault(line, verb, known=command is not None)) or command is None:
            await self.push(fault)
            return
        argument = rest.strip().decode("utf-8", "surrogateescape")
        await command(self, argument or None)

    def _fault(self, line: bytes, verb: bytes, *, known: bool) -> str:
        longer = self.session.extended_smtp and verb in {b"MAIL", b"RCPT"}
        if len(line) + 2 > COMMAND_BYTES * (2 if longer else 1):
            return "500 5.5.2 Command line too long"
        if _CONTROL.search(line):
            return "500 5.5.2 Control characters in a command"
        if not known:
            return "500 5.5.1 Command not recognized"
        if self.settings.require_tls and not self.tls and verb.decode() not in ALLOWED_BEFORE_STARTTLS:
            return "530 5.7.0 Must issue a STARTTLS command first"
        return ""

    # The verbs that differ from aiosmtpd's. MAIL and RCPT call `Doorkeeper` for their decision.

    async def smtp_HELO(self, hostname: str | None) -> None:  # noqa: N802
        """RFC 5321 §4.1.1.1, without extensions."""
        if not hostname:
            await self.push("501 5.5.4 Syntax: HELO hostname")
            return
        self._greet(hostname, extended=False)
        self.wire.write(b"250 %s\r\n" % self.settings.hostname.encode())

    async def smtp_EHLO(self, hostname: str | None) -> None:  # noqa: N802
        """RFC 5321 §4.1.1.1. aiosmtpd's own widens limits that all connections share, at every EHLO."""
        if not hostname:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        self._greet(hostname, extended=True)
        offers = ["PIPELINING", f"SIZE {self.settings.max_message_bytes}", "8BITMIME", "SMTPUTF8"]
        offers += ["STARTTLS"] if self.listener.tls_context and not self.tls else []
        lines = [self.settings.hostname, *offers, "ENHANCEDSTATUSCODES", "HELP"]
        self.wire.write(
            "".join(f"250{'-' if n < len(lines) else ' '}{text}\r\n" for n, text in enumerate(lines, 1)).encode()
        )

    def _greet(self, hostname: str, *, extended: bool) -> None:
        self.envelope = Envelope()
        self.session.extended_smtp = extended
        self.session.host_name = hostname

    def _getaddr(self, argument: str) -> tuple[str | None, str | None]:
        # The standard library's parser, which aiosmtpd calls here, is slow and fails on hostile input (IndexError).
        return parse_path(argument) or (None, None)

    async def smtp_STARTTLS(self, argument: str | None) -> None:  # noqa: N802
        """RFC 3207. Commands that were sent before the handshake are forgotten, and so is the HELO."""
        if argument:
            await self.push("501 5.5.4 Syntax: STARTTLS")
        elif self.listener.tls_context is None:
            await self.push("502 5.5.1 STARTTLS is not offered")
        elif self.tls:
            await self.push("503 5.5.1 TLS is on already")
        else:
            await self.push("220 2.0.0 Ready to start TLS")
            await self._start_tls(self.listener.tls_context)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        try:
            await self.wire.secure(self, context, HANDSHAKE_SECONDS)
        except OSError as error:  # ssl.SSLError and TimeoutError among them
            log.info("smtp.handshake_failed", remote=self.remote, error=type(error).__name__)
            raise ConnectionResetError from error
        self.transport = self.wire.transport
        self._begin_session(self.session.peer)
        self.tls = self.wire.transport.get_extra_info("ssl_object").version()

    async def smtp_QUIT(self, argument: str | None) -> None:  # noqa: N802
        """RFC 5321 §4.1.1.10. aiosmtpd's own cancels the task that it runs in."""
        if argument:
            await self.push("501 5.5.4 Syntax: QUIT")
        else:
            raise Parting("221 2.0.0 Bye")

    async def smtp_AUTH(self, _: str | None) -> None:  # noqa: N802
        """Nobody logs in here: we only take mail for ourselves."""
        await self.push("502 5.5.1 AUTH is not offered")

    async def smtp_DATA(self, argument: str | None) -> None:  # noqa: N802
        """RFC 5321 §4.1.1.4: read the message whole, have it committed, then answer."""
        if argument:
            await self.push("501 5.5.4 Syntax: DATA")
        elif not self.envelope.mail_from:
            await self.push("503 5.5.1 Need MAIL command first")
        elif not self.envelope.rcpt_tos:
            await self.push("554 5.5.1 No valid recipients")
        else:
            self.wire.write(b"354 End data with <CR><LF>.<CR><LF>\r\n")
            body = await self._body()
            await self.push("552 5.3.4 Message too large" if body is None else await self._commit(body))
            self.envelope = Envelope()

    async def _body(self) -> bytes | None:
        wire, settings = self.wire, self.settings
        content = Content(wire.buffer, settings.max_message_bytes)
        pace = Pace(self.loop.time(), settings.min_bytes_per_second, *self.listener.pace)
        ceiling, wire.ceiling = wire.ceiling, float("inf")
        try:
            while not content.complete():
                if wire.ended:
                    raise ConnectionResetError
                await self._more(content, pace)
        except Flood:
            raise Parting("552 5.3.4 Message too large; closing", linger=True) from None
        except TooSlow:
            raise Parting("421 4.4.2 Too slow; closing") from None
        finally:
            wire.ceiling = ceiling
        body = content.take()
        return None if content.too_large else body

    async def _more(self, content: Content, pace: Pace) -> None:
        try:
            await self.wire.more(pace.deadline)
        except Silence:
            pace.check(self.loop.time(), content.received)
        else:
            pace.check(self.loop.time(), content.received)

    async def _commit(self, body: bytes) -> str:
        """Hand the message over in a task of its own, which neither a lost connection nor a timer can cancel."""
        head = header_block(body)
        if hops(head) >= self.settings.max_hops:
            return "554 5.4.6 Too many Received headers; this mail is looping"
        raw = self._seal(body, head)
        task = self.listener.commit(raw)
        try:
            await self.wire.outlast(task, COMMIT_SECONDS)
        except Silence:
            log.warning("smtp.commit_slow", trace_id=raw.envelope.trace_id, remote=self.remote)
            return "451 4.3.0 Temporary trouble here; please try again later"
        return await self._verdict(task, raw.envelope.trace_id)

    def _seal(self, body: bytes, head: bytes) -> RawMessage:
        mail_from = self.envelope.mail_from or ""
        facts = {"helo": (self.session.host_name or "").encode("utf-8", "replace").decode()}
        if self.tls:
            facts["tls"] = self.tls
        if self.envelope.smtp_utf8:
            facts["smtputf8"] = "yes"
        return seal(
            body,
            head=head,
            channel=self.listener.channel,
            sender="" if mail_from == "<>" else mail_from,
            recipients=self.envelope.rcpt_tos,
            remote=self.remote,
            facts=facts,
            now=self.listener.clock(),
            trace_id=self.listener.make_trace_id(),
        )

    async def _verdict(self, task: asyncio.Task[Any], trace_id: str) -> str:
        if task.cancelled():
            return "451 4.3.0 Service is going down; please try again later"
        error = task.exception()
        if error is None:
            self._errors = 0
            return f"250 2.0.0 Ok: queued as {task.result().item_id}"
        if isinstance(error, TooLarge):
            return "552 5.3.4 Message too large"
        if isinstance(error, Busy):
            log.warning("smtp.busy", trace_id=trace_id, reason=str(error))
            return "452 4.3.1 No storage left" if error.full else "451 4.3.0 Busy; please try again later"
        log.error("smtp.accept_failed", trace_id=trace_id, remote=self.remote, exc_info=error)
        return "451 4.3.0 Temporary trouble here; please try again later"


Verb = Callable[[Dialogue, str | None], Awaitable[None]]
VERBS: dict[bytes, Verb] = {
    name.removeprefix("smtp_").encode(): getattr(Dialogue, name) for name in dir(Dialogue) if name.startswith("smtp_")
}
