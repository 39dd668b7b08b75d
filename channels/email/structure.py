"""The MIME tree: bytes in, nested entities with offsets out (RFC 2046 §5.1). Nothing raises.

One walk over the lines that begin with "--", with a stack of the open multiparts, so that time is linear in the size
and does not depend on depth. An outer delimiter closes whatever is open inside; missing closing delimiters, spaces
after a delimiter and a missing or wrong boundary parameter are survived. Attached messages are leaves: never entered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from channels.email import headers, parameters
from channels.email.mail import Headers

MAX_DEPTH = 50
MAX_LEAVES = 200
MAX_STRANGE_LINES = 500_000
"""Lines that begin with "--" and delimit nothing; after so many the rest belongs to the part that is open."""
SHORT_BLOCK = 400
"""Bytes of a part's header block that is remembered for the next part that has the same."""
PART_WINDOW = 65_536
"""Bytes within which the header block of a part must end …"""
ALL_WINDOWS = 524_288
"""… as long as those of all parts together stay below this; then within MIN_WINDOW."""
MIN_WINDOW = 1_024

_MAX_DELIMITER = 300
_GUESSED_BOUNDARY = re.compile(rb"\n--([^\r\n]{1,200}?)[ \t]*\r?\n(?=content-|\r?\n)", re.IGNORECASE)
_LOST_TYPE = re.compile(rb"\s{0,20}--[^\r\n]{1,200}\r?\ncontent-type:", re.IGNORECASE)
"""The body of a multipart whose header lost its Content-Type on the way."""
_NEAR = 1_048_576
_NO_HEADERS = Headers()


class Described(NamedTuple):
    """What the fields of a part say about it. The dictionaries are shared between parts and not to be changed."""

    headers: Headers
    content_type: str
    """'' where none can be read."""
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    encoding: str


class Entity:
    """A message or part: its headers, its place in `source`, and its children where it is a multipart."""

    __slots__ = (
        "body", "children", "content_type", "depth", "disposition", "disposition_parameters", "encoding", "headers",
        "parameters", "parent", "source", "start", "stop",
    )  # fmt: skip

    def __init__(self, source: bytes, start: int, body: int, described: Described, parent: Entity | None) -> None:
        self.source = source
        self.start = start
        self.body = body
        self.stop = len(source)
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.children: list[Entity] = []
        (
            self.headers,
            self.content_type,
            self.parameters,
            self.disposition,
            self.disposition_parameters,
            self.encoding,
        ) = described
        if "/" not in self.content_type:
            self.content_type = self._default_type()

    def _default_type(self) -> str:
        """RFC 2045 §5.2 and RFC 2046 §5.1.5; a bare 'text' or 'multipart', as old mailers write, keeps its kind."""
        if self.content_type == "multipart" or (not self.content_type and "boundary" in self.parameters):
            return "multipart/mixed"
        if not self.content_type and self.parent is None and _LOST_TYPE.match(self.source, self.body):
            return "multipart/mixed"
        digest = self.parent is not None and self.parent.content_type == "multipart/digest"
        return "message/rfc822" if digest and not self.content_type else "text/plain"

    @property
    def multipart(self) -> bool:
        """Whether children were found in it."""
        return bool(self.children)

    @property
    def raw(self) -> bytes:
        """The body as it came, still in its transfer encoding."""
        return self.source[self.body : max(self.body, self.stop)]

    def leaves(self) -> Iterator[Entity]:
        """All entities without children, in order."""
        waiting = [self]
        while waiting:
            entity = waiting.pop()
            if entity.children:
                waiting.extend(reversed(entity.children))
            else:
                yield entity


def describe(fields: Headers) -> Described:
    """What `fields` say about their part. Of repeated fields the first that says something counts."""
    content_type = disposition = encoding = ""
    about_type: dict[str, str] = {}
    about_disposition: dict[str, str] = {}
    for value in fields.all("content-type"):
        kind, found = parameters.parse(value)
        if not content_type or (kind.startswith("multipart/") and "boundary" not in about_type):
            content_type, about_type = kind, found
    for value in fields.all("content-disposition"):
        if not disposition:
            disposition, about_disposition = parameters.parse(value)
    for value in fields.all("content-transfer-encoding"):
        encoding = encoding or parameters.parse(value)[0]
    return Described(fields, content_type, about_type, disposition, about_disposition, encoding)


@lru_cache(maxsize=512)
def _described(block: bytes) -> Described | None:
    """`describe` for a whole header block: those of parts are short, and the same in mail after mail. None for others.

    `block` includes the blank line at its end. It is no whole header block where the body begins without one.
    """
    found = headers.read(block, 0, len(block))
    return describe(found.headers) if found.body == len(block) else None


