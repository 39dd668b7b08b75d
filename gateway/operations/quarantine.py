"""The pages of the quarantine: what lies in it and why, one item with its bytes, what may be done.

    GET  /operations/quarantine                 200 the list, by reason; `?kind=` only the items of one reason
    GET  /operations/quarantine/{number}        200 one item; 404 where there is none in the inbox
    GET  /operations/quarantine/{number}/raw    200 its bytes, to be saved, never shown; 404, 410 where they are gone
    POST /operations/quarantine                 303 back to the list: `action` (retry, ticket, discard, restore, resend)
                                                for `id` (some) or `kind`; 400 where it is none of these, or where
                                                somebody discards and does not say `why`

Each action is one transaction with its lines in the log of operations. Bytes are shown as text alone: what is no
printable character is drawn as a sign for it. May fail with what the database raises (500, nothing changed).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from config.objects import Objects
from config.pages import TEMPLATES
from gateway.keys import DATABASE, SETTINGS
from gateway.operations import numerals
from gateway.staff import StaffPages, actor_of, language_of, staff
from models import operation, quarantine, undelivered
from models.quarantine import Item

SHOWN_BYTES = 20_000
LISTED = 100
FOLDER = TEMPLATES / "quarantine"
DOABLE = (*quarantine.ACTIONS, "resend")
_SIGNS = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}
_UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, as far as a page shows them."""

    text: str
    size: int
    shown: int


def mount(app: web.Application) -> None:
    """Add the pages."""
    pages = StaffPages(app, FOLDER, section="operations", assets={"quarantine.css": FOLDER / "quarantine.css"})
    ward = Ward(app, pages)
    only = staff("operations")
    app.add_routes(
        [
            web.get("/operations/quarantine", only(ward.listing)),
            web.post("/operations/quarantine", only(ward.act)),
            web.get(r"/operations/quarantine/{number:\d{1,18}}", only(ward.one)),
            web.get(r"/operations/quarantine/{number:\d{1,18}}/raw", only(ward.raw)),
            web.get("/operations/assets/{asset}", pages.asset),
        ]
    )


class Ward:
    """The handlers."""

    def __init__(self, app: web.Application, pages: StaffPages) -> None:
        self._database = app[DATABASE]
        self._pages = pages
        self._objects = Objects(app[SETTINGS])

    async def listing(self, request: web.Request) -> web.Response:
        """What lies there."""
        kind = request.query.get("kind", "")
        async with self._database.engine.connect() as connection:
            waiting = await quarantine.items(connection)
            values: dict[str, Any] = {
                "total": await quarantine.count(connection),
                "kinds": quarantine.gather(waiting),
                "items": [item for item in waiting if kind in ("", item.kind)][:LISTED],
                "dead": await undelivered.dead(connection, LISTED),
                "log": await operation.latest(connection, 30),
            }
        done, count = request.query.get("done", ""), request.query.get("count", "")
        values |= {
            "kind": kind,
            "done": done if done in DOABLE else "",
            "count": count if count.isdecimal() else "0",
        }
        words = self._pages.words(request)
        return self._pages.page(request, "quarantine.html", title=words["title"], **values, **_written(request))

    async def one(self, request: web.Request) -> web.Response:
        """One item."""
        number = int(request.match_info["number"])
        async with self._database.engine.connect() as connection:
            item = await quarantine.item(connection, number)
            done = await operation.of(connection, f"inbox:{number}")
        if item is None:
            raise web.HTTPNotFound
        body = await self._body(item)
        words = self._pages.words(request)
        return self._pages.page(
            request,
            "item.html",
            title=words["item"]["title"].format(number=number),
            item=item,
            log=done,
            raw=None if body is None else shown(body),
            stage="settling" if item.attempts > 1 else "reading",
            envelope=[
                (name, legible(str(value))) for name, value in item.envelope.items() if value not in ("", [], {})
            ],
            error=legible(item.error),
            **_written(request),
        )

    async def raw(self, request: web.Request) -> web.Response:
        """The bytes, to be saved."""
        number = int(request.match_info["number"])
        async with self._database.engine.connect() as connection:
            item = await quarantine.item(connection, number)
        if item is None:
            raise web.HTTPNotFound
        body = await self._body(item)
        if body is None:
            raise web.HTTPGone
        response = web.Response(body=body, content_type="application/octet-stream")
        response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="guichet-{number}.bin"'
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        return response

    async def act(self, request: web.Request) -> web.Response:
        """Do what was asked, to all of it or to nothing."""
        form = await request.post()
        action, why = str(form.get("action", "")), legible(str(form.get("why", "")))[:400]
        given, kind = [str(value) for value in form.getall("id", [])], str(form.get("kind", ""))
        numbers = [int(value) for value in given if value.isdecimal() and len(value) < 19]
        if action not in DOABLE or len(numbers) < len(given) or (action == "discard" and not why):
            raise web.HTTPBadRequest
        actor = actor_of(request)
        async with self._database.engine.begin() as connection:
            if not numbers and kind and action in ("retry", "ticket", "discard"):
                numbers = await quarantine.of_kind(connection, "" if kind == "all" else kind)
            if action == "discard":
                count = await quarantine.discard(connection, actor, numbers, why)
            elif action == "resend":
                count = await undelivered.resend(connection, actor, numbers)
            else:
                acts = {"retry": quarantine.retry, "ticket": quarantine.as_tickets, "restore": quarantine.restore}
                count = await acts[action](connection, actor, numbers)
        query = urlencode({"lang": language_of(request), "done": action, "count": count})
        return web.Response(status=303, headers={hdrs.LOCATION: f"{self._pages.root}/operations/quarantine?{query}"})

    async def _body(self, item: Item) -> bytes | None:
        """The bytes of an item; None where they are kept no longer."""
        if item.body is not None:
            return item.body
        try:
            return await self._objects.get(item.body_sha256) if item.body_sha256 else None
        except FileNotFoundError:
            return None


def _written(request: web.Request) -> dict[str, Any]:
    """How numbers are written in the language of the answer."""
    language = language_of(request)
    return {
        "number": lambda value: numerals.number(value, language),
        "octets": lambda count: numerals.octets(count, language),
    }


def shown(body: bytes) -> Shown:
    """The beginning of `body` as text in which nothing is hidden and nothing acts."""
    text = body[:SHOWN_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")
    return Shown(text=legible(text), size=len(body), shown=min(len(body), SHOWN_BYTES))


def legible(words: str) -> str:
    """`words` with a sign in the place of each control character, and of each that turns or hides others."""
    return _UNSEEN.sub("\N{SYMBOL FOR SUBSTITUTE FORM TWO}", words.translate(_SIGNS))
