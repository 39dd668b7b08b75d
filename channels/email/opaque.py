"""Mail that is signed as a whole (S/MIME 'signed-data', RFC 8551 §3.5.2): the CMS bytes in, the mail inside out.

Such mail is readable to everybody: it is wrapped, not encrypted. The signature is not verified. Only the way to the
content is followed (RFC 5652 §5), in BER as well as in DER (ITU-T X.690 §8.1), and nothing raises.
"""

from __future__ import annotations

from typing import NamedTuple

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")
_SEQUENCE, _SET, _INTEGER, _EXPLICIT = 0x30, 0x31, 0x02, 0xA0
_OCTETS, _OCTETS_IN_PIECES = 0x04, 0x24
_MAX_PIECES = 100_000


class _Value(NamedTuple):
    """One BER value: where its content begins, and where it ends (the end of the data where no length is given)."""

    tag: int
    start: int
    stop: int
    open: bool
    """Its length is not given; two zero bytes end it."""


def content(data: bytes) -> bytes:
    """What was signed; b'' where `data` is no signed-data, or does not hold it."""
    wrapper = _expect(data, 0, _SEQUENCE)
    if wrapper is None or not data.startswith(_SIGNED_DATA, wrapper.start):
        return b""
    explicit = _expect(data, wrapper.start + len(_SIGNED_DATA), _EXPLICIT)
    signed = _expect(data, explicit.start, _SEQUENCE) if explicit else None
    version = _expect(data, signed.start, _INTEGER) if signed else None
    algorithms = _expect(data, version.stop, _SET) if version else None
    inner = _expect(data, algorithms.stop, _SEQUENCE) if algorithms and not algorithms.open else None
    if inner is None or not data.startswith(_DATA, inner.start):
        return b""
    held = _expect(data, inner.start + len(_DATA), _EXPLICIT)
    return _octets(data, held.start) if held else b""


def _expect(data: bytes, place: int, tag: int) -> _Value | None:
    value = _value(data, place)
    return value if value and value.tag == tag else None


def _value(data: bytes, place: int) -> _Value | None:
    """The value at `place`; None where none can be read. One that is cut off ends with the data."""
    if place + 2 > len(data):
        return None
    tag, length = data[place], data[place + 1]
    start = place + 2
    if length == 0x80:
        return _Value(tag, start, len(data), open=True)
    if length > 0x80:
        digits = data[start : start + length - 0x80]
        start += length - 0x80
        length = int.from_bytes(digits[:8], "big") if len(digits) <= 8 else len(data)
    return _Value(tag, start, min(start + length, len(data)), open=False)


def _octets(data: bytes, place: int) -> bytes:
    """An octet string, which may come in pieces (X.690 §8.7.3)."""
    value = _value(data, place)
    if value is None or value.tag not in (_OCTETS, _OCTETS_IN_PIECES):
        return b""
    if value.tag == _OCTETS:
        return data[value.start : value.stop]
    pieces: list[bytes] = []
    place = value.start
    while place < value.stop and len(pieces) < _MAX_PIECES:
        piece = _expect(data, place, _OCTETS)
        if piece is None:
            break
        pieces.append(data[piece.start : piece.stop])
        place = piece.stop
    return b"".join(pieces)
