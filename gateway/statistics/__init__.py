"""The figures of the service, for supervisors and administrators: `/statistics`.

    GET /statistics                   the page; filters in the address, so that it can be kept and sent
    GET /statistics/state.json        {"version": n}: grows when the figures change; keeps the page live
    GET /statistics/figures.json      all figures as JSON
    GET /statistics/tickets           the tickets behind a number: ?figure=resolved&category=billing …
    GET /statistics/tickets.csv       the same, a row a ticket, streamed
    GET /statistics/tickets.parquet   the same as Parquet; 501 where pyarrow is not there
    GET /statistics/report.pdf        the report of the period

Filters: period (today, 7d, 30d, 90d, month, last_month, year) or from and to; pipeline, channel, team, agent, product,
perimeter; `-` is the empty value. clock=seconds or worked. What is not understood is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from config.pages import TEMPLATES
from gateway.keys import DATABASE, SETTINGS
from gateway.staff import StaffPages, actor_of, language_of, problem, staff
from gateway.statistics import view
from models.statistics import parquet, rows
from models.statistics.answer import Answer, answer
from models.statistics.basis import basis_of
from models.statistics.choice import Choice, Tickets
from models.statistics.period import Period, period_of
from models.statistics.read import counted, names_of
from models.statistics.wording import Labels, Wording

FOLDER = TEMPLATES / "statistics"
Response = TypeVar("Response", bound=web.StreamResponse)
PLOT = TEMPLATES / "operations" / "uplot"


def mount(app: web.Application) -> None:
    """Add the pages."""
    desk = _Desk(app)
    guarded = staff("statistics")
    app.add_routes(
        [
            web.get("/statistics", guarded(desk.page)),
            web.get("/statistics/state.json", guarded(desk.state)),
            web.get("/statistics/figures.json", guarded(desk.figures)),
            web.get("/statistics/tickets", guarded(desk.tickets)),
            web.get("/statistics/tickets.csv", guarded(desk.csv)),
            web.get("/statistics/tickets.parquet", guarded(desk.parquet)),
            web.get("/statistics/report.pdf", guarded(desk.report)),
            web.get("/statistics/assets/{asset}", desk.pages.asset),
        ]
    )


class _Desk:
    """The handlers."""

    def __init__(self, app: web.Application) -> None:
        self._settings, self._database = app[SETTINGS], app[DATABASE]
        self._basis = basis_of(self._settings)
        assets = {
            "statistics.css": FOLDER / "statistics.css",
            "statistics.js": FOLDER / "statistics.js",
            "uplot.css": PLOT / "uPlot.min.css",
            "uplot.js": PLOT / "uPlot.iife.min.js",
        }
        self.pages = StaffPages(app, FOLDER, section="statistics", assets=assets)

    async def page(self, request: web.Request) -> web.Response:
        """The page."""
        found = await self._answer(request)
        language = language_of(request)
        shown = view.Shown(Wording(found, language, self._settings), request.query, self._period(request))
        return self.pages.page(request, "statistics.html", title=shown.text["title"], shown=shown)

    async def state(self, _request: web.Request) -> web.Response:
        """Whether anything changed."""
        async with self._database.engine.connect() as connection:
            version, at = await counted(connection)
        return _json({"version": version, "counted_at": at})

    async def figures(self, request: web.Request) -> web.Response:
        """All figures."""
        return _json((await self._answer(request)).plain())

    async def tickets(self, request: web.Request) -> web.Response:
        """The tickets behind a number."""
        asked = Tickets.of(request.query, self._period(request))
        below = request.query.get("below", "")
        actor = actor_of(request)
        async with self._snapshot() as connection:
            found = await rows.page(connection, asked, actor, below=int(below[:18]) if below.isdecimal() else 0)
            number = await rows.count(connection, asked, actor)
            names = await names_of(connection)
        language = language_of(request)
        labels = Labels(self._settings, language)
        listed = view.Listed(found, number, asked, names, labels, language, request.query)
        return self.pages.page(request, "tickets.html", title=listed.title, listed=listed)

    async def csv(self, request: web.Request) -> web.StreamResponse:
        """A row a ticket."""
        response = await self._download(request, "csv", "text/csv; charset=utf-8")
        await response.write(rows.csv_lines([], header=True))
        async with self._snapshot() as connection:
            async for portion in rows.stream(connection, self._asked(request), actor_of(request)):
                await response.write(rows.csv_lines(portion))
        await response.write_eof()
        return response

    async def parquet(self, request: web.Request) -> web.StreamResponse:
        """The same as Parquet."""
        if not parquet.available():
            return problem(501, "parquet_missing", self.pages.words(request)["no_parquet"])
        response = await self._download(request, "parquet", "application/vnd.apache.parquet")
        file = parquet.File()
        async with self._snapshot() as connection:
            async for portion in rows.stream(connection, self._asked(request), actor_of(request)):
                await response.write(await asyncio.to_thread(file.add, portion))
        await response.write(file.end())
        await response.write_eof()
        return response

    async def report(self, request: web.Request) -> web.Response:
        """The report of the period."""
        found, language = await self._answer(request), language_of(request)
        from models.statistics.paper import paper  # here, since drawing wants 15 MB that are seldom needed

        wording = Wording(found, language, self._settings)
        body = await asyncio.to_thread(paper, wording, datetime.now(UTC).astimezone(self._basis.zone))
        response = web.Response(body=body, content_type="application/pdf")
        response.headers["Content-Disposition"] = f'attachment; filename="{_name(self._period(request), "pdf")}"'
        return _kept_to_us(response)

    def _period(self, request: web.Request) -> Period:
        return period_of(request.query, self._basis.day(datetime.now(UTC)))

    def _asked(self, request: web.Request) -> Tickets:
        return Tickets.of(request.query, self._period(request))

    async def _answer(self, request: web.Request) -> Answer:
        async with self._snapshot() as connection:
            return await answer(
                connection, self._period(request), Choice.of(request.query), self._settings.statistics.cost
            )

    async def _download(self, request: web.Request, kind: str, content_type: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        name = _name(self._period(request), kind)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        _kept_to_us(response)
        await response.prepare(request)
        return response

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[AsyncConnection]:
        """All queries of an answer see the same moment, so that its figures agree with each other."""
        async with self._database.engine.connect() as engine:
            yield await engine.execution_options(isolation_level="REPEATABLE READ")


def _name(period: Period, kind: str) -> str:
    return f"guichet-{period.first}-{period.last}.{kind}"


def _json(body: Any) -> web.Response:
    return _kept_to_us(web.Response(body=msgspec.json.encode(body), content_type="application/json"))


def _kept_to_us(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
