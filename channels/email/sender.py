"""The two ways out for a `Letter`: a mail relay, or a local maildir where none is configured.

Leaves a `Receipt`. Raises `Refused` for the relay's permanent no about this mail, `Unavailable` for everything else:
4xx, network, a relay that does not let us in, and an answer that did not come after the last dot (the mail may then
have been taken; who queued it decides whether to repeat it).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from channels import Refused, Unavailable
from channels.email.compose import Letter
from channels.email.login import Login, LoginFailed
from config.faults import crash_point
from config.settings import Relay as RelaySettings
from models.envelope import Receipt

FINAL_REPLY_SECONDS = 600.0
"""RFC 5321 §4.5.3.2.6: the relay may take ten minutes over the last dot; to hang up sooner makes doubles."""
IDLE_SECONDS = 20.0
"""How long a connection without work is kept."""
SEEN_FLAGS = ("", ":2,", ":2,S")
"""How a mail is renamed when a reader moves it from new to cur."""
_GONE = re.compile(r"5\.(?:1\.(?:1|2|3|6|10)|2\.1)\b")
"""Enhanced codes for an address that does not exist, or is no longer served (RFC 3463 §3.2 f., RFC 7505 §4.2)."""
LOCKED_OUT = frozenset({530, 534, 535, 538})
"""The relay wants another login: a mistake in our settings, not a fault of the mail (RFC 4954 §6)."""


class WayOut(Protocol):
    """Carries letters out."""

    repeatable: bool
    """True where sending the same letter twice cannot bring it to the customer twice."""

    async def send(self, letter: Letter) -> Receipt:
        """Hand the letter over. Raises `Refused` or `Unavailable`."""
        ...


class Relay:
    """A mail relay, spoken to by SMTP. One idle connection is kept for a moment between letters."""

    repeatable = False

    def __init__(
        self, settings: RelaySettings, hostname: str, tokens: Path, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._settings = settings
        self._login = Login(settings.username, settings.password, settings.oauth, tokens)
        self._hostname = hostname
        self._idle_seconds = idle_seconds
        self._kept: tuple[SMTP, asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    async def send(self, letter: Letter) -> Receipt:
        """Hand the letter to the relay. Raises `Refused` or `Unavailable`."""
        client = await self._take() or await self._connect()
        try:
            detail = await self._transact(client, letter)
        except SMTPResponseException as error:
            client.close()
            raise _worded(error) from error
        except (SMTPException, OSError) as error:
            client.close()
            raise Unavailable(f"the mail relay did not answer: {type(error).__name__}") from error
        except BaseException:
            client.close()
            raise
        self._keep(client)
        return Receipt(detail=detail)

    async def probe(self) -> None:
        """Connect, log in, leave. Raises `Unavailable` with what is wrong."""
        client = await self._connect()
        client.close()

    async def _connect(self) -> SMTP:
        settings = self._settings
        client = SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=self._hostname,
            timeout=settings.timeout_seconds,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            cert_bundle=str(settings.tls_ca) if settings.tls_ca else None,
        )
        try:
            await client.connect()
            await self._log_in(client)
        except LoginFailed as error:
            client.close()
            raise Unavailable(f"the mail relay cannot be used: {error}") from error
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise Unavailable(f"the mail relay cannot be used: {_reason(error)}") from error
        return client

    async def _log_in(self, client: SMTP) -> None:
        """Raises `LoginFailed` where no token can be had, `SMTPException` where the relay does not let us in."""
        if not self._settings.username:
            return
        secret = await self._login.secret()
        if not secret.token:
            await client.login(secret.username, secret.password)
            return
        try:
            await client.auth_xoauth2(secret.username, secret.token)
        except SMTPAuthenticationError:
            self._login.forget()  # the next try asks for another token
            raise

    async def _transact(self, client: SMTP, letter: Letter) -> str:
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        if letter.international and not client.supports_extension("smtputf8"):
            raise SMTPResponseException(553, "5.6.7 the relay cannot carry addresses outside ASCII")
        encoding = "utf-8" if letter.international else "ascii"
        options = ["SMTPUTF8"] if letter.international else []
        if client.supports_extension("size"):  # RFC 1870: a no before the bytes is cheaper than one after them
            options.append(f"SIZE={len(letter.content)}")
        await client.mail(letter.sender, options=options, encoding=encoding)
        await client.rcpt(letter.recipient, encoding=encoding)
        with _watched(client) as gone_out:
            try:
                reply = await client.data(letter.content, timeout=FINAL_REPLY_SECONDS)
            except SMTPResponseException:
                raise
            except (SMTPException, OSError) as error:
                if not gone_out():
                    raise
                reason = f"the relay took the mail and did not answer: {_reason(error)}"
                raise Unavailable(reason, in_doubt=True) from error
        return reply.message

    async def _take(self) -> SMTP | None:
        """The kept connection, where it still answers."""
        if self._kept is None:
            return None
        (client, loop, timer), self._kept = self._kept, None
        if loop is not asyncio.get_running_loop():
            return None
        timer.cancel()
        try:
            await client.rset()
        except (SMTPException, OSError):
            client.close()
            return None
        return client

    def _keep(self, client: SMTP) -> None:
        loop = asyncio.get_running_loop()
        if self._kept is not None and self._kept[1] is loop:
            self._leave(client)
            return
        self._kept = client, loop, loop.call_later(self._idle_seconds, self._expire)

    def _expire(self) -> None:
        if self._kept is not None:
            (client, _, _), self._kept = self._kept, None
            self._leave(client)

    def _leave(self, client: SMTP) -> None:
        task = asyncio.get_running_loop().create_task(_say_goodbye(client))
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)


@contextmanager
def _watched(client: SMTP) -> Iterator[Callable[[], bool]]:
    """Tells whether a byte of the mail itself has left. The library says only that the line broke, not when."""
    protocol = client.protocol
    if protocol is None:
        raise SMTPServerDisconnected("Connection lost")
    write, gone = protocol.write, []

    def noting(data: bytes) -> None:
        if data != b"DATA\r\n":
            gone.append(len(data))
        write(data)

    protocol.write = noting  # type: ignore[method-assign]
    try:
        yield lambda: bool(gone)
    finally:
        protocol.write = write  # type: ignore[method-assign]


async def _say_goodbye(client: SMTP) -> None:
    try:
        await client.quit(timeout=5)
    except (SMTPException, OSError):
        client.close()


def _reason(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error) or type(error).__name__


def _worded(error: SMTPResponseException) -> Refused | Unavailable:
    if error.code >= 500 and error.code not in LOCKED_OUT:
        gone = isinstance(error, SMTPRecipientRefused) and _GONE.match(error.message) is not None
        return Refused(_reason(error), gone=gone)
    return Unavailable(f"the mail relay said: {_reason(error)}")


class Maildir:
    """A folder of mails with tmp, new and cur. A letter's name is made from its Message-ID, so it is there once."""

    repeatable = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: Letter) -> Receipt:
        """Write the letter, flushed to disk. Raises `Unavailable` where the disk does not take it."""
        try:
            return await asyncio.to_thread(self._write, letter)
        except OSError as error:
            raise Unavailable(f"the local maildir cannot be written: {error.strerror}") from error

    def _write(self, letter: Letter) -> Receipt:
        name = f"{hashlib.sha256(letter.message_id.encode()).hexdigest()[:40]}.guichet"
        for part in ("tmp", "new", "cur"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        target = self._folder / "new" / name
        if target.exists() or any((self._folder / "cur" / f"{name}{flags}").exists() for flags in SEEN_FLAGS):
            return Receipt(provider_id=name, detail="was in the maildir already")
        trace = f"Return-Path: <{letter.sender}>\r\nDelivered-To: {letter.recipient}\r\n".encode()
        with NamedTemporaryFile(dir=self._folder / "tmp", prefix=name, delete=False) as draft:
            draft.write(trace + letter.content)
            draft.flush()
            os.fsync(draft.fileno())
        Path(draft.name).replace(target)
        crash_point("X12")
        _flush_folder(target.parent)
        return Receipt(provider_id=name, detail="delivered into the local maildir")


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
