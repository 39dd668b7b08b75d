"""The chat's door.

    GET  /chat?site=            101 the WebSocket; 426 for a plain request
    POST /chat/frames?site=     200 the same frames over plain HTTP, waiting up to 25 s for news
    POST /chat/files?site=      201 a file is stored as a line; 200 put off; 400 413 429 503 nothing was stored
    GET  /chat/files/{id}?site= 200 a file of the conversation, to be saved; 404
    GET  /chat/widget.js        200 the window; 304
    GET  /chat/example          200 a page of ours that shows it
    everywhere: 403 a foreign site, 404 no such site, 401 the token opens nothing, 429 too many windows

Tokens stand in a frame or in the Authorization header, never in an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import hdrs, web

from channels import Accept, Busy, wording
from channels.chat import frames, visitor
from channels.chat.pages import Pages
from channels.chat.room import Rooms
from channels.chat.said import SaidFile
from channels.chat.session import BUSY_SECONDS, Counter, Session
from channels.chat.site import may_show, sites_of
from channels.chat.socket import Socket
from channels.client_address import client_address, neighbourhood, networks
from channels.limits import Buckets, Crowd
from config import secret
from config.pages import guard, language_of
from config.settings import Settings

LONGEST_WAIT = 25.0
POLLS = (50.0, 200.0)
"""Requests of the fallback from one address: a second, and at once."""
FILES_AT_ONCE = 4
"""So many files of the largest size may be in memory together."""
CHUNK = 65_536
REFUSED = {"busy": 503, "slow": 429, "order": 409, "large": 413}
SITE = web.RequestKey("site", tuple)
STATES = {"ack": 201}
POLICY = "Content-Security-Policy"

Handler = Callable[[web.Request], Any]


class Door:
    """Serves /chat."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        accept: Accept,
        *,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        chat = settings.chat
        self._settings = settings
        self._sites = sites_of(settings)
        self._proxies = networks(settings.http.trusted_proxies)
        self._pages = Pages(settings)
        self._sockets: set[Socket] = set()
        per_second = chat.lines_per_minute / 60
        self._counter = Counter(
            name=name,
            settings=settings,
            accept=accept,
            secret=secret.key(settings),
            rooms=Rooms(accept.conversations, seconds=chat.catch_up_seconds),
            clock=clock,
            random=random,
            newcomers=Buckets(chat.newcomers_per_minute / 60, chat.newcomers_per_minute),
            lines=Buckets(per_second, chat.lines_per_minute),
            signs=Buckets(1.0, 3.0),
            polls=Buckets(*POLLS),
            crowd=Crowd(chat.sockets_per_address),
        )

    def mount(self, app: web.Application) -> None:
        """Add the routes, and what must run beside them."""
        app.add_routes(
            [
                web.get("/chat", self._checked(self.socket)),
                web.post("/chat/frames", self._checked(self.poll)),
                web.post("/chat/files", self._checked(self.take_file)),
                web.get("/chat/files/{id}", self._checked(self.give_file)),
                web.options("/chat/{path:frames|files|files/.*}", self._checked(self.preflight)),
                web.get("/chat/widget.js", self.widget),
                web.get("/chat/example", self.example),
                web.get("/chat/example.css", self.stylesheet),
            ]
        )
        app.cleanup_ctx.append(self.lifetime)
        app.on_shutdown.append(self.farewell)

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        """Compare the rooms with the database, as long as the application runs."""
        task = asyncio.create_task(self._counter.rooms.keep_up())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def farewell(self, _app: web.Application) -> None:
        """Send the windows to another gateway."""
        for socket in list(self._sockets):
            socket.end(1001)

    def _checked(self, handler: Handler) -> Handler:
        """`handler`, for known sites and their own pages alone; the answer may be read by them."""

        async def check(request: web.Request) -> web.StreamResponse:
            name, origin = request.query.get("site", "default"), request.headers.get(hdrs.ORIGIN, "")
            site = self._sites.get(name)
            if site is None:
                raise web.HTTPNotFound(text="There is no such site in the settings.\n")
            if not may_show(site, origin, request.host, self._settings.base_url):
                raise web.HTTPForbidden(text="This site may not show the chat; see chat.sites in the settings.\n")
            request[SITE] = (name, site)
            try:
                response: web.StreamResponse = await handler(request)
            except Busy:
                response = _json(503, frames.later("", BUSY_SECONDS, "busy"))
            except web.HTTPException as refusal:
                response = web.Response(status=refusal.status, text=refusal.text)
            if not response.prepared:
                policy = response.headers.get(POLICY)
                guard(response)
                response.headers[POLICY] = policy or response.headers[POLICY]
                if origin:
                    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
                response.headers[hdrs.VARY] = hdrs.ORIGIN
                response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            return response

        return check

    async def preflight(self, _request: web.Request) -> web.Response:
        """What a foreign page may ask (Fetch §3.3)."""
        return web.Response(
            status=204,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST",
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, X-Line-Id, X-File-Name",
                hdrs.ACCESS_CONTROL_MAX_AGE: "86400",
            },
        )

    def _session(self, request: web.Request, put: Callable[[dict[str, Any]], None]) -> Session:
        name, site = request[SITE]
        facts = {
            "user_agent": request.headers.get(hdrs.USER_AGENT, ""),
            "origin": request.headers.get(hdrs.ORIGIN, ""),
        }
        known = {fact: visitor.name(value)[:300] for fact, value in facts.items() if value}
        return Session(self._counter, name, site, client_address(request, self._proxies), put, known)

    # sockets and their fallback

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """One window, as long as it is open."""
        if not web.WebSocketResponse().can_prepare(request):
            return web.Response(status=426, text="A WebSocket is wanted here.\n", headers={hdrs.UPGRADE: "websocket"})
        address = neighbourhood(client_address(request, self._proxies))
        if not self._counter.crowd.enter(address):
            return _json(429, frames.later("", 30.0, "slow"))
        socket = Socket(request)
        self._sockets.add(socket)
        try:
            return await socket.run(lambda put: self._session(request, put))
        finally:
            self._sockets.discard(socket)
            self._counter.crowd.leave(address)

    async def poll(self, request: web.Request) -> web.StreamResponse:
        """The same frames in one request and its answer."""
        address = neighbourhood(client_address(request, self._proxies))
        if self._counter.polls.take(address, self._counter.now()) or not self._counter.crowd.enter(address):
            return _json(429, frames.later("", 30.0, "slow"))
        answer, news = [], asyncio.Event()

        def put(frame: dict[str, Any]) -> None:
            answer.append(frame)
            news.set()

        session = self._session(request, put)
        try:
            polled = frames.read_polled(await _limited(request, frames.LONGEST_FRAME))
            await session.handle(polled.hello)
            for frame in polled.frames[:50]:
                await session.handle(frame)
            if not polled.frames and len(answer) == 1 and not answer[0].get("lines"):
                news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(max(polled.wait, 0.0), LONGEST_WAIT)):
                        await news.wait()
        except frames.FrameError as error:
            return _json(400, frames.error(str(error)))
        except visitor.StrangerError:
            return _json(401, frames.error("stranger"))
        finally:
            session.close()
            self._counter.crowd.leave(address)
        return _json(200, {"frames": answer})

    # files

    async def take_file(self, request: web.Request) -> web.StreamResponse:
        """A file becomes a line of its own."""
        line_id = request.headers.get("X-Line-Id", "")
        session = self._session(request, lambda _frame: None)
        self._admit(request, session)
        if not frames.is_id(line_id):
            return _json(400, frames.error("id"))
        most = self._settings.http.max_body_bytes - 10_000
        if (request.content_length or 0) > most:
            return _json(413, frames.error("large", line_id, most))
        held = self._counter.held
        if held[0] + (request.content_length or most) > FILES_AT_ONCE * most:
            return _json(503, frames.later(line_id, BUSY_SECONDS, "busy"))
        size = request.content_length or most
        held[0] += size
        try:
            async with asyncio.timeout(self._settings.http.body_seconds * 4):
                content = await _limited(request, most)
            name = wording.filename(unquote(request.headers.get("X-File-Name", ""), errors="replace"))
            session.become(await self._counter.accept.conversations.guest(session.key))
            attached = SaidFile(filename=name, content_type=request.content_type, content=content)
            frame = await session.store(line_id, "", attached)
        except frames.FrameError:
            return _json(413, frames.error("large", line_id, most))
        except TimeoutError:
            return _json(408, frames.later(line_id, BUSY_SECONDS, "slow"))
        finally:
            held[0] -= size
        return _json(STATES.get(frame["type"], REFUSED.get(frame.get("code", ""), 400)), frame)

    async def give_file(self, request: web.Request) -> web.StreamResponse:
        """A file of the visitor's own conversation."""
        session = self._session(request, lambda _frame: None)
        self._admit(request, session)
        conversations, file_id = self._counter.accept.conversations, request.match_info["id"]
        found = None
        if file_id.isascii() and file_id.isdigit() and len(file_id) < 18:
            found = await conversations.file(int(file_id), await conversations.lines(session.key))
        if found is None:
            raise web.HTTPNotFound(text="There is no such file.\n")
        disposition = f"attachment; filename*=UTF-8''{quote(found.filename or 'file', safe='')}"
        return web.Response(
            body=found.content,
            content_type="application/octet-stream",
            headers={hdrs.CONTENT_DISPOSITION: disposition, POLICY: "sandbox; default-src 'none'"},
        )

    def _admit(self, request: web.Request, session: Session) -> None:
        """Make `session` that of the token in the Authorization header. Raises 401."""
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        try:
            session.admit(token if scheme.lower() == "bearer" else "")
        except visitor.StrangerError:
            raise web.HTTPUnauthorized(text="The token opens nothing.\n") from None

    # what is served to everybody

    async def widget(self, request: web.Request) -> web.Response:
        """The script."""
        return self._pages.script(request)

    async def example(self, request: web.Request) -> web.Response:
        """A page with the window on it."""
        return self._pages.example(language_of(request, self._settings.triage.languages), request.query.get("site", ""))

    async def stylesheet(self, _request: web.Request) -> web.Response:
        """The example's."""
        return self._pages.stylesheet()


async def _limited(request: web.Request, most: int) -> bytes:
    """The body. Raises `FrameError` where it is longer than `most`."""
    data = bytearray()
    async for chunk in request.content.iter_chunked(CHUNK):
        data += chunk
        if len(data) > most:
            raise frames.FrameError("large")
    return bytes(data)


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(body=frames.wire(body), status=status, content_type="application/json")
