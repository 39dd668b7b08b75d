"""Content-Transfer-Encoding: encoded bytes in, decoded bytes out (RFC 2045 §6). Nothing raises; unknown means 8bit."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from channels.email import uuencode

MAX_PIECES = 10_000
"""Padded pieces of base64 that are joined; what follows is decoded as one."""

PIECE = 262_144
"""Bytes that are worked on at a time where that takes many times as much memory."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64_LINES = _BASE64 + b"=\r\n\t"
_BASE64_START = re.compile(rb"[A-Za-z0-9+/=\s]*")
_NOT_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64)
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_PADDED = re.compile(rb"=+")
_BARE_CR = re.compile(rb"\r(?!\n)")
_SPACED = re.compile(rb"=[ \t]")
_SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")


class Decoded(NamedTuple):
    """What a part's bytes became."""

    content: bytes
    sound: bool = True
    """False where the bytes are not in the encoding that they claim; `content` is then the bytes as they came."""
    rest: bytes = b""
    """What stood after the encoded data: a footer that a mailing list put there."""


def decode(data: bytes, encoding: str) -> Decoded:
    """`data` out of `encoding` (the Content-Transfer-Encoding value, lower case, without comments)."""
    kind = name_of(encoding)
    if kind == "quoted-printable":
        return Decoded(quoted_printable(data))
    if kind == "base64":
        return base64(data)
    if kind == "uuencode":
        found = uuencode.find(data)
        return Decoded(found[0].content) if found else Decoded(data, sound=False)
    return Decoded(data)


@lru_cache(maxsize=128)
def name_of(encoding: str) -> str:
    """What `encoding` means, however it is spelt: 'quoted-printable', 'base64', 'uuencode'; '' for no encoding."""
    letters = _NO_LETTER.sub("", encoding[:40].lower()).removeprefix("x")
    if letters.startswith("quote") or letters == "qp":
        return "quoted-printable"
    if letters in ("base64", "b64"):
        return "base64"
    return "uuencode" if letters in ("uuencode", "uue", "uu") else ""


def quoted_printable(data: bytes) -> bytes:
    """Broken escapes stay as they are (RFC 2045 §6.7, robustness notes)."""
    if b"=" not in data:
        return data
    if _SPACED.search(data):
        data = b"".join([_SOFT_BREAK.sub(b"=", piece) for piece in _in_pieces(data)])
    if b"=\r" in data and _BARE_CR.search(data):
        # binascii takes '=\r' for a soft break that lasts up to the next '\n'.
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return binascii.a2b_qp(data)


def _in_pieces(data: bytes) -> Iterator[bytes]:
    """`data` in pieces that end with a line: a substitution keeps all that it left until it is done."""
    position = 0
    while position < len(data):
        stop = data.find(b"\n", position + PIECE) + 1 or len(data)
        yield data[position:stop]
        position = stop


def base64(data: bytes) -> Decoded:
    """Repairs padding, joins pieces that were padded one by one, ignores stray characters, splits off a footer."""
    junk = data.translate(None, _BASE64_LINES)
    if not junk:
        return Decoded(_pieces(data))
    if len(junk) * 20 <= len(data):
        return Decoded(_pieces(data)) if b"=" in data else Decoded(_repaired(data))
    start = _BASE64_START.match(data)
    sound = data.rfind(b"\n", 0, start.end() if start else 0) + 1
    if sound * 4 < len(data) or b" " in data[:sound].strip():
        return Decoded(data, sound=False)
    return Decoded(_pieces(data[:sound]), rest=data[sound:])


def _pieces(data: bytes) -> bytes:
    """RFC 2045 §6.8 ends the data at the padding, but some senders encode block by block and join the results."""
    first = data.find(b"=")
    if first >= 0 and data[first:].strip(b"=\r\n\t "):
        return b"".join([_repaired(piece) for piece in _PADDED.split(data, MAX_PIECES)])
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        return _repaired(data)


def _repaired(data: bytes) -> bytes:
    data = data.translate(None, _NOT_BASE64)
    data = data[:-1] if len(data) % 4 == 1 else data
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
