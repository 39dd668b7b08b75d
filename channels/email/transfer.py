"""Content-Transfer-Encoding: encoded bytes in, decoded bytes out (RFC 2045 §6). Nothing raises; unknown means 8bit."""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

from channels.email import uuencode

MAX_PIECES = 10_000
"""Padded pieces of base64 that are joined; what follows is decoded as one."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64_LINES = _BASE64 + b"=\r\n\t"
_BASE64_START = re.compile(rb"[A-Za-z0-9+/=\s]*")
_NOT_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64)
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
    if encoding in ("quoted-printable", "quotedprintable", "quoted"):
        return Decoded(quoted_printable(data))
    if encoding in ("base64", "base-64", "b64", "x-base64"):
        return base64(data)
    if encoding in ("uuencode", "x-uuencode", "x-uue", "uue", "x-uu"):
        found = uuencode.find(data)
        return Decoded(found[0].content) if found else Decoded(data, sound=False)
    return Decoded(data)


def quoted_printable(data: bytes) -> bytes:
    """Broken escapes stay as they are (RFC 2045 §6.7, robustness notes)."""
    if b"=" not in data:
        return data
    if _SPACED.search(data):
        data = _SOFT_BREAK.sub(b"=", data)
    if b"=\r" in data and _BARE_CR.search(data):
        # binascii takes '=\r' for a soft break that lasts up to the next '\n'.
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return binascii.a2b_qp(data)


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
