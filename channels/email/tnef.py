"""winmail.dat: Outlook's TNEF stream in, the files and the body inside out ([MS-OXTNEF]). Bounded, nothing raises.

Only what a reader needs is taken: attached files with their names, and the message text or HTML. Compressed RTF is
left alone. A stream that breaks off gives what was complete.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from channels.email import charset

MAX_FILES = 200
MAX_PROPERTIES = 10_000

_SIGNATURE = b"\x78\x9f\x3e\x22"
_RENDER_DATA, _ATTACH_TITLE, _ATTACH_DATA, _ATTACH_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_BODY, _MESSAGE_PROPERTIES, _CODE_PAGE = 0x800C, 0x9003, 0x9007

_PR_BODY, _PR_HTML = 0x1000, 0x1013
_PR_DATA, _PR_FILENAME, _PR_LONG_FILENAME, _PR_MIME_TYPE, _PR_CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
_PT_STRING8, _PT_UNICODE, _PT_OBJECT, _PT_BINARY = 0x001E, 0x001F, 0x000D, 0x0102
_WIDTHS = {0x0002: 4, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x000B: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x0014: 8,
           0x0040: 8, 0x0048: 16}  # fmt: skip
"""Bytes that a value of a fixed-size property type takes, padding included."""


class File(NamedTuple):
    """An attached file."""

    filename: str
    content_type: str
    content: bytes
    content_id: str


class Contents(NamedTuple):
    """What a TNEF stream holds."""

    files: tuple[File, ...]
    text: str
    html: str


def unpack(data: bytes) -> Contents | None:
    """The contents of a TNEF stream; None where `data` is none."""
    if not data.startswith(_SIGNATURE):
        return None
    page, text, html = "cp1252", "", ""
    files: list[dict[int, bytes]] = []
    for attribute, value in _attributes(data):
        if attribute == _CODE_PAGE and len(value) >= 4:
            page = f"windows-{struct.unpack_from('<I', value)[0]}"
        elif attribute == _BODY:
            text = charset.decode(value.rstrip(b"\0"), page)
        elif attribute == _MESSAGE_PROPERTIES:
            found = dict(_properties(value, page))
            text = charset.decode(found.get(_PR_BODY, b""), "utf-8") or text
            html = charset.decode(found.get(_PR_HTML, b""), "" if found.get(_PR_HTML, b"").isascii() else page)
        elif attribute == _RENDER_DATA and len(files) < MAX_FILES:
            files.append({})
        elif files:
            _file_attribute(files[-1], attribute, value, page)
    return Contents(tuple([_file(found) for found in files if found.get(_PR_DATA)]), text, html)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Level, id, length, value, checksum, one after the other ([MS-OXTNEF] §2.1.1)."""
    position = 6
    while position + 9 <= len(data):
        attribute, length = struct.unpack_from("<HxxI", data, position + 1)
        position += 9
        if position + length > len(data):
            return
        yield attribute, data[position : position + length]
        position += length + 2


def _file_attribute(found: dict[int, bytes], attribute: int, value: bytes, page: str) -> None:
    if attribute == _ATTACH_TITLE:
        found[_PR_FILENAME] = charset.decode(value.rstrip(b"\0"), page).encode("utf-8", "replace")
    elif attribute == _ATTACH_DATA:
        found[_PR_DATA] = value
    elif attribute == _ATTACH_PROPERTIES:
        for name, content in _properties(value, page):
            if name != _PR_DATA or _PR_DATA not in found:
                found[name] = content


def _file(found: dict[int, bytes]) -> File:
    name = found.get(_PR_LONG_FILENAME) or found.get(_PR_FILENAME, b"")
    return File(
        name.decode("utf-8", "replace"),
        found.get(_PR_MIME_TYPE, b"").decode("utf-8", "replace").lower() or "application/octet-stream",
        found[_PR_DATA],
        found.get(_PR_CONTENT_ID, b"").decode("utf-8", "replace").strip("<>"),
    )


def _properties(data: bytes, page: str) -> Iterator[tuple[int, bytes]]:
    """The properties of a MAPI property list that are strings (as UTF-8) or bytes ([MS-OXTNEF] §2.1.3.4)."""
    position = 4
    for _ in range(MAX_PROPERTIES):
        if position + 4 > len(data):
            return
        kind, name = struct.unpack_from("<HH", data, position)
        position += 4
        if name >= 0x8000:
            position = _after_name(data, position)
        multiple, kind = bool(kind & 0x1000), kind & 0x0FFF
        if kind in _WIDTHS and not multiple:
            position += _WIDTHS[kind]
            continue
        values, position = _values(data, position, kind, counted=multiple or kind not in _WIDTHS)
        if position < 0:
            return
        if values and kind in (_PT_STRING8, _PT_UNICODE, _PT_OBJECT, _PT_BINARY):
            yield name, _plain(values[0], kind, page)


def _after_name(data: bytes, position: int) -> int:
    """Past the GUID and the number or string that name a property above 0x8000."""
    if position + 24 > len(data):
        return len(data)
    kind, length = struct.unpack_from("<II", data, position + 16)
    return position + 24 + ((length + 3) // 4 * 4 if kind else 0)


def _values(data: bytes, position: int, kind: int, *, counted: bool) -> tuple[list[bytes], int]:
    """The values of a counted property and the offset after it; -1 where the stream breaks off."""
    if not counted or position + 4 > len(data):
        return [], -1
    (count,) = struct.unpack_from("<I", data, position)
    position += 4
    if kind in _WIDTHS:
        return [], position + count * _WIDTHS[kind]
    values: list[bytes] = []
    for _ in range(min(count, MAX_PROPERTIES)):
        if position + 4 > len(data):
            return values, -1
        (length,) = struct.unpack_from("<I", data, position)
        position += 4
        if position + length > len(data):
            return values, -1
        values.append(data[position : position + length])
        position += (length + 3) // 4 * 4
    return values, position


def _plain(value: bytes, kind: int, page: str) -> bytes:
    if kind == _PT_UNICODE:
        return value.decode("utf-16-le", "replace").rstrip("\0").encode("utf-8", "replace")
    if kind == _PT_STRING8:
        return charset.decode(value.rstrip(b"\0"), page).encode("utf-8", "replace")
    return value[16:] if kind == _PT_OBJECT else value  # an object begins with the GUID of its interface
