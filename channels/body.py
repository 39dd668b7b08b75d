"""A request body becomes `Posted`: urlencoded, multipart or JSON, counted while it streams in, never touching a disk.

Raises `NotTaken`: malformed, large, many, slow or type. A connection that ends early is malformed too; nobody is left
to read that. Memory: one body of at most `body_bytes`, and all bodies being read together at most `Hold.most`.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    BodyPartReader,
    ClientError,
    MultipartReader,
    hdrs,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError

from channels.charset import decode
from channels.posted import NotTaken, Posted, Upload

TEXT_BYTES = 1_000_000
"""A body without files: parsing more than this would keep others waiting."""
FIELD_BYTES = 100_000
PARTS = 50
PAIRS = 200
CHUNK = 65_536
UNREADABLE = (
    HttpProcessingError,
    web.RequestPayloadError,
    ClientError,
    ConnectionError,
    ValueError,
    AssertionError,
    RuntimeError,
)
"""What aiohttp's readers raise for a body that is cut short, wrongly compressed or not multipart."""

# aiohttp warns in a stranger's words, and Python remembers every different warning for ever.
warnings.simplefilter("ignore", BadContentDispositionHeader)
warnings.simplefilter("ignore", BadContentDispositionParam)


class Limits(msgspec.Struct, frozen=True):
    """What one request may hold."""

    body_bytes: int
    seconds: float
    files: int


class Hold:
    """Counts the bytes of all bodies in memory, so that many large ones at once are put off instead of stored."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    @contextmanager
    def counting(self, request: web.Request, limits: Limits) -> Iterator[Count]:
        """Counts one request for as long as its bytes are in memory."""
        count = Count(self, request, limits)
        try:
            yield count
        finally:
            self._held -= count.bytes

    def take(self, size: int) -> None:
        """Add `size` bytes. Raises `NotTaken` when that is more than there is room for."""
        self._held += size
        if self._held > self._most:
            raise NotTaken("busy", "too many large requests at once")


class Count:
    """Bytes of one request so far, after decompression."""

    def __init__(self, hold: Hold, request: web.Request, limits: Limits) -> None:
        self.bytes = 0
        self._hold = hold
        self._most = limits.body_bytes
        if (request.content_length or 0) > self._most:
            raise NotTaken("large", f"the body may have {self._most} bytes")

    def add(self, size: int) -> None:
        """Count `size` more bytes. Raises `NotTaken` at a limit."""
        self.bytes += size
        self._hold.take(size)
        if self.bytes > self._most:
            raise NotTaken("large", f"the body may have {self._most} bytes")


async def read(request: web.Request, limits: Limits, count: Count) -> Posted:
    """Read and take apart the body of `request`. Raises `NotTaken`."""
    try:
        async with asyncio.timeout(limits.seconds):
            return await _by_type(request, limits, count)
    except TimeoutError as error:
        raise NotTaken("slow", f"the body was not complete after {limits.seconds:g} s") from error
    except UNREADABLE as error:
        raise NotTaken("malformed", f"the body cannot be read: {str(error)[:200] or type(error).__name__}") from error


async def _by_type(request: web.Request, limits: Limits, count: Count) -> Posted:
    """Dispatch on the media type."""
    match request.content_type:
        case "multipart/form-data":
            return await _multipart(request, limits, count)
        case "application/x-www-form-urlencoded":
            return _urlencoded(await _whole(request, count), request.charset or "")
        case "application/json":
            return _json(await _whole(request, count))
        case other:
            raise NotTaken("type", f"a form is posted as urlencoded, multipart/form-data or JSON, not as {other}")


async def _whole(request: web.Request, count: Count) -> bytes:
    """A body without files."""
    data = bytearray()
    async for chunk in request.content.iter_any():
        count.add(len(chunk))
        data += chunk
        if len(data) > TEXT_BYTES:
            raise NotTaken("large", f"a body without files may have {TEXT_BYTES} bytes")
    return bytes(data)


def _urlencoded(data: bytes, charset: str) -> Posted:
    """Read name=value pairs (WHATWG URL §5.1)."""
    pairs = [pair.replace(b"+", b" ").partition(b"=") for pair in data.split(b"&", PAIRS + 1) if pair]
    if len(pairs) > PAIRS:
        raise NotTaken("many", f"a form may have {PAIRS} fields")
    fields = [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]
    return _first_values(fields, charset or _said_in(fields))


def _said_in(fields: list[tuple[bytes, bytes]]) -> str:
    """The encoding that a `_charset_` field names (HTML §4.10.21.5), '' for none."""
    return next((value.decode("latin-1") for name, value in fields if name == b"_charset_"), "")


def _first_values(fields: list[tuple[bytes, bytes]], charset: str) -> Posted:
    """Decode, and keep the first value of each name."""
    values: dict[str, str] = {}
    remarks: set[str] = set()
    for name, data in fields:
        if len(data) > FIELD_BYTES:
            raise NotTaken("large", f"a field may have {FIELD_BYTES} bytes")
        text, remark = decode(data, charset)
        if values.setdefault(decode(name, charset)[0], text) is text and remark:
            remarks.add(remark)
    return Posted(values, remarks=tuple(sorted(remarks)))


def _json(data: bytes) -> Posted:
    """One flat object (RFC 8259): strict UTF-8, no byte order mark, no NaN, no name twice."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise NotTaken("malformed", "JSON has no byte order mark (RFC 8259 §8.1)")
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_no_name_twice, parse_constant=_no_constant)
    except RecursionError as error:
        raise NotTaken("malformed", "the JSON is nested too deeply") from error
    if not isinstance(found, dict):
        raise NotTaken("malformed", "the JSON is not an object")
    if any(isinstance(value, str) and len(value) > FIELD_BYTES for value in found.values()):
        raise NotTaken("large", f"a field may have {FIELD_BYTES} characters")
    values = {name: _scalar(value) for name, value in found.items() if isinstance(value, str | int | float)}
    return Posted(values, frozenset(name for name, value in found.items() if isinstance(value, dict | list)))


