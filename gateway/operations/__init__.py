"""The pages for those who run Guichet: `/`, a start, and `/operations`, how everything stands.

    GET /                            200 where customers come in, and the way to the rest
    GET /operations                  200 the page, whatever is away
    GET /operations/state.json       200 the sections anew, the chart's figures since `?since=` (seconds since 1970)
    GET /operations/{asset}          200 style and scripts; 404 for others

All answer in the language of `?lang=`, else of Accept-Language. They show numbers, never what a customer wrote or who
they are. All viewers of a process share its figures (`board`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from channels import Channel
from config.pages import guard, language_of
from gateway.keys import DATABASE, REDIS, SETTINGS
from gateway.operations import pages, quarantine
from gateway.operations.board import Board
from gateway.operations.pages import Pages
from gateway.staff import staff


def mount(app: web.Application, channels: Mapping[str, Channel]) -> None:
    """Add the pages. `channels` say where customers come in."""
    desk = _Desk(app, channels)
    quarantine.mount(app)
    app.add_routes(
        [
            web.get("/", desk.start),
            web.get("/operations", staff("operations")(desk.operations)),
            web.get("/operations/state.json", staff("operations")(desk.state)),
            web.get("/operations/{asset}", desk.asset),
        ]
    )
    app.cleanup_ctx.append(desk.lifetime)


class _Desk:
    """The handlers, with the board that they share."""

    def __init__(self, app: web.Application, channels: Mapping[str, Channel]) -> None:
        settings = app[SETTINGS]
        self._languages = settings.triage.languages
        self._pages = Pages(urlsplit(settings.base_url).path.rstrip("/"), self._languages)
        self._board = Board(app[DATABASE], app[REDIS])
        self._channels = channels

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        """As long as the application runs."""
        yield
        await self._board.close()

    async def start(self, request: web.Request) -> web.Response:
        """`/`."""
        language = language_of(request, self._languages)
        ways_in = [way for channel in self._channels.values() for way in channel.ways_in(language)]
        return _page(self._pages.start(language, ways_in), language)

    async def operations(self, request: web.Request) -> web.Response:
        """The page."""
        language = language_of(request, self._languages)
        return _page(self._pages.operations(language, await self._board.standing()), language)

    async def state(self, request: web.Request) -> web.Response:
        """What keeps the page live."""
        language = language_of(request, self._languages)
        standing = await self._board.standing()
        since = request.query.get("since", "")
        body = pages.summary(standing) | {
            "sections": self._pages.sections(language, standing),
            "chart": pages.chart(standing.ledger, int(since) if since.isdecimal() and len(since) < 12 else 0),
        }
        return _guarded(web.json_response(body), language)

    async def asset(self, request: web.Request) -> web.Response:
        """Style or script."""
        kind, body = self._pages.assets.get(request.match_info["asset"], ("", b""))
        if not kind:
            raise web.HTTPNotFound
        response = web.Response(body=body, content_type=kind, charset="utf-8")
        guard(response)
        if request.query_string:  # the page names the version, so that it may be kept
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _page(html: str, language: str) -> web.Response:
    return _guarded(web.Response(text=html, content_type="text/html"), language)


def _guarded(response: web.Response, language: str) -> web.Response:
    guard(response, live=True)
    response.headers[hdrs.CONTENT_LANGUAGE] = language
    response.headers[hdrs.VARY] = hdrs.ACCEPT_LANGUAGE
    return response
