"""Who is asking, and may they? Every page, stream and export for staff stands behind `staff(permission)`.

Enters: a request with its cookie. Leaves: the handler's answer, or one of these:

    403  the post came from a foreign page
    303  to /sign-in, for a browser that asks for a page; 401 for scripts and programs
    403  signed in, but the role may not
    503  the database does not answer
    200  nobody was made yet: how to make the first administrator (401 for programs)

As long as nobody was made, what `operations` opens stays open to this machine. While the database is away, so do the
pages of operations for whom this process saw signed in a short while ago: that is when they are needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from typing import Any, TypeVar

from aiohttp import hdrs, web
from asyncpg import InterfaceError, PostgresConnectionError, PostgresError
from sqlalchemy.exc import DisconnectionError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from channels.client_address import client_address, is_proxy, networks
from config import logs
from config.database import Database
from config.settings import Settings
from gateway.keys import DATABASE, SETTINGS
from gateway.staff.origin import SAFE, ours
from models import sessions
from models.actor import Actor
from models.sessions import Visitor

AWAY = (SQLAlchemyError, PostgresError, InterfaceError, OSError, TimeoutError)
LOST = (OperationalError, DisconnectionError, PoolTimeout, InterfaceError, PostgresConnectionError)
"""What is raised where the connection is the matter, and not the question."""
WAIT_SECONDS, SWEEP_SECONDS = 5.0, 3600.0
REMEMBERED_SECONDS, MOST_REMEMBERED = 600.0, 1000
FIRST_START = Actor("step", name="first_start", role="supervisor")
"""Who looks at operations on this machine before anybody was made."""
ALWAYS_LOCAL = "operations"

VISITOR: web.RequestKey[Visitor] = web.RequestKey("visitor", Visitor)
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[web.StreamResponse]])
Refuse = Callable[[web.Request, str], web.StreamResponse]

log = logs.of("staff")


class Unknown(Exception):
    """The database does not answer, so nobody can be recognised."""


class Access:
    """How one gateway process tells who is asking."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._proxies = networks(settings.http.trusted_proxies)
        self._anybody = False
        self._seen: OrderedDict[bytes, tuple[float, Visitor]] = OrderedDict()
        self.refuse: Refuse = lambda _request, _why: web.Response(status=403)
        """Words a refusal; the pages put themselves here."""

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers keep __Host- ones to this host and to HTTPS (RFC 6265bis §4.1.3.2)."""
        return "__Host-guichet" if self._settings.base_url.startswith("https:") else "guichet"

    def set_cookie(self, response: web.StreamResponse, token: str) -> None:
        """Have the browser keep `token`; '' lets it forget."""
        secure = self._settings.base_url.startswith("https:")
        age = int(self._settings.staff.session_days * 86_400) if token else 0
        response.set_cookie(
            self.cookie, token, max_age=age, path="/", httponly=True, samesite="Lax", secure=secure or None
        )

    def token(self, request: web.BaseRequest) -> str:
        """The cookie's value; '' without one."""
        return request.cookies.get(self.cookie, "")

    def address(self, request: web.BaseRequest) -> str:
        """The client's IP address."""
        return client_address(request, self._proxies)

    def local(self, request: web.BaseRequest) -> bool:
        """Whether this machine itself asks, and not somebody through a proxy on it."""
        relayed = any(name in request.headers for name in (hdrs.X_FORWARDED_FOR, hdrs.FORWARDED, "X-Real-IP"))
        if relayed and not is_proxy(request.remote or "", self._proxies):
            return False
        try:
            return ip_address(self.address(request)).is_loopback
        except ValueError:
            return False

    async def anybody(self) -> bool:
        """Whether anybody was made. Raises `Unknown`."""
        if not self._anybody:
            async with _asking(self._database) as connection:
                self._anybody = await sessions.anybody(connection)
        return self._anybody

    async def recognise(self, request: web.BaseRequest) -> Visitor | None:
        """Who is signed in; None for nobody. Raises `Unknown`."""
        token = self.token(request)
        if not sessions.TOKEN.fullmatch(token):
            return None
        async with _asking(self._database) as connection:
            visitor = await sessions.recognise(connection, token, idle_hours=self._settings.staff.idle_hours)
        self._remember(sessions.hash_of(token), visitor)
        return visitor

    def _remember(self, session: bytes, visitor: Visitor | None) -> None:
        self._seen.pop(session, None)
        if visitor is not None:
            self._anybody = True
            self._seen[session] = (time.monotonic(), visitor)
            if len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)

    def _remembered(self, request: web.BaseRequest, permission: str) -> Visitor | None:
        """Who may look at operations although the database is away."""
        at, visitor = self._seen.get(sessions.hash_of(self.token(request)), (0.0, None))
        fresh = visitor is not None and time.monotonic() - at < REMEMBERED_SECONDS
        if permission == ALWAYS_LOCAL and request.method in SAFE:
            if fresh and visitor is not None and visitor.actor.may(permission):
                return visitor
            if not self._anybody and self.local(request):
                return _first_start()
        return None

    async def find(self, request: web.BaseRequest, permission: str) -> tuple[Visitor | None, str]:
        """The visitor, and why they may not: '', or one of signed_out, role, first, away, foreign."""
        if not ours(request, self._settings.base_url):
            return None, "foreign"
        try:
            visitor = await self.recognise(request)
            if visitor is None and not await self.anybody():
                if permission == ALWAYS_LOCAL and self.local(request):
                    return _first_start(), ""
                return None, "first"
        except Unknown:
            visitor = self._remembered(request, permission)
            return visitor, "" if visitor else "away"
        if visitor is None:
            return None, "signed_out"
        return visitor, "" if visitor.actor.may(permission) else "role"

    async def admit(
        self, request: web.Request, permission: str, call: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """What `call` answers, for whom it may; else the refusal."""
        visitor, why = await self.find(request, permission)
        if visitor is not None:
            request[VISITOR] = visitor
        if not why:
            try:
                return await call()
            except LOST as error:
                log.warning("staff_page_lost_database", path=request.path, error=type(error).__name__)
                why = "away"
        if why in ("role", "foreign"):
            log.warning("staff_refused", why=why, path=request.path, actor=visitor.actor.label if visitor else "")
        return self.refuse(request, why)

    async def sweep(self) -> None:
        """Forget sessions and links that have expired, now and then, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                async with _asking(self._database) as connection:
                    await sessions.sweep(connection)
            except Unknown:
                continue  # the next round does it


ACCESS = web.AppKey("staff_access", Access)


@contextlib.asynccontextmanager
async def _asking(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction for a short question. Raises `Unknown` where the database does not answer it."""
    try:
        async with asyncio.timeout(WAIT_SECONDS), database.engine.begin() as connection:
            yield connection
    except AWAY as error:
        raise Unknown from error


def _first_start() -> Visitor:
    return Visitor(actor=FIRST_START, email="", presence="offline", session=b"")


def staff(permission: str) -> Callable[[Handler], Handler]:
    """Let in whoever may `permission` (`models.actor.PERMISSIONS`), and refuse posts of foreign pages."""

    def guarded(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def checked(*arguments: Any) -> web.StreamResponse:
            request: web.Request = arguments[-1]
            return await request.app[ACCESS].admit(request, permission, functools.partial(handler, *arguments))

        return checked  # type: ignore[return-value]

    return guarded


def same_origin(handler: Handler) -> Handler:
    """Refuse posts of foreign pages, where nobody need be signed in."""

    @functools.wraps(handler)
    async def checked(*arguments: Any) -> web.StreamResponse:
        request: web.Request = arguments[-1]
        access = request.app[ACCESS]
        if not ours(request, request.app[SETTINGS].base_url):
            return access.refuse(request, "foreign")
        return await handler(*arguments)

    return checked  # type: ignore[return-value]


def visitor_of(request: web.BaseRequest) -> Visitor:
    """Who is signed in, behind `staff`."""
    return request[VISITOR]


def actor_of(request: web.BaseRequest) -> Actor:
    """Who is asking, behind `staff`."""
    return request[VISITOR].actor


async def recognise(request: web.Request) -> Visitor | None:
    """Who is signed in, for handlers that are open to others too; None for nobody, or where it cannot be known."""
    try:
        return await request.app[ACCESS].recognise(request)
    except Unknown:
        return None


async def again(request: web.Request, permission: str = "tickets") -> Actor | None:
    """The actor as they are now, for streams that last; None where they may no longer."""
    visitor = await recognise(request)
    return visitor.actor if visitor is not None and visitor.actor.may(permission) else None


def mount(app: web.Application) -> None:
    """Let the application know who is asking."""
    access = app[ACCESS] = Access(app[SETTINGS], app[DATABASE])

    async def sweeping(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(access.sweep())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app.cleanup_ctx.append(sweeping)
