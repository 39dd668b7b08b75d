"""The agents' own survey: once a month, without a name (`models.survey` says how).

GET  /account/survey   200 the question, or that this month is answered; to those who read statistics, the results
POST /account/survey   303 the answer is stored, or this month has one already; 422 without a score
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from gateway.keys import DATABASE, SETTINGS
from gateway.staff.access import actor_of, staff
from gateway.staff.layout import StaffPages, redirect
from gateway.staff.posted import form_of
from models import survey

PLACE = "/account/survey"


class Survey:
    """The page."""

    def __init__(self, app: web.Application, pages: StaffPages) -> None:
        self._database, self._least, self._pages = app[DATABASE], app[SETTINGS].closing.survey_least, pages

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        inside = staff("tickets")
        app.add_routes([web.get(PLACE, inside(self.show)), web.post(PLACE, inside(self.answer))])

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The question, and what was answered in the months before."""
        return await self._page(request)

    async def _page(self, request: web.Request, *, wrong: bool = False, comment: str = "") -> web.Response:
        actor, today = actor_of(request), datetime.now(UTC).date()
        async with self._database.engine.connect() as connection:
            took_part = await survey.took_part(connection, actor.id, today)
            results = []
            if actor.may("statistics"):
                results = list(await survey.results(connection, today=today, least=self._least))
        return self._pages.page(
            request,
            "survey.html",
            title=self._pages.words(request)["title"],
            status=422 if wrong else 200,
            took_part=took_part,
            today=datetime.now(UTC),
            results=results,
            reads=actor.may("statistics"),
            least=self._least,
            wrong=wrong,
            comment=comment,
        )

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Take it."""
        form, actor = await form_of(request), actor_of(request)
        score, comment = form.exact("score"), form.exact("comment").replace("\0", "").strip()
        if score not in tuple("12345"):
            return await self._page(request, wrong=True, comment=comment)
        async with self._database.engine.begin() as connection:
            await survey.answer(connection, actor.id, datetime.now(UTC).date(), int(score), comment)
        return redirect(request, PLACE)
