"""What the tests of the form channel share: a real server on loopback, an accept that keeps its items in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from channels.form import Form
from config.settings import Settings
from models.envelope import Accepted, InboundMessage, Outcome, RawMessage

GOOD = {
    "email": "Marie.Durand@Example.fr",
    "subject": "Facture en double",
    "message": "Bonjour,\r\nj’ai payé deux fois.",
}


class Clock:
    """A clock that stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class MemoryAccept:
    """An accept without a database. `trouble` is raised by the next calls; `settled`: items have numbers."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str, str], RawMessage] = {}
        self.trouble: Exception | None = None
        self.settled = True
        self.kind = "ticket"

    async def __call__(self, raw: RawMessage) -> Accepted:
        if self.trouble is not None:
            raise self.trouble
        key = (raw.envelope.channel, raw.envelope.account, raw.envelope.external_id)
        stored = self.items.setdefault(key, raw)
        await asyncio.sleep(0)
        return Accepted(item_id=len(self.items), repeated=stored is not raw, altered=stored.body != raw.body)

    async def outcome(self, channel: str, account: str, external_id: str, *, wait: float = 0.0) -> Outcome | None:
        if self.trouble is not None:
            raise self.trouble
        key = (channel, account, external_id)
        if key not in self.items:
            return None
        if not self.settled:
            return Outcome(kind="pending")
        number = 1000 + list(self.items).index(key) if self.kind == "ticket" else None
        return Outcome(kind=self.kind, ticket_number=number)

    @property
    def only(self) -> RawMessage:
        (raw,) = self.items.values()
        return raw


class Site:
    """A running gateway with nothing but the form channel, and a visitor."""

    def __init__(self, channel: Form, accept: MemoryAccept, clock: Clock, client: TestClient[Any, Any]) -> None:
        self.channel, self.accept, self.clock, self.client = channel, accept, clock, client

    async def token(self, path: str = "/forms/contact") -> str:
        page = Page(await (await self.client.get(path)).text())
        self.clock.pass_(5)
        return page.values["token"]

    async def post(self, data: Any, path: str = "/forms/contact", **options: Any) -> aiohttp.ClientResponse:
        return await self.client.post(path, data=data, allow_redirects=False, **options)

    async def json(self, value: Any, path: str = "/forms/contact", **options: Any) -> aiohttp.ClientResponse:
        return await self.client.post(path, json=value, **options)

    def message(self) -> InboundMessage:
        (message,) = self.channel.normalise(self.accept.only)
        return message

    def messages(self) -> list[InboundMessage]:
        return [self.channel.normalise(raw)[0] for raw in self.accept.items.values()]


class Page(HTMLParser):
    """What a browser without JavaScript sees: the values of fields, the action, ids, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._textarea = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        name = found.get("name") or ""
        self._textarea = name if tag == "textarea" else ""
        if tag in {"input", "textarea", "select"}:
            self.attributes[name] = found
            self.values[name] = found.get("value") or ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._textarea:
            self.values[self._textarea] += data.removeprefix("\n")
            self._textarea = ""

    def first(self, tag: str) -> dict[str, str | None]:
        return next(attributes for name, attributes in self.tags if name == tag)


Start = Callable[..., contextlib.AbstractAsyncContextManager[Site]]


@contextlib.asynccontextmanager
async def running(var: Path, forms: str = "", **settings: Any) -> AsyncIterator[Site]:
    """Start a gateway; `forms` is the text of a forms.toml, empty for the one that ships."""
    if forms:
        path = var / "forms.toml"
        path.write_text(forms, "utf-8")
        settings.setdefault("form", {})["definitions"] = path
    clock, random = Clock(), Random(7)
    channel = Form(
        "form", Settings(var=var, secret="a test's secret", **settings), clock=clock, random=random.randbytes
    )
    accept, app = MemoryAccept(), web.Application()
    channel.mount(app, accept)
    async with TestClient(TestServer(app), cookie_jar=aiohttp.DummyCookieJar()) as client:
        yield Site(channel, accept, clock, client)


OWN = """
[order]
title = { fr = "Commande", en = "Order" }
account = "shop"
answer_by = "pigeon"
answer_from = "loft@example.test"
proof_of_work = 8
honeypot = "nickname"
origins = ["https://shop.example"]
frames = ["https://shop.example"]
[[order.fields]]
name = "mail"
type = "email"
fills = "email"
label = { fr = "Adresse", en = "Address" }
[[order.fields]]
name = "story"
type = "textarea"
fills = "message"
label = { fr = "Récit", en = "Story" }
max_length = 500
[[order.fields]]
name = "kind"
type = "select"
label = { fr = "Sorte", en = "Kind" }
options = [
  { value = "late", label = { fr = "En retard", en = "Late" }, category = "delivery", priority = "high" },
  { value = "odd", label = { fr = "Bizarre", en = "Odd" }, product = "oddity" },
]
[[order.fields]]
name = "gift"
type = "checkbox"
label = { fr = "Cadeau", en = "Gift" }
[[order.fields]]
name = "campaign"
type = "hidden"
label = { fr = "Campagne", en = "Campaign" }
max_length = 20
"""
