"""Files that stand yEnc-encoded in a text (`=ybegin … =yend`, yEnc draft 1.3): bytes in, files out. Nothing raises."""

from __future__ import annotations

import re

from channels.email.uuencode import MAX_FILES, Embedded

_BEGIN = re.compile(
    rb"^=ybegin (?:part=\d+ )?(?:total=\d+ )?line=\d+ size=(\d{1,12}) name=([^\r\n]{1,255})\r?\n", re.MULTILINE
)
_PART = re.compile(rb"=ypart begin=(\d{1,12}) end=(\d{1,12})[^\r\n]*\r?\n")
_END = re.compile(rb"\r?\n=yend [^\r\n]*")
_PIECE = 262_144
"""Bytes that are decoded at a time: a list of what stands between the escapes takes many times as much memory."""
_SHIFTED = bytes((byte - 42) % 256 for byte in range(256))
_ESCAPED = bytes((byte - 42 - 64) % 256 for byte in range(256))


def find(data: bytes) -> list[Embedded]:
    """Every file in `data` (or part of one) that is as long as it says; what is not stays text."""
    files: list[Embedded] = []
    position = 0
    for _ in range(MAX_FILES if b"=ybegin " in data else 0):
        begin = _BEGIN.search(data, position)
        end = _END.search(data, begin.end() - 1) if begin else None
        if begin is None or end is None:
            break
        position = begin.end()
        part = _PART.match(data, position)
        size = int(part[2]) - int(part[1]) + 1 if part else int(begin[1])
        content = _decoded(data[part.end() if part else position : end.start()])
        if len(content) == size:
            position = end.end()
            files.append(Embedded(begin[2].strip(), content, begin.start(), position))
    return files


def _decoded(lines: bytes) -> bytes:
    """Each byte is 42 too large; the one after a '=' is 64 larger still."""
    data = lines.translate(None, b"\r\n")
    done: list[bytes] = []
    position = 0
    while position < len(data):
        stop = position + _PIECE
        stop += data[stop - 1 : stop] == b"="  # what a '=' belongs to comes with it
        first, *others = data[position:stop].split(b"=")
        escaped = [piece[:1].translate(_ESCAPED) + piece[1:].translate(_SHIFTED) for piece in others]
        done.append(first.translate(_SHIFTED) + b"".join(escaped))
        position = stop
    return b"".join(done)
