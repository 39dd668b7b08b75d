"""Small forms: what a page of ours sends, read whole. Files do not come here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web
from multidict import MultiDictProxy

MOST_BYTES, SECONDS = 65_536, 15.0


class Fields:
    """The fields of a form: text, stripped unless asked for as it is; '' for those that are missing."""

    def __init__(self, values: MultiDictProxy[str | bytes | bytearray | web.FileField]) -> None:
        self._values = values

    def line(self, name: str, most: int = 300) -> str:
        """One line of text without control characters."""
        return " ".join("".join(c if c.isprintable() else " " for c in self.exact(name)).split())[:most]

    def exact(self, name: str) -> str:
        """As it was typed."""
        value = self._values.get(name, "")
        return value if isinstance(value, str) else ""

    def lines(self, name: str) -> Sequence[str]:
        """All values of a field that may be given more than once."""
        return [value.strip() for value in self._values.getall(name, []) if isinstance(value, str)]

    def __contains__(self, name: str) -> bool:
        return name in self._values


async def form_of(request: web.Request) -> Fields:
    """The form of a post. Raises `HTTPUnsupportedMediaType`, `HTTPRequestEntityTooLarge`, `HTTPRequestTimeout`."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > MOST_BYTES:
        raise web.HTTPRequestEntityTooLarge(MOST_BYTES, request.content_length or 0)
    try:
        async with asyncio.timeout(SECONDS):
            body = request.clone(client_max_size=MOST_BYTES)
            return Fields(await body.post())
    except TimeoutError as late:
        raise web.HTTPRequestTimeout from late
    except (ValueError, LookupError) as error:
        raise web.HTTPBadRequest from error