def _scalar(value: str | float) -> str:
    """A JSON string, number or truth value as a form would post it: an unticked box posts nothing."""
    if isinstance(value, bool):
        return "on" if value else ""
    return str(value)


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what readers of JSON understand differently (RFC 8259 §4)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


async def _multipart(request: web.Request, limits: Limits, count: Count) -> Posted:
    """Read the parts of a form (RFC 7578) one after the other. What came before a refusal is given back with it."""
    parts = _Parts(limits, count)
    try:
        async for part in _FormReader(request):
            await parts.add(part)
    except NotTaken as error:
        error.posted = parts.posted(with_files=False)
        raise
    return parts.posted(with_files=True)


class _FormPart(BodyPartReader):
    """A part whose Content-Length is ignored (RFC 7578 §4.8)."""

    def __init__(self, *place: Any, **options: Any) -> None:
        super().__init__(*place, **options | {"subtype": "form-data"})


class _FormReader(MultipartReader):
    """aiohttp's reader, told that the body is multipart/mixed: of form-data it loses what follows `_charset_`."""

    part_reader_cls = _FormPart
    multipart_reader_cls = MultipartReader

    def __init__(self, request: web.Request) -> None:
        parameters = request.headers[hdrs.CONTENT_TYPE].partition(";")[2]
        mixed = {"Content-Type": f"multipart/mixed;{parameters}"}
        super().__init__(mixed, request.content, max_headers=16)


class _Parts:
    """The parts of a multipart body so far."""

    def __init__(self, limits: Limits, count: Count) -> None:
        self._limits = limits
        self._count = count
        self._seen = 0
        self._charset = ""
        self._fields: list[tuple[bytes, bytes]] = []
        self._files: list[Upload] = []

    async def add(self, part: object) -> None:
        """Read one part. Raises `NotTaken`."""
        self._seen += 1
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise NotTaken("malformed", "a part is no field")
        if part.filename is None:
            self._fields.append((_header_bytes(part.name), await _content(part, self._count, FIELD_BYTES)))
            self._charset = self._charset or part.get_charset(default="")
        elif (upload := await _upload(part, self._count)) is not None:
            self._files.append(upload)
        if self._seen > PARTS or len(self._files) > self._limits.files:
            raise NotTaken("many", f"a form may have {PARTS} parts, {self._limits.files} of them files")

    def posted(self, *, with_files: bool) -> Posted:
        """What was read, decoded."""
        charset = _said_in(self._fields) or self._charset
        return msgspec.structs.replace(
            _first_values(self._fields, charset), files=tuple(self._files) if with_files else ()
        )


async def _upload(part: BodyPartReader, count: Count) -> Upload | None:
    """A file; None for the empty part that a browser sends where no file was chosen (HTML §4.10.21.4)."""
    content = await _content(part, count, limit=None)
    filename = decode(_header_bytes(part.filename or ""))[0].replace("%22", '"')
    if not filename and not content:
        return None
    return Upload(part.name or "", filename, part.headers.get(hdrs.CONTENT_TYPE, ""), content)


async def _content(part: BodyPartReader, count: Count, limit: int | None) -> bytes:
    """All bytes of one part."""
    data = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        count.add(len(chunk))
        data += chunk
        if limit is not None and len(data) > limit:
            raise NotTaken("large", f"a field may have {limit} bytes")
    return bytes(data)


def _header_bytes(text: str) -> bytes:
    """The bytes of a header value, which aiohttp reads as UTF-8 with surrogates for what is not."""
    return text.encode("utf-8", "surrogateescape")
