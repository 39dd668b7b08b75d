"""One IMAP conversation about one folder (RFC 3501, RFC 9051). Every method blocks, and runs in the mailbox's thread.

Enters: an account, a folder, what to say at the door. Leaves: UIDs, sizes and bytes of mails. May fail:

    LoginFailed  we are not let in
    Declined     the server said no to this command, or answered nonsense to it; others may go well
    Broken       the connection is of no more use: cut, silent, too slow, or out of step

Nothing here changes anything on the server but `mark_seen`, `move` and `delete`: bodies are peeked at.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from imaplib import IMAP4
from typing import Any

from imapclient import DELETED, SEEN

from channels import ChannelError
from channels.email.imap_wire import Client, Wire
from channels.email.login import LoginFailed, Secret
from config.settings import ImapAccount

CONNECT_SECONDS = 15.0
FAREWELL_SECONDS = 2.0
SLOWEST = 10_000
"""Bytes per second that a body must come with, beyond the patience of a short answer."""
HEAD_BYTES = 65_536
LARGER = 1.25
"""By so much a body may exceed the size that was announced for it: some servers only estimate."""


_QUOTED = re.compile(r"\[?b'([^']*)'\]?")


class Broken(ChannelError):
    """The connection is of no more use. `place`: how many bytes of the answer had come."""

    def __init__(self, reason: str, place: int = 0) -> None:
        super().__init__(reason)
        self.place = place


class Declined(ChannelError):
    """The server said no to this one command."""


@dataclass(frozen=True, slots=True)
class State:
    """What SELECT says of a folder."""

    validity: int
    """UIDVALIDITY: while it stays the same, a UID means the same mail."""
    uidnext: int
    """The UID that the next mail will have at least."""
    certain: bool = True
    """False where the server does not tell UIDNEXT, so that it was guessed from the newest mail."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail as the folder lists it."""

    uid: int
    size: int = 0
    """RFC822.SIZE; 0 where the server does not tell."""
    arrived: datetime | None = None
    """INTERNALDATE, UTC."""


