"""A ticket's page: the conversation, the composer, the fields beside it, the history.

    GET /console/{number}   200 the page; ?part=conversation or ?part=side that part alone, for the script that keeps it
                            live; 404 for a ticket that is not there or not the actor's to see

A ticket that was merged shows what is left of it, and leads to the one that took it in.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from config.mail_html import SANDBOX
from gateway.console.desk import Desk, number_in
from gateway.console.words import actor as words_of_actor
from gateway.operations.numerals import octets
from gateway.staff import actor_of, language_of
from models import answer_window, canned_text, dossier, life, suggestion
from models.answer_window import Window
from models.assignment import because
from models.dossier import Dossier
from models.ticket import COMMITMENT_HOURS, PRIORITIES, STATUSES

PARTS = {"conversation": "conversation.html", "side": "side.html"}
NOTICES = {"sent", "noted", "changed", "nothing_changed", "dismissed"}
WORKED_ON = ("open", "in_progress")
SUGGESTED = 3
"""Solved tickets that said the same, offered while a ticket waits for us."""
LINKS = ("related", "duplicate", "parent")


class Given(msgspec.Struct, frozen=True):
    """What a post that was not carried out had in it, to be given back with the reason."""

    status: int = 200
    why: str = ""
    """The reason, in the visitor's words; '' where nothing was refused."""
    values: Mapping[str, str] = {}
    open: str = ""
    """The part of the page that it belongs to."""


class TicketPages:
    """The handlers."""

    def __init__(self, desk: Desk, cycle: life.Cycle) -> None:
        self._desk, self._cycle = desk, cycle

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page."""
        return await self.page(request, Given())

    async def page(self, request: web.Request, given: Given) -> web.Response:
        """The page, with what could not be carried out where there is such a thing."""
        number, actor = number_in(request.match_info["number"]), actor_of(request)
        async with self._desk.reading() as connection:
            whole = await dossier.dossier(connection, actor, number) if number else None
            if whole is None:
                return self._desk.refused(request, 404)
            language = whole.language if whole.language in self._desk.languages else self._desk.languages[0]
            texts = await canned_text.texts(connection, actor, language=language)
            part = PARTS.get(request.query.get("part", "")) if not given.why else None
            like = (
                await suggestion.similar(connection, actor, number, most=SUGGESTED)
                if part != PARTS["conversation"] and whole.status in WORKED_ON
                else []
            )
            window = await answer_window.window(
                connection, whole.answer_channel, whole.answer_account, whole.answer_address
            )
        values = {
            **await self._values(request, whole, window),
            "given": given,
            "similar": like,
            "texts": [(text, self._filled(text.content, whole, actor.name)) for text in texts],
        }
        if part is not None:
            html = self._desk.pages.fragment(request, part, **values)
            return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-store"})
        response = self._desk.pages.page(
            request, "ticket.html", title=f"#{whole.number} {whole.subject}".strip(), status=given.status, **values
        )
        response.headers["Content-Security-Policy"] += "; frame-src 'self'"
        return response

    async def _values(self, request: web.Request, whole: Dossier, window: Window) -> dict[str, Any]:
        words, language = self._desk.pages.words(request), language_of(request)
        agents, teams = await self._desk.people()
        names = {agent.id: agent.name for agent in agents}
        channel = self._desk.channels.get(whole.answer_channel)
        closed = window.closed_at is not None
        return {
            "ticket": whole,
            "base": f"{self._desk.pages.root}/console/{whole.number}",
            "fields": self._fields(whole, words, language),
            "window": window,
            "templates": await self._desk.templates(whole.answer_channel, whole.answer_account) if closed else (),
            "answerable": channel is not None and bool(whole.answer_address) and whole.merged_into is None,
            "latest": max((message.id for message in whole.messages), default=0),
            "key": secrets.token_hex(12),
            "people": agents,
            "teams": teams,
            "statuses": STATUSES,
            "links": LINKS,
            "category": lambda value: self._desk.words.category(value, language),
            "value": lambda kind, value: self._desk.words.value(kind, value, words, names, language),
            "did": words_of_actor,
            "because": lambda reason: because(reason, language),
            "size": lambda count: octets(count, language),
            "sandbox": SANDBOX,
            "now": datetime.now(UTC),
            "sent": request.query.get("notice", "") if request.query.get("notice", "") in NOTICES else "",
        }

    def _fields(self, whole: Dossier, words: Any, language: str) -> Sequence[tuple[str, str, list[tuple[str, str]]]]:
        """The fields with choices: name, present value, (value, what it reads as) of each choice."""
        categories = [*self._desk.words.categories]
        allowed, stages = self._cycle.moves(whole.pipeline, whole.stage, whole.status)
        pipelines = self._cycle.pipelines.pipelines
        way = [
            ("pipeline", whole.pipeline, [(name, one.name[language]) for name, one in pipelines.items()]),
            (
                "stage",
                whole.stage,
                [
                    (stage.id, stage.name[language])
                    for stage in self._cycle.pipeline(whole.pipeline).stages
                    if stage.id in (*stages, whole.stage)
                ],
            ),
        ]
        statuses = [value for value in STATUSES if value == whole.status or value in allowed]
        return [
            ("status", whole.status, [(value, words["statuses"][value]) for value in statuses]),
            ("priority", whole.priority, [(value, words["priorities"][value]) for value in PRIORITIES[::-1]]),
            (
                "category",
                whole.category,
                [
                    (value, self._desk.words.category(value, language))
                    for value in dict.fromkeys([*categories, whole.category])
                ],
            ),
            *(field for field in way if len(pipelines) > 1 or field[0] != "pipeline"),
            ("level", str(whole.level), [(str(level), str(level)) for level in (1, 2, 3)]),
            (
                "commitment_hours",
                str(whole.commitment_hours or ""),
                [("", words["standard"]), *((str(hours), f"{hours} {words['hours']}") for hours in COMMITMENT_HOURS)],
            ),
        ]

    def _filled(self, content: str, whole: Dossier, agent: str) -> str:
        values = {"customer": whole.contact, "number": str(whole.number), "subject": whole.subject, "agent": agent}
        return canned_text.filled(content, values)