class Tree:
    """The parsed message: `root`, and in `remarks` what had to be given up."""

    def __init__(self, source: bytes, *, depth: int = 0, leaf_count: int = 0) -> None:
        """Parse `source`, which is a part of another mail where it has a `depth`; that mail has `leaf_count` leaves."""
        self.source = source
        self.remarks: list[str] = []
        self.leaf_count = leaf_count
        self._window = ALL_WINDOWS
        self._open: list[tuple[Entity, bytes]] = []
        self._boundaries: dict[bytes, int] = {}
        """Where in `_open` the innermost multipart of each boundary stands."""
        start = headers.skip_preamble(source)
        block = headers.read(source, start, len(source))
        if block.cut:
            self.remarks.append("The headers are larger than 100 KB and were cut.")
        self.root = Entity(source, start, block.body, describe(block.headers), None)
        self.root.depth = depth
        self._walk(self.root)

    def _walk(self, entity: Entity) -> None:
        """Find the parts of `entity`, which is the root (or a part whose content had to be decoded first)."""
        if not self._enter(entity):
            return
        source, position, strange = self.source, max(entity.body - 1, 0), 0
        leaf: Entity | None = None
        while self._open and strange < MAX_STRANGE_LINES:
            mark = source.find(b"\n--", position)
            if mark < 0:
                break
            position = source.find(b"\n", mark + 3)
            position = len(source) if position < 0 else position
            place, closing = self._delimiter(mark + 3, position)
            if place < 0:
                strange += 1
                continue
            self._close(leaf, mark, place)
            leaf = None
            if closing:
                self._leave(place).stop = position
            elif self.leaf_count >= MAX_LEAVES:
                self.remarks.append(f"The mail has more than {MAX_LEAVES} parts; the rest was left unread.")
                return
            else:
                leaf = self._part(position, self._open[place][0])
                position = leaf.body - 1
                leaf = None if self._enter(leaf) else leaf
        if self._open:
            self.remarks.append("The mail ends before its last part is complete.")

    def _enter(self, entity: Entity) -> bool:
        """Open a multipart. False for leaves, and for multiparts that have no delimiter or lie too deep."""
        if not entity.content_type.startswith("multipart/"):
            return False
        if entity.depth >= MAX_DEPTH:
            self.remarks.append(f"Parts nested deeper than {MAX_DEPTH} levels were kept as one file.")
            return False
        boundary = entity.parameters.get("boundary", "").strip().encode("utf-8", "replace")
        near = None if entity.depth == 0 else entity.body + _NEAR
        if not boundary or self.source.find(b"--" + boundary, entity.body, near) < 0:
            found = _GUESSED_BOUNDARY.search(self.source, entity.body - 1, entity.body + PART_WINDOW)
            if found is None or found[1] in self._boundaries or found[1].removesuffix(b"--") in self._boundaries:
                return False
            boundary = found[1]
        self._open.append((entity, boundary))
        self._boundaries[boundary] = len(self._open) - 1
        return True

    def _delimiter(self, start: int, stop: int) -> tuple[int, bool]:
        """Which open multipart the line delimits (its place in `_open`, or -1), and whether it closes it."""
        if stop - start > _MAX_DELIMITER:
            return -1, False
        line = self.source[start:stop].rstrip()
        place = self._boundaries.get(line, -1)
        if place < 0 and line.endswith(b"--"):
            return self._boundaries.get(line[:-2].rstrip(), -1), True
        return place, False

    def _close(self, leaf: Entity | None, mark: int, place: int) -> None:
        """End the open leaf and all multiparts inside the one at `place`, where the line break at `mark` begins."""
        stop = mark - 1 if mark and self.source[mark - 1] == 0x0D else mark
        if leaf is not None:
            leaf.stop = stop
        while len(self._open) > place + 1:
            self._leave(len(self._open) - 1).stop = stop

    def _leave(self, place: int) -> Entity:
        """Close the multipart at `place`, the last one; an outer one of the same boundary is found again."""
        entity, boundary = self._open.pop()
        del self._boundaries[boundary]
        for outer in range(place - 1, -1, -1):
            if self._open[outer][1] == boundary:
                self._boundaries[boundary] = outer
                break
        return entity

    def _part(self, line_end: int, parent: Entity) -> Entity:
        """The part that begins behind the delimiter whose line ends at `line_end`."""
        start = min(line_end + 1, len(self.source))
        window = min(PART_WINDOW, max(self._window, MIN_WINDOW))
        body, described = self._short_block(start) or self._block(start, min(start + window, len(self.source)))
        self._window -= body - start
        part = Entity(self.source, start, body, described, parent)
        parent.children.append(part)
        self.leaf_count += not part.content_type.startswith("multipart/")
        return part

    def _short_block(self, start: int) -> tuple[int, Described] | None:
        """The body's offset and the fields of a part that has a short and usual header block."""
        end = headers.END.search(self.source, start - 1, start + SHORT_BLOCK)
        if end is None or end.start() <= start:
            return None
        block = self.source[start : end.end()]
        described = None if b"\n--" in block or block.startswith(b"--") else _described(block)
        return (end.end(), described) if described else None

    def _block(self, start: int, stop: int) -> tuple[int, Described]:
        """The body's offset and the fields of any part."""
        block = headers.read(self.source, start, stop)
        mark = self.source.find(b"\n--", start - 1, block.body)
        if mark >= 0:
            line_end = self.source.find(b"\n", mark + 3)
            if self._delimiter(mark + 3, line_end if line_end >= 0 else len(self.source))[0] >= 0:
                # The next delimiter follows without a blank line. (A delimiter may look like a field: '--=_1:2'.)
                block = (
                    headers.read(self.source, start, mark + 1) if mark >= start else headers.Block(_NO_HEADERS, start)
                )
        return block.body, describe(block.headers)