class Session:
    """A logged-in connection with one folder open."""

    def __init__(self, account: ImapAccount, folder: str, *, max_bytes: int) -> None:
        self.account = account
        self.folder = folder
        self.max_bytes = max_bytes
        self.writable = account.after != "keep"
        self._client: Client | None = None
        self._is_cut = False

    @property
    def client(self) -> Client:
        """The library's client. Raises `Broken` before `open`."""
        if self._client is None:
            raise Broken("not connected")
        return self._client

    @property
    def wire(self) -> Wire:
        """The bytes below it."""
        return self.client.wire

    # Coming and going.

    def open(self, secret: Secret) -> State:
        """Connect, log in, open the folder. Raises `LoginFailed`, `Broken` or `Declined`."""
        account = self.account
        tls = None if account.security == "none" else ssl.create_default_context(cafile=account.tls_ca)
        with self._talk():
            self._client = Client(
                account.host,
                account.port or (993 if account.security == "tls" else 143),
                connect_seconds=CONNECT_SECONDS,
                silence_seconds=account.timeout_seconds,
                tls=tls if account.security == "tls" else None,
            )
            if account.security == "starttls":
                self.client.starttls(tls)
        self._log_in(secret)
        return self.select()

    def _log_in(self, secret: Secret) -> None:
        try:
            with self._talk():
                if secret.token:
                    self.client.oauth2_login(secret.username, secret.token)
                elif (secret.username + secret.password).isascii():
                    self.client.login(secret.username, secret.password)
                else:  # LOGIN has no charset (RFC 3501 §6.2.3); PLAIN is UTF-8 (RFC 4616)
                    self.client.plain_login(secret.username, secret.password)
        except Declined as refusal:
            raise LoginFailed(f"the server does not let {secret.username} in: {refusal}") from refusal

    def close(self) -> None:
        """Say goodbye where the server still listens."""
        if self._client is None:
            return
        client, self._client = self._client, None
        try:
            client.wire.allow(FAREWELL_SECONDS)
            client.logout()
        except (IMAP4.error, OSError):
            client.wire.cut()

    def cut(self) -> None:
        """End the connection from another thread; the one that waits for it gets `Broken`."""
        self._is_cut = True
        if self._client is not None:
            self._client.wire.cut()

    # Looking.

    def select(self) -> State:
        """Open the folder (again), which tells how it stands now. Read-only where nothing is to be changed."""
        try:
            with self._talk():
                found = self.client.select_folder(self.folder, readonly=not self.writable)
        except Broken as error:
            if not isinstance(error.__cause__, IMAP4.readonly):
                raise
            self.writable = False  # the server lets us only look: `after` is out of reach, the mails are not
            return self.select()
        validity, uidnext = _number(found.get(b"UIDVALIDITY")), _number(found.get(b"UIDNEXT"))
        if uidnext is not None:
            return State(validity or 0, uidnext)
        newest = self._search("*")  # RFC 3501 §6.3.1: UIDNEXT may be missing
        return State(validity or 0, max(newest, default=0) + 1, certain=False)

    def uids(self, first: int, last: int) -> list[int]:
        """UIDs from `first` to `last`, in order."""
        return [uid for uid in self._search(f"{first}:{last}") if first <= uid <= last]

    def _search(self, which: str) -> list[int]:
        with self._talk():
            return sorted({int(uid) for uid in self.client.search(["UID", which])})

    def listed(self, uids: Sequence[int]) -> list[Listed]:
        """Size and arrival of each; without them for a mail that the server does not tell about."""
        try:
            with self._talk():
                found = self.client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
        except Declined:
            found = {}
        return [_listed(uid, found.get(uid, {})) for uid in uids]

    def bodies(self, batch: Sequence[Listed]) -> dict[int, bytes]:
        """The bytes of each mail that the server gives; those of others are missing."""
        expected = sum(entry.size or self.max_bytes for entry in batch)
        with self._talk(expected):
            found = self.client.fetch([entry.uid for entry in batch], ["BODY.PEEK[]"])
        return {uid: body for uid, answer in found.items() if isinstance(body := answer.get(b"BODY[]"), bytes)}

    def head(self, uid: int) -> bytes | None:
        """The header block, at most `HEAD_BYTES` of it; None where the server does not give it."""
        with self._talk(HEAD_BYTES):
            answer = self.client.fetch([uid], [f"BODY.PEEK[HEADER]<0.{HEAD_BYTES}>"]).get(uid, {})
        return next(
            (found for name, found in answer.items() if name[:5] == b"BODY[" and isinstance(found, bytes)), None
        )

    # Changing: only what is stored already.

    def mark_seen(self, uids: Sequence[int]) -> None:
        """Mark as read."""
        with self._talk():
            self.client.add_flags(uids, [SEEN], silent=True)

    def delete(self, uids: Sequence[int]) -> None:
        """Delete. Without UIDPLUS (RFC 4315) they are only marked: EXPUNGE would take what others have marked too."""
        with self._talk():
            self.client.add_flags(uids, [DELETED], silent=True)
            if self.client.has_capability("UIDPLUS"):
                self.client.uid_expunge(uids)

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Move to another folder, made where it is missing; by copying where the server lacks MOVE (RFC 6851)."""
        try:
            self._move(uids, folder)
        except Declined:
            with self._talk():
                self.client.create_folder(folder)
            self._move(uids, folder)

    def _move(self, uids: Sequence[int], folder: str) -> None:
        with self._talk():
            if self.client.has_capability("MOVE"):
                self.client.move(uids, folder)
                return
            self.client.copy(uids, folder)
        self.delete(uids)

    # Waiting.

    def begin_idle(self) -> bool:
        """Ask the server to tell of news (RFC 2177). False where it cannot. Raises `Broken`."""
        try:
            with self._talk():
                if not self.client.has_capability("IDLE"):
                    return False
                self.client.idle()
        except Declined as refusal:
            raise Broken(f"IDLE was answered with {refusal}") from refusal
        return True

    def end_idle(self) -> None:
        """Stop waiting; whatever the server told meanwhile is read and dropped, since SELECT tells it again."""
        with self._talk():
            self.client.idle_done()

    @contextmanager
    def _talk(self, expected: int = 0) -> Iterator[None]:
        """Bound one command, `expected` bytes long, and say in our words how it failed."""
        if self._is_cut:
            raise Broken("we have ended the connection")
        if self._client is not None:
            self._client.wire.literal_bytes = int(self.max_bytes * LARGER) + HEAD_BYTES
            self._client.wire.allow(2 * self.account.timeout_seconds + expected / SLOWEST)
        try:
            yield
        except IMAP4.abort as error:
            raise Broken(_plain(error), self._place()) from error
        except IMAP4.error as error:
            raise Declined(_plain(error)) from error
        except ChannelError:
            raise
        except OSError as error:
            raise Broken(f"{type(error).__name__}: {_plain(error)}", self._place()) from error
        except Exception as error:  # whatever a server's nonsense makes the library raise
            raise Broken(f"an answer that cannot be read ({type(error).__name__})", self._place()) from error

    def _place(self) -> int:
        return self._client.wire.received if self._client is not None else 0


def _listed(uid: int, answer: dict[bytes, Any]) -> Listed:
    size, arrived = answer.get(b"RFC822.SIZE"), answer.get(b"INTERNALDATE")
    # The library hands over local time without a zone.
    return Listed(
        uid,
        size if isinstance(size, int) else 0,
        arrived.astimezone(UTC) if isinstance(arrived, datetime) else None,
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _plain(error: BaseException) -> str:
    """The reason on one short line, in the server's words without the library's quotes."""
    text = _QUOTED.sub(r"\1", " ".join(str(error).split()))
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]
