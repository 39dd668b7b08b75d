"""Who may look at the pages of operations, and act there: whoever sits at this machine, until agents sign in.

`staff` wraps a handler: it answers 403 to other hosts, and to posts that another site's page sends. `actor_of` is who
asks.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from models.actor import Actor

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SAFE = ("GET", "HEAD")


def staff(_permission: str) -> Callable[[Handler], Handler]:
    """Let those who may."""

    def wrap(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.remote not in ("127.0.0.1", "::1") or (request.method not in SAFE and not _own(request)):
                raise web.HTTPForbidden
            return await handler(request)

        return guarded

    return wrap


def actor_of(_request: web.Request) -> Actor:
    """Who asks."""
    return Actor("step", name="operations", role="supervisor")


def _own(request: web.Request) -> bool:
    """Whether a page of ours sent this."""
    said = request.headers.get("Sec-Fetch-Site", "")
    return said == "same-origin" if said else urlsplit(request.headers.get(hdrs.ORIGIN, "")).netloc == request.host
