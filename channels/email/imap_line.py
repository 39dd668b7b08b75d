"""A folder's connection as the event loop sees it: each call runs in a thread of this folder's own.

The loop's shared threads are not used: a server that answers slowly would hold them, and all others would wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from channels.email.imap_session import Broken, Session, State
from channels.email.login import Login, LoginFailed

P = ParamSpec("P")
T = TypeVar("T")


class Line:
    """Connects, asks and waits."""

    def __init__(self, new_session: Callable[[], Session], login: Login, *, name: str) -> None:
        self._new_session = new_session
        self._login = login
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._session: Session | None = None
        self.state = State(0, 0)
        """Of the folder, when it was last looked at."""

    # Connecting and asking.

    async def connect(self) -> State:
        """A fresh connection. Raises `LoginFailed`, `Broken` or `Declined`."""
        await self.hang_up()
        secret = await self._login.secret()
        self._session = self._new_session()
        try:
            state = await self.ask(Session.open, secret)
        except LoginFailed:
            self._login.forget()
            raise
        self.state = state
        return state

    async def connect_again(self) -> None:
        """Replace a broken connection in the middle of work. Raises `Broken` where the folder was renumbered."""
        before = self.state.validity
        if (await self.connect()).validity != before:
            raise Broken("the folder was renumbered")

    async def look(self) -> State:
        """How the folder stands now."""
        self.state = await self.ask(Session.select)
        return self.state

    async def ask(self, method: Callable[Concatenate[Session, P], T], *args: P.args, **named: P.kwargs) -> T:
        """Call a method of the session in its thread. A caller who is cancelled cuts the connection."""
        session = self._session
        if session is None:
            raise Broken("not connected")
        work = asyncio.get_running_loop().run_in_executor(self._thread, lambda: method(session, *args, **named))
        try:
            return await work
        except asyncio.CancelledError:
            session.cut()
            raise

    @property
    def writable(self) -> bool:
        """Whether the server lets us change anything in the folder."""
        return self._session is not None and self._session.writable

    async def hang_up(self) -> None:
        """End the connection, politely where that works."""
        session, self._session = self._session, None
        if session is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, session.close)

    def end(self) -> None:
        """No more connections, ever."""
        if self._session is not None:
            self._session.cut()
        self._thread.shutdown(wait=False, cancel_futures=True)

    # Waiting for news.

    async def wait(self, seconds: float, *, idle: bool) -> None:
        """Return after `seconds`, or sooner when the server has something to say. Raises `Broken`."""
        if not idle or not await self.ask(Session.begin_idle):
            await asyncio.sleep(seconds)
            return
        session = self._session
        if session is not None and not session.wire.waiting:
            await _readable(session.wire.sock.fileno(), seconds)
        await self.ask(Session.end_idle)


async def _readable(descriptor: int, seconds: float) -> None:
    """Return when the socket has something to read, or after `seconds`."""
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    loop.add_reader(descriptor, news.set)
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
    finally:
        loop.remove_reader(descriptor)
