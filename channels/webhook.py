"""A provider's webhook: what its door does alike whoever the provider is. Body in, answers out.

    200   stored, or had been: said only after the commit
    400   not what the provider sends         401   not signed with our secret, or no secret is set
    408   not complete in time (closed)       413   too large (closed)
    415   another type, or compressed         503   nothing was stored: come again (Retry-After)

The doors themselves read the signature; nothing is stored without one. Raises `Turned` for all but the yes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from aiohttp import ClientError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from channels import Accept, Busy, TooLarge
from config import logs
from models.envelope import RawMessage

SECONDS = 10.0
"""A body that is not complete by then is not coming (providers give up after 10 to 15 s)."""
RETRY_SECONDS = "10"
CLOSING = frozenset((401, 408, 413, 415))
"""Answers after which the connection ends: the rest of the body is not read."""
CROWDED = "crowded"
"""Nor is it read where there is no room for it."""

log = logs.of("webhook")


class Turned(Exception):
    """What is turned away at the door: the answer, and why, as a word for counting."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Hold:
    """Counts the bytes of all bodies that are being read: strangers may send many large ones at once."""

    def __init__(self, most: int = 64 * 2**20) -> None:
        self._most = most
        self._held = 0

    @contextmanager
    def counting(self, size: int) -> Iterator[None]:
        """Count `size` bytes meanwhile. Raises `Turned`, 503, where that is more than there is room for."""
        if self._held + size > self._most:
            raise Turned(503, CROWDED)
        self._held += size
        try:
            yield
        finally:
            self._held -= size


async def read(
    request: web.Request, types: Collection[str], most: int, hold: Hold, *, seconds: float = SECONDS
) -> bytes:
    """The untouched body of `request`, at most `most` bytes. Raises `Turned`: 400, 408, 413, 415, 503."""
    if request.content_type not in types or request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise Turned(415, "type")  # a compressed body is refused before it can unfold
    announced = request.content_length
    if (announced or 0) > most:
        raise Turned(413, "large")
    with hold.counting(most if announced is None else announced):
        return await _body(request, most, seconds)


async def _body(request: web.Request, most: int, seconds: float) -> bytes:
    data = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                data += chunk
                if len(data) > most:
                    raise Turned(413, "large")
    except TimeoutError as error:
        raise Turned(408, "slow") from error
    except (HttpProcessingError, web.RequestPayloadError, ClientError, ConnectionError) as error:
        raise Turned(400, "broken") from error
    return bytes(data)


async def store(accept: Accept, raws: Sequence[RawMessage]) -> None:
    """Have all of `raws` committed. Raises `Turned`: 413, 503; the provider then sends all again, which is harmless."""
    ends = await asyncio.gather(*(accept(raw) for raw in raws), return_exceptions=True)
    for end in ends:
        if isinstance(end, Busy):
            raise Turned(503, "busy") from end
        if isinstance(end, TooLarge):
            raise Turned(413, "large") from end
        if isinstance(end, BaseException):
            raise end


async def turn_away(request: web.Request, turned: Turned, channel: str) -> web.StreamResponse:
    """The answer to what was turned away; the reason goes into the log, not to strangers."""
    log.info("webhook_turned_away", channel=channel, status=turned.status, reason=turned.reason)
    response = web.Response(status=turned.status)
    if turned.status == 503:
        response.headers[hdrs.RETRY_AFTER] = RETRY_SECONDS
    if turned.status in CLOSING or turned.reason == CROWDED:
        response.force_close()
        await response.prepare(request)
        await response.write_eof()
        if request.transport is not None:
            request.transport.close()
    return response
