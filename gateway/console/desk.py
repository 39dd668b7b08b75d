"""What all handlers of the console share: the database, the pages, reading a post, telling others what was done.

Enters: the application. Leaves: helpers of the handlers, no routes. A database that does not answer becomes 503 with a
page that says so (`answered`); a post that cannot be read raises `channels.posted.NotTaken`.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import Channel, ChannelError, body
from channels.posted import NotTaken, Posted
from config import logs, secret
from config.database import Database
from config.hints import Hint
from config.objects import Objects
from config.pages import TEMPLATES
from config.settings import Settings
from gateway.console.words import Words
from gateway.keys import CHANNELS, CONVERSATIONS, DATABASE, HINTS, OUTBOX_BELL, SETTINGS
from gateway.staff import StaffPages
from models import people
from models.envelope import Template

FOLDER = TEMPLATES / "console"
ASSETS = {name: FOLDER / name for name in ("console.css", "console.js", "keys.js")}
BODIES_AT_ONCE = 4
MOST_FILES = 10
PEOPLE_SECONDS, TEMPLATE_SECONDS = 10.0, 300.0
"""For how long names, and a provider's templates, may be remembered."""
TEMPLATE_PATIENCE = 5.0

log = logs.of("console")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Office:
    """What `models.relay` needs beside the database."""

    def __init__(self, settings: Settings, channels: Mapping[str, Channel]) -> None:
        self.settings, self.channels = settings, channels
        self.secret = secret.key(settings)


class Desk:
    """One for each gateway process."""

    def __init__(self, app: web.Application) -> None:
        self.app = app
        self.settings: Settings = app[SETTINGS]
        self.database: Database = app[DATABASE]
        self.channels = app[CHANNELS]
        self.office = Office(self.settings, self.channels)
        self.objects = Objects(self.settings)
        self.conversations = app[CONVERSATIONS]
        self.words = Words(self.settings)
        self.languages = self.settings.triage.languages
        self.pages = StaffPages(app, FOLDER, section="console", assets=ASSETS)
        self._limits = body.Limits(self.settings.http.max_body_bytes, self.settings.http.body_seconds, MOST_FILES)
        self._hold = body.Hold(BODIES_AT_ONCE * self.settings.http.max_body_bytes)
        self._people: tuple[float, Sequence[people.Person], Sequence[str]] = (0.0, (), ())
        self._templates: dict[tuple[str, str], tuple[float, Sequence[Template]]] = {}

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with."""
        async with self.database.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at its end."""
        async with self.database.engine.begin() as connection:
            yield connection

    def answered(self, handler: Handler) -> Handler:
        """`handler`, with a page of its own for a database that is away."""

        @functools.wraps(handler)
        async def call(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.error("console_failed", error=type(error).__name__)
                return self.refused(request, 503)

        return call

    def refused(self, request: web.Request, status: int) -> web.Response:
        """A page that says no, and no more than its status does."""
        words = self.pages.words(request)
        name = "busy" if status == 503 else "missing"
        title = words[f"{name}_title"]
        return self.pages.page(request, "refused.html", title=title, status=status, why=name)

    async def posted(self, request: web.Request) -> Posted:
        """A form's fields and files. Raises `NotTaken`."""
        with self._hold.counting(request, self._limits) as count:
            return await body.read(request, self._limits, count)

    async def people(self) -> tuple[Sequence[people.Person], Sequence[str]]:
        """Agents and teams to choose from."""
        at, agents, teams = self._people
        if not at or time.monotonic() - at > PEOPLE_SECONDS:
            async with self.reading() as connection:
                agents, teams = await people.people(connection), await people.teams(connection)
            self._people = (time.monotonic(), agents, teams)
        return agents, teams

    async def templates(self, channel: str, account: str) -> Sequence[Template]:
        """Approved texts of an account; none where the provider does not say within some seconds."""
        key, now = (channel, account), time.monotonic()
        at, known = self._templates.get(key, (0.0, ()))
        if at and now - at < TEMPLATE_SECONDS:
            return known
        try:
            async with asyncio.timeout(TEMPLATE_PATIENCE):
                found = await self.channels[channel].templates(account)
        except (KeyError, ChannelError, TimeoutError, OSError) as error:
            log.warning("templates_failed", channel=channel, error=type(error).__name__)
            return known
        self._templates[key] = (now, [one for one in found if one.state in ("", "approved")])
        return self._templates[key][1]

    def tell(self, keys: Iterable[str], *, send: bool = False) -> None:
        """After a commit: whoever shows these looks anew; with `send` the workers look into the outbox."""
        self.app[HINTS].send([Hint(key) for key in dict.fromkeys(keys) if key])
        if send:
            self.app[OUTBOX_BELL].ring()


def number_in(said: str) -> int:
    """A ticket's or row's number; 0 for what is none."""
    digits = said.strip().removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0


def moved(address: str) -> web.Response:
    """The way to a page after a post, so that a reload posts nothing again."""
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def chosen(values: Mapping[str, Any], prefix: str) -> list[int]:
    """The numbers of ticked boxes: fields t12, t13 … for the prefix t."""
    return [number for name in values if name.startswith(prefix) and (number := number_in(name[len(prefix) :]))]


__all__ = ["Desk", "NotTaken", "chosen", "moved", "number_in"]
