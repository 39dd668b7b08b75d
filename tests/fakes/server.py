"""What both stand-ins share: a server on loopback, a list of troubles to come, and what was asked of it.

A trouble is one of: 429, 500, 503 (answered so, nothing taken), "hang" (no answer, nothing taken), "lost" (taken, and
the connection is cut before the answer), "garbage" (200 with bytes that are no JSON).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from tests.desk import free_port

Trouble = int | str


class Fake:
    """One provider."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.troubles: deque[Trouble] = deque()
        self.taken: list[dict[str, Any]] = []
        """Every message that it took, in order: what the customer's phone would show."""
        self.asked: list[tuple[str, str, str]] = []
        """Method, path and Authorization of every request."""
        self.wrong: list[str] = []
        """What no real provider would have let pass."""
        self.files: dict[str, tuple[bytes, str]] = {}
        """Path → content and type."""
        self.struck: Callable[[dict[str, Any]], None] | None = None
        """Called with each message that was taken, before its answer."""
        self._released = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=200 * 2**20, middlewares=[self._watch])
        self.routes(app)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._released.set()
        await self.runner.cleanup()

    def routes(self, app: web.Application) -> None:
        """What it serves."""

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append((request.method, request.path, request.headers.get("Authorization", "")))
        answer: web.StreamResponse = await handler(request)
        return answer

    async def trouble(self, request: web.Request) -> web.Response | None:
        """The trouble that is due before anything is taken, if there is one."""
        if not self.troubles or self.troubles[0] in ("lost", "garbage"):
            return None
        trouble = self.troubles.popleft()
        if trouble == "hang":
            await self._released.wait()
            raise web.HTTPServiceUnavailable
        assert isinstance(trouble, int)
        return self.refusal(trouble)

    def refusal(self, status: int) -> web.Response:
        """An answer of trouble, in the provider's own form."""
        raise NotImplementedError

    async def after(self, request: web.Request) -> web.Response | None:
        """The trouble that is due once the message was taken."""
        if self.struck is not None:
            self.struck(self.taken[-1])
        if not self.troubles:
            return None
        trouble = self.troubles.popleft()
        if trouble == "lost":
            assert request.transport is not None
            request.transport.abort()
            await asyncio.sleep(0)
        return web.Response(text="<html>", content_type="text/html")
