"""One's own account: what one may change about oneself.

POST /account/presence   303 back
POST /account/language   303 back
"""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import text

from gateway.keys import DATABASE, SETTINGS
from gateway.staff.access import actor_of, staff
from gateway.staff.layout import StaffPages, redirect
from gateway.staff.origin import place
from gateway.staff.posted import form_of
from models import agents
from models.agent import PRESENCES


class OwnAccount:
    """The pages of `/account`."""

    def __init__(self, app: web.Application, pages: StaffPages) -> None:
        self._database, self._settings, self._pages = app[DATABASE], app[SETTINGS], pages

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.add_routes(
            [
                web.post("/account/presence", staff("tickets")(self.presence)),
                web.post("/account/language", staff("tickets")(self.language)),
            ]
        )

    async def presence(self, request: web.Request) -> web.StreamResponse:
        """Take new tickets, or none."""
        form = await form_of(request)
        if form.exact("presence") not in PRESENCES:
            raise web.HTTPBadRequest
        async with self._database.engine.begin() as connection:
            await agents.set_presence(connection, actor_of(request).id, form.exact("presence"))
        return redirect(request, place(form.exact("next")) or "/account")

    async def language(self, request: web.Request) -> web.StreamResponse:
        """Read the pages in another language."""
        form = await form_of(request)
        if form.exact("language") not in self._settings.triage.languages:
            raise web.HTTPBadRequest
        async with self._database.engine.begin() as connection:
            await connection.execute(_LANGUAGE, {"id": actor_of(request).id, "language": form.exact("language")})
        return redirect(request, place(form.exact("next")) or "/account")


_LANGUAGE = text("UPDATE agent SET language = :language WHERE id = :id")
