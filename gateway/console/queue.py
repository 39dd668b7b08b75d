"""The queue: the list of tickets, what narrows it down, what is done to many at once.

GET  /console                    200 the list; ?part=list the list alone, for the script that keeps it live
POST /console/bulk               303 back to the list, which says how many were changed and which were not, and why
POST /console/views              303 the filters are kept under a name
POST /console/views/{id}/delete  303
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from channels import wording
from channels.posted import NotTaken
from gateway.console.desk import Desk, chosen, moved, number_in
from gateway.console.words import shortly
from gateway.staff import actor_of, language_of
from models import life, queue, saved_view
from models.queue import ME, NOBODY, Filters
from models.ticket import PRIORITIES, STATUSES

VIEWS: Sequence[tuple[str, Mapping[str, str], str]] = (
    ("unresolved", {}, "unresolved"),
    ("mine", {"assignee": ME}, "me"),
    ("nobody", {"assignee": NOBODY}, "nobody"),
    ("urgent", {"priority": "urgent"}, "urgent"),
    ("snoozed_view", {"status": "snoozed"}, "snoozed"),
    ("done", {"status": "done"}, ""),
)
"""Name of its word, what it narrows down to, the count that stands beside it."""
MOST_CHOSEN = 100


class QueuePages:
    """The handlers."""

    def __init__(self, desk: Desk, cycle: life.Cycle) -> None:
        self._desk, self._cycle = desk, cycle

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The list."""
        filters = Filters.of(request.query)
        order = queue.order_of(filters, request.query.get("order", ""))
        after = request.query.get("after", "")[:100]
        actor = actor_of(request)
        async with self._desk.reading() as connection:
            listing = await queue.listing(connection, actor, filters, order=order, after=after)
            counts = await queue.counts(connection, actor)
            total = await queue.count(connection, actor, filters)
            views = await saved_view.views(connection, actor)
        values = {
            **await self._values(request, filters, order),
            "listing": listing,
            "counts": counts,
            "total": total,
            "counted": queue.COUNTED,
            "saved": views,
            "after": after,
        }
        if request.query.get("part") == "list":
            return _part(self._desk.pages.fragment(request, "list.html", **values))
        title = self._desk.pages.words(request)["queue"]
        return self._desk.pages.page(request, "queue.html", title=title, **values)

    async def _values(self, request: web.Request, filters: Filters, order: str) -> dict[str, Any]:
        words, language = self._desk.pages.words(request), language_of(request)
        agents, teams = await self._desk.people()
        said = filters.said()

        def address(**changes: str) -> str:
            query = {**said, **({"order": order} if "order" in request.query else {}), **changes}
            query = {name: value for name, value in query.items() if value}
            return f"{self._desk.pages.root}/console{'?' + urlencode(query) if query else ''}"

        return {
            "filters": filters,
            "said": {name: self._shown(name, value, words, language, agents) for name, value in said.items()},
            "order": order,
            "orders": [name for name in queue.ORDERS if queue.order_of(filters, name) == name],
            "address": address,
            "views": [(name, narrowed, count, narrowed == said) for name, narrowed, count in VIEWS],
            "query": urlencode(said | ({"order": order} if "order" in request.query else {})),
            "statuses": STATUSES,
            "priorities": PRIORITIES,
            "categories": self._desk.words.categories,
            "category": lambda value: self._desk.words.category(value, language),
            "channels": [*self._desk.channels],
            "people": agents,
            "teams": teams,
            "tongues": self._desk.languages,
            "now": datetime.now(UTC),
            "shortly": lambda at: shortly(at, language, actor_of(request).timezone, datetime.now(UTC)),
            "me_id": actor_of(request).id,
            "notice": _notice(request, words),
            "wakes": lambda line: line.snoozed_until is not None and line.snoozed_until > datetime.now(UTC),
        }

    def _shown(self, name: str, value: str, words: Any, language: str, agents: Sequence[Any]) -> str:
        """A filter as people read it."""
        if value == ME:
            return str(words["me"])
        if value == NOBODY:
            return str(words["no_team" if name == "team" else "none"])
        if name == "assignee":
            return next((one.name for one in agents if str(one.id) == value), value)
        if name == "status" and value not in STATUSES:
            return str(words["snoozed_view" if value == "snoozed" else value])
        names = {agent.id: agent.name for agent in agents}
        return self._desk.words.value(name, value, words, names, language)

    async def bulk(self, request: web.Request) -> web.StreamResponse:
        """Change the tickets that are ticked, each by itself: those that may not be are named."""
        try:
            values = (await self._desk.posted(request)).values
        except NotTaken:
            return moved(f"{self._desk.pages.root}/console?notice=malformed")
        back = _query(values.get("query", ""))
        numbers, changes = chosen(values, "t")[:MOST_CHOSEN], changes_of(values)
        if not numbers or not changes:
            return moved(f"{self._desk.pages.root}/console?{urlencode({**back, 'notice': 'no_choice'})}")
        async with self._desk.writing() as connection:
            done = await life.change_many(connection, actor_of(request), numbers, changes, cycle=self._cycle)
        made = [one for one in done if isinstance(one, life.Done)]
        refused = [one for one in done if not isinstance(one, life.Done)]
        self._desk.tell(key for one in made for key in one.keys)
        said = {"changed": str(len(made)), "refused": ",".join(str(one.number) for one in refused)[:300]}
        return moved(f"{self._desk.pages.root}/console?{urlencode({**back, 'notice': 'bulk', **said})}")

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Keep filters under a name."""
        try:
            values = (await self._desk.posted(request)).values
        except NotTaken:
            return moved(f"{self._desk.pages.root}/console?notice=malformed")
        query, name = _query(values.get("query", "")), wording.line(values.get("name", ""))
        async with self._desk.writing() as connection:
            actor = actor_of(request)
            await saved_view.save(connection, actor, name, urlencode(query), shared=values.get("shared") == "on")
        return moved(f"{self._desk.pages.root}/console?{urlencode(query)}")

    async def drop(self, request: web.Request) -> web.StreamResponse:
        """Delete a view."""
        async with self._desk.writing() as connection:
            await saved_view.drop(connection, actor_of(request), number_in(request.match_info["id"]))
        return moved(f"{self._desk.pages.root}/console")


def changes_of(values: Mapping[str, str]) -> dict[str, Any]:
    """What a bulk form asks for: named fields alone, whatever else was posted."""
    changes: dict[str, Any] = {}
    for name in ("status", "priority", "category"):
        if value := values.get(name, ""):
            changes[name] = value
    if team := values.get("team", ""):
        changes["team"] = "" if team == NOBODY else team
    if assignee := values.get("assignee", ""):
        changes["assignee"] = None if assignee == NOBODY else number_in(assignee)
    if tag := wording.line(values.get("tag", ""))[:50]:
        changes["tags_added"] = [tag]
    return changes


def _query(said: str) -> dict[str, str]:
    """The filters and the order of a query string, and nothing else."""
    given = dict(parse_qsl(said[:2000]))
    order = given.get("order", "")
    return Filters.of(given).said() | ({"order": order} if order in queue.ORDERS else {})


def _notice(request: web.Request, words: Any) -> tuple[str, str]:
    """What the page before has to say: a kind and a sentence."""
    name = request.query.get("notice", "")
    if name == "bulk":
        refused = request.query.get("refused", "")
        changed = number_in(request.query.get("changed", ""))
        sentence = f"{words['bulk_done']} {changed}."
        known = ", ".join(f"#{number_in(one)}" for one in refused.split(",") if number_in(one))
        return ("warn", f"{sentence} {words['bulk_refused']} {known}.") if known else ("good", sentence)
    return ("bad", str(words[name])) if name in ("no_choice", "malformed") else ("", "")


def _part(html: str) -> web.Response:
    return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-store"})
