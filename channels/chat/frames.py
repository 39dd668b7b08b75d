"""The frames of the protocol, as docs/chat.md describes them: JSON objects with a `type`.

`read` gives one of the browser's frames, or raises `FrameError` with its code. `wire` gives ours as bytes. Pure.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

LONGEST_FRAME = 65_536
"""Bytes; a longer one closes the connection with 1009."""
LONGEST_TEXT = 10_000
"""Characters of a line."""
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A line's number; larger ones the database has never given."""
ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class FrameError(ValueError):
    """A frame that is none. Its text is the code."""


class Hello(msgspec.Struct, tag_field="type", tag="hello", frozen=True):
    """The first frame: who it is, and what the window has."""

    token: str = ""
    identity: str = ""
    after: Number = 0
    """Number of the last line that the window has."""
    language: str = ""
    page: str = ""


class Say(msgspec.Struct, tag_field="type", tag="say", frozen=True):
    """A line. The same id again is the same line."""

    id: str
    text: str


class Who(msgspec.Struct, tag_field="type", tag="who", frozen=True):
    """Name and address, as typed."""

    name: str = ""
    email: str = ""


class Seen(msgspec.Struct, tag_field="type", tag="seen", frozen=True):
    """All lines up to `number` were on the screen."""

    number: Number


class Typing(msgspec.Struct, tag_field="type", tag="typing", frozen=True):
    """The visitor types."""


class Since(msgspec.Struct, tag_field="type", tag="since", frozen=True):
    """Send the lines beyond `after` again."""

    after: Number


class Ping(msgspec.Struct, tag_field="type", tag="ping", frozen=True):
    """Asks for a sign of life."""


Frame = Hello | Say | Who | Seen | Typing | Since | Ping
_decode = msgspec.json.Decoder(Frame).decode
_encode = msgspec.json.Encoder().encode


class Polled(msgspec.Struct, frozen=True):
    """The body of the HTTP fallback: a hello, further frames, and how long to wait for news (seconds)."""

    hello: Hello
    frames: list[Frame] = []
    wait: float = 0.0


_decode_polled = msgspec.json.Decoder(Polled).decode


def read(data: bytes | str) -> Frame:
    """One frame of the browser's. Raises `FrameError`."""
    try:
        frame: Frame = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, RecursionError) as error:
        raise FrameError("malformed") from error
    return frame


def read_polled(data: bytes) -> Polled:
    """The body of the fallback. Raises `FrameError`."""
    try:
        return _decode_polled(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("malformed") from error


def is_id(text: str) -> bool:
    """Whether a line may be called so."""
    return ID.fullmatch(text) is not None


def wire(frame: dict[str, Any]) -> bytes:
    """One frame of ours."""
    return _encode(frame)


def ack(line_id: str, at: datetime) -> dict[str, Any]:
    """The line is stored."""
    return {"type": "ack", "id": line_id, "at": at}


def later(line_id: str, seconds: float, code: str) -> dict[str, Any]:
    """The line is not stored: send it again, and what follows it after it. Codes: busy, slow, order."""
    return {"type": "later", "id": line_id, "seconds": seconds, "code": code}


def error(code: str, line_id: str = "", limit: int = 0) -> dict[str, Any]:
    """The frame was refused, for good. Codes: malformed, binary, blank, long, id, email, stranger, hello, large."""
    return {"type": "error", "code": code, "id": line_id, "limit": limit}
