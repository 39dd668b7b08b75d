"""Finds the end of one message in the bytes that arrive after DATA. Pure: no socket, no clock of its own.

In goes a buffer that somebody else lets grow; out comes the message, byte-exact, without its dot stuffing. Only
CRLF "." CRLF ends it (RFC 5321 §4.1.1.4): LF.LF, CR.CR and their like are content, so nothing can be smuggled in
behind them. Bare CR, bare LF and NUL are kept. May raise `EndlessLine` and `Flood`; `Pace` raises `TooSlow`.
"""

from __future__ import annotations

from channels.email.wire import LONGEST_LINE, EndlessLine

END = b"\r\n.\r\n"
WINDOW_SECONDS = 30.0
BLOCK_SECONDS = 180.0


class Flood(ValueError):
    """More than twice the size limit was sent."""


class TooSlow(TimeoutError):
    """The sender stays below the least rate, or fell silent inside a message."""


class Content:
    """One message's data, read in place at the front of `buffer`.

    Over `limit` bytes it stops keeping anything and only looks for the end, up to twice the limit, so that the
    sender can be told; the buffer then never holds more than one chunk.
    """

    def __init__(self, buffer: bytearray, limit: int, longest_line: int = LONGEST_LINE) -> None:
        self._buffer = buffer
        self._limit = limit
        self._longest_line = longest_line
        self._started = False
        self._scanned = 0
        self._line = 0
        self._dropped = 0
        self._end = -1
        self.too_large = False

    @property
    def received(self) -> int:
        """Bytes seen so far."""
        return self._dropped + len(self._buffer)

    def complete(self) -> bool:
        """Look at what arrived since the last call: is the message complete? Raises `EndlessLine` or `Flood`."""
        buffer = self._buffer
        if self._end >= 0:
            return True
        if not self._started:
            if len(buffer) < 3:
                return False
            self._started = True
            if buffer.startswith(b".\r\n"):  # the CRLF before the dot is the one that ended the DATA command
                self._end = 0
                return True
        found = buffer.find(END, self._scanned)
        self._end = found + 2 if found >= 0 else -1
        self._check_lines(self._end if found >= 0 else len(buffer))
        if found >= 0:
            self.too_large = self.too_large or self._end > self._limit
            return True
        self._scanned = max(0, len(buffer) - len(END) + 1)
        if self.too_large or len(buffer) > self._limit + len(END):
            self._shed()
        return False

    def take(self) -> bytes:
        """Remove the message and its end from the buffer. Empty where it was too large."""
        end = self._end
        if self.too_large:
            del self._buffer[: end + 3]
            return b""
        with memoryview(self._buffer) as view:
            content = bytes(view[:end])
        del self._buffer[: end + 3]
        if b"\r\n." in content or content.startswith(b"."):  # RFC 5321 §4.5.2: the first dot of a line goes
            content = (b"\r\n" + content).replace(b"\r\n.", b"\r\n")[2:]
        return content

    def _shed(self) -> None:
        self.too_large = True
        gone = len(self._buffer) - len(END) + 1
        if gone > 0:
            del self._buffer[:gone]
            self._dropped += gone
            self._scanned = 0
            self._line = max(0, self._line - gone)
        if self._dropped > 2 * self._limit:
            raise Flood

    def _check_lines(self, until: int) -> None:
        """Jump from line end to line end in strides of the longest allowed line: O(bytes) at worst, mostly O(1)."""
        while until - self._line > self._longest_line:
            found = self._buffer.rfind(b"\n", self._line, self._line + self._longest_line)
            if found < 0:
                raise EndlessLine
            self._line = found + 1


class Pace:
    """The least that a sender must do: `rate` bytes a second over each window, and no silence longer than a block.

    All times are in the event loop's time.
    """

    def __init__(self, now: float, rate: int, window: float = WINDOW_SECONDS, block: float = BLOCK_SECONDS) -> None:
        self._least = int(rate * window)
        self._window = window
        self._block = block
        self._until = now + window
        self._counted = 0
        self._heard = now

    @property
    def deadline(self) -> float:
        """When `check` is due if nothing arrives before."""
        return min(self._until, self._heard + self._block) if self._least else self._heard + self._block

    def check(self, now: float, received: int) -> None:
        """Judge at `now` with `received` bytes in all. Raises `TooSlow`."""
        if received > self._counted and not self._least:
            self._heard, self._counted = now, received
        if now > self._heard + self._block:
            raise TooSlow
        if self._least and now >= self._until:
            if received - self._counted < self._least:
                raise TooSlow
            self._until, self._counted, self._heard = now + self._window, received, now
