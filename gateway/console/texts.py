"""Canned texts: read by all agents, written by supervisors.

GET  /console/texts              200 the list
POST /console/texts              303 a text is written; 403 for agents
POST /console/texts/{id}/delete  303; 403 likewise
"""

from __future__ import annotations

from aiohttp import web

from channels import wording
from channels.posted import NotTaken
from gateway.console.desk import Desk, moved, number_in
from gateway.staff import actor_of, language_of
from models import canned_text
from models.canned_text import Canned


class TextPages:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.StreamResponse:
        """All texts that the actor may use."""
        actor = actor_of(request)
        async with self._desk.reading() as connection:
            texts = await canned_text.texts(connection, actor, language=language_of(request))
        _agents, teams = await self._desk.people()
        words = self._desk.pages.words(request)
        return self._desk.pages.page(
            request,
            "texts.html",
            title=words["texts_title"],
            texts=texts,
            teams=teams,
            tongues=self._desk.languages,
            editable=actor.may("all_tickets"),
            malformed="malformed" in request.query,
        )

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Write one."""
        here = f"{self._desk.pages.root}/console/texts"
        try:
            values = (await self._desk.posted(request)).values
        except NotTaken:
            return moved(f"{here}?malformed=1")
        language = values.get("language", "")
        canned = Canned(
            id=number_in(values.get("id", "")),
            name=wording.line(values.get("name", "")),
            language=language if language in self._desk.languages else self._desk.languages[0],
            team=wording.line(values.get("team", "")),
            content=wording.lines(values.get("content", "")),
        )
        async with self._desk.writing() as connection:
            saved = await canned_text.save(connection, actor_of(request), canned)
        return moved(here if saved else f"{here}?malformed=1")

    async def drop(self, request: web.Request) -> web.StreamResponse:
        """Delete one."""
        async with self._desk.writing() as connection:
            await canned_text.drop(connection, actor_of(request), number_in(request.match_info["id"]))
        return moved(f"{self._desk.pages.root}/console/texts")
