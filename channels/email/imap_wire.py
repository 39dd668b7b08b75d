"""The bytes of an IMAP connection, bounded: no literal, line, answer or silence is endless.

Enters: what a server sends, hostile or broken ones included. Leaves: an `IMAPClient` that reads through `Wire`. May
fail: `IMAP4.abort` (the connection is of no more use), `OSError` and its `TimeoutError`, as the library does itself.

The library reads a literal of any announced size into memory, and bounds each read but not their sum, so that a server
which drips a byte a minute holds it for ever; and it hides what it has read ahead, so that news which came in one
packet with the answer to IDLE would lie there unseen.
"""

from __future__ import annotations

import imaplib
import socket
import time
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.imap4 import IMAP4WithTimeout
from imapclient.tls import IMAP4_TLS

LINE_BYTES = 4_000_000
"""Of an answer's line: a SEARCH that finds 400,000 mails is one."""
CHUNK = 65_536


class Wire(imaplib.IMAP4):
    """Reads for imaplib, which names these methods overridable."""

    literal_bytes: int = CHUNK
    """A longer literal ends the connection."""
    received: int = 0
    """Bytes since the last command."""

    def __init__(self, *arguments: Any, silence_seconds: float) -> None:
        self.silence_seconds = silence_seconds
        """Without a byte for so long, the server counts as gone."""
        self._ahead = bytearray()
        self.allow(2 * silence_seconds)  # for the greeting, which the library waits for when it connects
        super().__init__(*arguments)

    def allow(self, seconds: float) -> None:
        """The next answer must be complete in so many seconds."""
        self._deadline = time.monotonic() + seconds
        self.received = 0

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes: a literal."""
        if size > self.literal_bytes:
            raise self.abort(f"a literal of {size} bytes, where {self.literal_bytes} are the most")
        while len(self._ahead) < size:
            self._more(max(CHUNK, size - len(self._ahead)))
        return self._take(size)

    def readline(self) -> bytes:
        """Up to and with the next LF."""
        searched = 0
        while (end := self._ahead.find(b"\n", searched)) < 0:
            searched = len(self._ahead)
            if searched > LINE_BYTES:
                raise self.abort(f"a line of more than {LINE_BYTES} bytes")
            self._more(CHUNK)
        return self._take(end + 1)

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._ahead)[:size])
        del self._ahead[:size]
        return taken

    def _more(self, most: int) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self.sock.settimeout(min(left, self.silence_seconds))
        chunk = self.sock.recv(min(most, 1 << 20))
        if not chunk:
            raise self.abort("the server closed the connection")
        self.received += len(chunk)
        self._ahead += chunk

    def starttls(self, ssl_context: Any = None) -> Any:
        """Begin TLS. What came in clear after the server's yes was not said by the server (CVE-2021-38371 and kin)."""
        answer = super().starttls(ssl_context=ssl_context)
        if self._ahead:
            raise self.abort("plain text after STARTTLS")
        return answer

    @property
    def waiting(self) -> bool:
        """Whether bytes are here already that nobody has looked at."""
        pending = getattr(self.sock, "pending", None)
        return bool(self._ahead) or bool(pending is not None and pending())

    def cut(self) -> None:
        """End the connection at once, whoever is reading from it in another thread."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was gone already


class _Plain(Wire, IMAP4WithTimeout):
    """Without TLS from the start."""


class _Tls(Wire, IMAP4_TLS):
    """With TLS from the start."""


class Client(IMAPClient):
    """The library's client over a `Wire`."""

    _imap: Wire

    def __init__(self, host: str, port: int, *, connect_seconds: float, silence_seconds: float, tls: Any) -> None:
        self._silence_seconds = silence_seconds
        super().__init__(
            host, port, ssl=tls is not None, ssl_context=tls, timeout=SocketTimeout(connect_seconds, silence_seconds)
        )
        self._imap.debug = 0  # the library formats every line for its log, wanted or not

    def _create_IMAP4(self) -> Wire:  # noqa: N802 - the library's name
        silence_seconds, connect_seconds = self._silence_seconds, self._timeout.connect
        if self.ssl:
            return _Tls(self.host, self.port, self.ssl_context, connect_seconds, silence_seconds=silence_seconds)
        return _Plain(self.host, self.port, connect_seconds, silence_seconds=silence_seconds)

    @property
    def wire(self) -> Wire:
        """The connection."""
        return self._imap
