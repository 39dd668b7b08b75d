"""Files that stand uuencoded in a text (`begin 644 name` … `end`, POSIX): bytes in, files out. Nothing raises."""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

MAX_FILES = 50
_BEGIN = re.compile(rb"^begin(-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?\n", re.MULTILINE)
_FIRST_LINE = re.compile(rb"[\x20-\x60]*\r?(?:\n|$)")
_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)


class Embedded(NamedTuple):
    """A file within a text, and where its lines stand."""

    name: bytes
    content: bytes
    start: int
    stop: int


def find(data: bytes) -> list[Embedded]:
    """Every uuencoded file in `data` that is complete and decodes; prose that merely begins with "begin" is left."""
    files: list[Embedded] = []
    position = 0
    end: re.Match[bytes] | None = None
    for _ in range(MAX_FILES if b"begin" in data else 0):
        begin = _BEGIN.search(data, position)
        if begin and (end is None or end.start() < begin.end()):
            end = _END.search(data, begin.end())
        if begin is None or end is None:
            break
        position = begin.end()
        content = _decoded(data[position : end.start()], base64=begin[1] is not None)
        if content is not None:
            position = end.end()
            files.append(Embedded(begin[2].strip(), content, begin.start(), position))
    return files


def _decoded(lines: bytes, *, base64: bool) -> bytes | None:
    if base64:
        return _base64(lines)
    if not _FIRST_LINE.match(lines):
        return None
    pieces: list[bytes] = []
    for line in lines.splitlines():
        if not line or line in (b"`", b" "):
            continue
        piece = _line(line)
        if piece is None:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _line(line: bytes) -> bytes | None:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        size = ((line[0] - 32) & 63) * 4 // 3 + 4
    if not 32 <= line[0] <= 96:
        return None
    try:
        return binascii.a2b_uu(line[:size])  # some encoders append a checksum to each line
    except binascii.Error:
        return None


def _base64(lines: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(lines)
    except binascii.Error:
        return None
