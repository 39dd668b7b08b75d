"""Simulated customers at the real doors: they keep to their schedule whatever the answers, and come again after a no.

Enters: mails and forms with the moment each is due. Leaves: a yes to the witness, and counts of everything else.
Nothing fails: a door that is shut (451, 503, no answer at all) is a temporary no, after which the same bytes are sent
again with growing waits, as a real sender does.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import aiohttp

from config.settings import Settings
from gateway.simulated_lines import SimulatedLine
from gateway.simulated_mail import SimulatedForm, SimulatedMail
from gateway.simulated_sender import Connection
from gateway.witness import Sent, Witness

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds until a refused message is sent again: doubling, up to the longest."""
NO_ANSWER = 0
YES = frozenset((200, 201, 202, 250, 303))
LATER = frozenset((NO_ANSWER, 408, 429))
FORM = "contact"
PROVIDER_CONNECTIONS = 4


@dataclass(slots=True)
class Errand:
    """One message on its way. `due` is in the event loop's time."""

    sent: Sent
    due: float
    refusals: int = 0


@dataclass(slots=True)
class Tally:
    """What the doors answered."""

    sent: int = 0
    yes: int = 0
    later: int = 0
    """Temporary refusals, each followed by another try."""
    never: dict[int, int] = field(default_factory=dict)
    """Permanent refusals by code."""
    mail_seconds: list[float] = field(default_factory=list)
    """From when a mail was due until the 250."""
    form_seconds: list[float] = field(default_factory=list)
    """From when a form was due until its answer, which waits for the tracking number."""
    line_seconds: list[float] = field(default_factory=list)
    """From when a line was due until its webhook was answered."""

    def seconds_of(self, sent: Sent) -> list[float]:
        """Where the latency of `sent` belongs."""
        if isinstance(sent, SimulatedMail):
            return self.mail_seconds
        return self.form_seconds if isinstance(sent, SimulatedForm) else self.line_seconds

    @property
    def refused(self) -> int:
        """Permanent refusals."""
        return sum(self.never.values())

    @property
    def open(self) -> int:
        """Messages that nobody has answered for good."""
        return self.sent - self.yes - self.refused


class Doors:
    """Hands messages to the doors over a few kept connections. Use it as a context manager."""

    def __init__(self, settings: Settings, witness: Witness, *, connections: int, visitors: int) -> None:
        self.tally = Tally()
        self._witness = witness
        self._smtp = (_reachable(settings.smtp.host), settings.smtp.port)
        self._http = f"http://{_reachable(settings.http.host)}:{settings.http.port}"
        self._form = f"{self._http}/forms/{FORM}"
        self._mails: asyncio.Queue[Errand] = asyncio.Queue()
        self._forms: asyncio.Queue[Errand] = asyncio.Queue()
        self._lines: asyncio.Queue[Errand] = asyncio.Queue()
        self._connections, self._visitors = connections, visitors
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Doors:
        """Start the senders; each connects when it has something to send."""
        self._tasks = [asyncio.create_task(self._post_office()) for _ in range(self._connections)]
        provider = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._tasks += [asyncio.create_task(self._provider(provider)) for _ in range(PROVIDER_CONNECTIONS)]
        for number in range(self._visitors):
            browser = await self._stack.enter_async_context(_browser(number))
            self._tasks += [asyncio.create_task(self._visitor(browser)) for _ in range(2)]
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop the senders."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def send(self, sent: Sent, due: float) -> None:
        """Send one message, now if a connection is free."""
        self.tally.sent += 1
        self._line_up(Errand(sent, due))

    async def unanswered(self) -> int:
        """How many messages have no final answer yet."""
        return self.tally.open

    def _line_up(self, errand: Errand) -> None:
        queues = {SimulatedMail: self._mails, SimulatedForm: self._forms, SimulatedLine: self._lines}
        queues[type(errand.sent)].put_nowait(errand)

    async def _post_office(self) -> None:
        """One kept SMTP connection."""
        connection: Connection | None = None
        try:
            while True:
                errand = await self._mails.get()
                mail = errand.sent
                assert isinstance(mail, SimulatedMail)  # noqa: S101 - this queue holds nothing else
                try:
                    connection = connection or await Connection.open(*self._smtp)
                    code = await connection.send(mail.sender, mail.recipient, mail.raw)
                except OSError:
                    code = NO_ANSWER
                if code in (NO_ANSWER, 421):
                    if connection is not None:
                        connection.abort()
                    connection = None
                self._answered(errand, code)
        finally:
            if connection is not None:
                with suppress(OSError):
                    await connection.close()

    async def _visitor(self, browser: aiohttp.ClientSession) -> None:
        """One visitor who posts forms."""
        while True:
            errand = await self._forms.get()
            form = errand.sent
            assert isinstance(form, SimulatedForm)  # noqa: S101 - this queue holds nothing else
            headers = {"Idempotency-Key": form.key, "Accept-Language": form.language}
            try:
                async with browser.post(self._form, json=form.fields, headers=headers) as answer:
                    await answer.read()
                    code = answer.status
            except (OSError, aiohttp.ClientError):
                code = NO_ANSWER
            self._answered(errand, code)

    async def _provider(self, session: aiohttp.ClientSession) -> None:
        """One connection of a provider that posts webhooks."""
        while True:
            errand = await self._lines.get()
            assert isinstance(errand.sent, SimulatedLine)  # noqa: S101 - this queue holds nothing else
            request = errand.sent.request
            try:
                async with session.post(
                    self._http + request.path, data=request.body, headers=request.headers
                ) as answer:
                    await answer.read()
                    code = answer.status
            except (OSError, aiohttp.ClientError):
                code = NO_ANSWER
            self._answered(errand, code)

    def _answered(self, errand: Errand, code: int) -> None:
        loop = asyncio.get_running_loop()
        seconds = loop.time() - errand.due
        if code in YES:
            self.tally.yes += 1
            self._witness.heard_yes(errand.sent)
            self.tally.seconds_of(errand.sent).append(seconds)
        elif _temporary(errand.sent, code):
            self.tally.later += 1
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2**errand.refusals)
            errand.refusals += 1
            loop.call_later(wait, self._line_up, errand)
        else:
            self.tally.never[code] = self.tally.never.get(code, 0) + 1


def _temporary(sent: Sent, code: int) -> bool:
    """Whether to come again: 4xx of SMTP, and what HTTP says for the same."""
    return code in LATER or (400 <= code < 500 if isinstance(sent, SimulatedMail) else code == 503)


def recipients(patterns: Sequence[str]) -> list[str]:
    """Two addresses of ours by the patterns of the settings; the same one twice where there is only one."""
    found: list[str] = []
    for pattern in patterns:
        local, _at, domain = pattern.rpartition("@")
        for name in ("org", "com") if "*" in domain else ("",):
            ours = f"example.{name}" if domain == "*" else domain.replace("*", f"mail-{name}")
            found.append(f"{local.replace('*', 'support')}@{ours}")
    return [found[0], found[1 if len(found) > 1 else 0]] if found else ["support@example.org"] * 2


def _reachable(host: str) -> str:
    """Where a listener of this machine is reached."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - read, not bound


def _browser(number: int) -> aiohttp.ClientSession:
    """A visitor's browser, with a loopback address of its own where the system allows it (Linux).

    A crowd at one address would be mistaken for a machine.
    """
    address = f"127.{1 + number // 60_000}.{number // 250 % 250}.{number % 250 + 1}"
    local = (address, 0) if _may_bind(address) else None
    timeout = aiohttp.ClientTimeout(total=60)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=local), timeout=timeout)


def _may_bind(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
