"""Administration: who works here, as what, in which teams. For administrators alone.

    GET  /agents                   200 all agents and teams
    POST /agents                   303 an agent is made and invited by mail; 422 the address is none, or taken
    POST /agents/teams             303 a team is made
    GET  /agents/{id}              200 one agent with the history of their access; 404
    POST /agents/{id}/access       303 role and teams; 422 nobody would be left to let others in
    POST /agents/{id}/work         303 which tickets they take
    POST /agents/{id}/disable      303 shut out at once; 422 likewise · /enable 303
    POST /agents/{id}/link         303 a new invitation, or a link for a new password, goes out by mail
    POST /agents/{id}/sessions     303 all their browsers are signed out

Every change is a line in the history of access and in the log, with who did it. Links stand in letters alone.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from config import logs, secret
from gateway.keys import DATABASE, SETTINGS
from gateway.staff.access import ACCESS, actor_of, staff
from gateway.staff.layout import StaffPages, redirect
from gateway.staff.posted import form_of
from models import agent_letter, agents, sessions
from models.access_event import history, note
from models.agent import ROLES

ADDRESS = re.compile(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+")
LEVELS = ("1", "2", "3")
MOST_CAPACITY = 1000

log = logs.of("staff")
Change = Callable[[AsyncConnection], Awaitable[bool]]


class Administration:
    """The pages of `/agents`."""

    def __init__(self, app: web.Application, pages: StaffPages) -> None:
        self._database, self._settings, self._access = app[DATABASE], app[SETTINGS], app[ACCESS]
        self._pages, self._secret = pages, secret.key(app[SETTINGS])

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        inside = staff("administration")
        posts = {
            "/agents": self.invite,
            "/agents/teams": self.make_team,
            "/agents/{id}/access": self.access,
            "/agents/{id}/work": self.work,
            "/agents/{id}/disable": self.disable,
            "/agents/{id}/enable": self.enable,
            "/agents/{id}/link": self.link,
            "/agents/{id}/sessions": self.end_sessions,
        }
        app.router.add_get("/agents", inside(self.show))
        app.router.add_get("/agents/{id}", inside(self.one))
        app.add_routes([web.post(path, inside(handler)) for path, handler in posts.items()])

    async def show(self, request: web.Request) -> web.StreamResponse:
        """All agents and teams."""
        return await self._all(request)

    async def _all(self, request: web.Request, wrong: str = "", **typed: str) -> web.Response:
        async with self._database.engine.connect() as connection:
            everybody, teams = await agents.accounts(connection), await agents.team_names(connection)
        words, done = self._pages.words(request), request.query.get("done", "")
        return self._pages.page(
            request,
            "agents.html",
            title=words["title"],
            status=422 if wrong else 200,
            everybody=everybody,
            teams=teams,
            roles=ROLES,
            wrong=wrong,
            typed={"email": "", "name": "", "role": "agent"} | typed,
            done=done if done in words["done"] else "",
        )

    async def invite(self, request: web.Request) -> web.StreamResponse:
        """Make an agent, and send them a link."""
        form, actor = await form_of(request), actor_of(request)
        email, name, role = form.line("email", 254), form.line("name", 80), form.exact("role")
        if not ADDRESS.fullmatch(email):
            return await self._all(request, "address", email=email, name=name, role=role)
        if role not in ROLES:
            raise web.HTTPBadRequest
        try:
            async with self._database.engine.begin() as connection:
                made = await agents.add(connection, actor, email, name, role=role, teams=form.lines("team"))
                whom = await agents.account(connection, made)
                await agent_letter.post(connection, self._settings, self._secret, whom, "invitation")
        except agents.Taken:
            return await self._all(request, "taken", email=email, name=name, role=role)
        log.info("agent_invited", agent_id=made, role=role, actor=actor.label)
        return redirect(request, f"/agents/{made}?done=invited")

    async def make_team(self, request: web.Request) -> web.StreamResponse:
        """Make a team."""
        name = (await form_of(request)).line("name", 60)
        if name:
            async with self._database.engine.begin() as connection:
                await agents.add_team(connection, name)
            log.info("team_made", actor=actor_of(request).label)
        return redirect(request, "/agents?done=team#teams" if name else "/agents#teams")

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One agent."""
        return await self._one(request)

    async def _one(self, request: web.Request, wrong: str = "") -> web.Response:
        agent_id = _id(request)
        try:
            async with self._database.engine.connect() as connection:
                account = await agents.account(connection, agent_id)
                teams, events = await agents.team_names(connection), await history(connection, agent_id)
                idle = self._settings.staff.idle_hours
                open_sessions = await sessions.open_sessions(connection, agent_id, idle_hours=idle)
        except agents.NoAgent as error:
            raise web.HTTPNotFound from error
        words, done = self._pages.words(request), request.query.get("done", "")
        return self._pages.page(
            request,
            "agent.html",
            title=account.name,
            status=422 if wrong else 200,
            account=account,
            teams=teams,
            roles=ROLES,
            events=events,
            sessions=open_sessions,
            wrong=wrong,
            done=done if done in words["done"] else "",
        )

    async def access(self, request: web.Request) -> web.StreamResponse:
        """Role and teams."""
        form, actor, agent_id = await form_of(request), actor_of(request), _id(request)
        role, teams = form.exact("role"), form.lines("team")
        if role not in ROLES:
            raise web.HTTPBadRequest

        async def change(connection: AsyncConnection) -> bool:
            address = self._access.address(request)
            moved = await agents.set_role(connection, actor, agent_id, role, address=address)
            return await agents.set_teams(connection, actor, agent_id, teams, address=address) or moved

        return await self._changed(request, "access_changed", change, role=role)

    async def work(self, request: web.Request) -> web.StreamResponse:
        """Which tickets they take."""
        form, actor, agent_id = await form_of(request), actor_of(request), _id(request)
        level, capacity = form.exact("max_level"), form.exact("capacity") or "0"
        languages = form.lines("spoken")
        known = set(languages) <= set(self._settings.triage.languages)
        fit = capacity.isascii() and capacity.isdecimal() and len(capacity) < 5 and int(capacity) <= MOST_CAPACITY
        if level not in LEVELS or not known or not fit:
            raise web.HTTPBadRequest

        async def change(connection: AsyncConnection) -> bool:
            return await agents.set_work(
                connection,
                actor,
                agent_id,
                languages=languages,
                max_level=int(level),
                capacity=int(capacity),
                address=self._access.address(request),
            )

        return await self._changed(request, "work_changed", change)

    async def disable(self, request: web.Request) -> web.StreamResponse:
        """Shut out."""
        actor, agent_id, address = actor_of(request), _id(request), self._access.address(request)
        return await self._changed(
            request, "agent_disabled", lambda connection: agents.disable(connection, actor, agent_id, address=address)
        )

    async def enable(self, request: web.Request) -> web.StreamResponse:
        """Let in again."""
        actor, agent_id, address = actor_of(request), _id(request), self._access.address(request)
        return await self._changed(
            request, "agent_enabled", lambda connection: agents.enable(connection, actor, agent_id, address=address)
        )

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Send a link for choosing a password."""
        actor, agent_id, address = actor_of(request), _id(request), self._access.address(request)

        async def change(connection: AsyncConnection) -> bool:
            whom = await agents.account(connection, agent_id)
            if whom.state == "disabled":
                return False
            purpose = "invitation" if whom.state == "invited" else "reset"
            await agent_letter.post(connection, self._settings, self._secret, whom, purpose)
            await note(connection, actor, agent_id, "reset_asked", address=address)
            return True

        return await self._changed(request, "link_sent", change, done="link")

    async def end_sessions(self, request: web.Request) -> web.StreamResponse:
        """Sign all their browsers out."""
        actor, agent_id, address = actor_of(request), _id(request), self._access.address(request)

        async def change(connection: AsyncConnection) -> bool:
            await agents.account(connection, agent_id)
            ended = await sessions.end_all(connection, agent_id)
            if ended:
                await note(connection, actor, agent_id, "sessions_ended", new=str(ended), address=address)
            return bool(ended)

        return await self._changed(request, "agent_signed_out", change)

    async def _changed(
        self, request: web.Request, event: str, change: Change, *, done: str = "saved", **ids: str
    ) -> web.StreamResponse:
        """Make a change and go back to the agent's page; a change that may not be is worded there."""
        try:
            async with self._database.engine.begin() as connection:
                changed = await change(connection)
        except agents.NoAgent as error:
            raise web.HTTPNotFound from error
        except agents.NoTeam as error:
            raise web.HTTPBadRequest from error
        except agents.LastAdministrator:
            return await self._one(request, "last")
        if changed:
            log.info("access_changed", what=event, agent_id=_id(request), actor=actor_of(request).label, **ids)
        return redirect(request, f"/agents/{_id(request)}?done={done}")


def _id(request: web.Request) -> int:
    """The agent that the path names. Raises `HTTPNotFound` for what cannot be one."""
    said = request.match_info["id"]
    if not (said.isascii() and said.isdecimal() and len(said) < 19):
        raise web.HTTPNotFound
    return int(said)
