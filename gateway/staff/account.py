"""One's own account: what one may change about oneself, and nothing about others.

GET  /account                      200
POST /account                      303 name, language, time zone; 422
POST /account/presence, /language  303 back to the page that it was sent from
POST /account/notify               303 the channel that tells of work, quiet hours; 422
POST /account/telephone            303 a code goes to the number; /code 303 it came back; /forget 303; 422, 429
POST /account/password             303, all other sessions end; 422 the present one is wrong, the new one unfit; 429
POST /account/sessions             303 one session ended, or all the others
"""

from __future__ import annotations

import time
from zoneinfo import available_timezones

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

import channels
from channels.limits import Buckets
from channels.number import e164
from config import logs
from gateway.keys import CHANNELS, DATABASE, SETTINGS
from gateway.staff.access import ACCESS, actor_of, staff, visitor_of
from gateway.staff.layout import StaffPages, language_of, redirect
from gateway.staff.origin import place
from gateway.staff.posted import form_of
from gateway.staff.sign_in import SignIn
from models import agent_letter, agents, own_account, proofs, sessions
from models.access_event import history, note
from models.agent import PRESENCES

CODES_PER_HOUR, GUESSES = 5, 5
MOST_EVENTS = 10

log = logs.of("staff")


class OwnAccount:
    """The pages of `/account`."""

    def __init__(self, app: web.Application, pages: StaffPages, door: SignIn) -> None:
        self._database, self._settings, self._access = app[DATABASE], app[SETTINGS], app[ACCESS]
        self._app, self._pages, self._door = app, pages, door
        self._codes = Buckets(CODES_PER_HOUR / 3600, CODES_PER_HOUR)
        self._guesses = Buckets(GUESSES / 600, GUESSES)

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        inside = staff("tickets")
        posts = {
            "": self.profile,
            "/presence": self.presence,
            "/language": self.language,
            "/notify": self.notify,
            "/telephone": self.telephone,
            "/telephone/code": self.code,
            "/telephone/forget": self.forget,
            "/password": self.password,
            "/sessions": self.end_sessions,
        }
        app.router.add_get("/account", inside(self.show))
        app.add_routes([web.post(f"/account{path}", inside(handler)) for path, handler in posts.items()])

    def lines(self) -> dict[str, tuple[str, bool]]:
        """How agents may be told of work: name → (title, whether it needs a telephone)."""
        found = channels.staff_lines(self._app[CHANNELS])
        return {name: (line.title, line.telephone) for name, (_channel, line) in found.items()}

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page."""
        return await self._page(request)

    async def _page(self, request: web.Request, wrong: str = "", why: str = "") -> web.Response:
        """The page; `wrong` names the part that was not taken, `why` the reason."""
        visitor = visitor_of(request)
        async with self._database.engine.connect() as connection:
            account = await agents.account(connection, visitor.actor.id)
            idle = self._settings.staff.idle_hours
            open_sessions = await sessions.open_sessions(
                connection, account.id, idle_hours=idle, current=visitor.session
            )
            events = await history(connection, account.id, most=MOST_EVENTS)
            claimed = await own_account.claimed_telephone(connection, visitor.actor)
        done = request.query.get("done", "")
        words = self._pages.words(request)
        return self._pages.page(
            request,
            "account.html",
            title=words["title"],
            status=422 if wrong else 200,
            account=account,
            sessions=open_sessions,
            events=events,
            claimed=claimed,
            lines=self.lines(),
            zones=sorted(available_timezones()),
            codes=bool(self._settings.staff.text_by),
            shortest=self._settings.staff.password_length,
            passwords=self._settings.staff.passwords,
            done=done if done in words["done"] else "",
            wrong=wrong,
            why=why,
        )

    async def profile(self, request: web.Request) -> web.StreamResponse:
        """Name, language, time zone."""
        form, actor = await form_of(request), actor_of(request)
        name, language, zone = form.line("name", 80), form.exact("language"), form.exact("timezone")
        if not name:
            return await self._page(request, "profile", "name")
        if zone not in available_timezones():
            return await self._page(request, "profile", "timezone")
        if language not in self._settings.triage.languages:
            raise web.HTTPBadRequest
        async with self._database.engine.begin() as connection:
            address = self._access.address(request)
            await own_account.set_profile(
                connection, actor, name=name, language=language, timezone=zone, address=address
            )
        return redirect(request, "/account?done=profile")

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
            await own_account.set_language(connection, actor_of(request), form.exact("language"))
        return redirect(request, place(form.exact("next")) or "/account")

    async def notify(self, request: web.Request) -> web.StreamResponse:
        """How one is told of work."""
        form, actor = await form_of(request), actor_of(request)
        channel, lines = form.exact("channel"), self.lines()
        begin, end = form.exact("quiet_from"), form.exact("quiet_to")
        quiet = f"{begin}-{end}" if begin or end else ""
        if channel and channel not in lines:
            raise web.HTTPBadRequest
        if not own_account.QUIET_HOURS.fullmatch(quiet):
            return await self._page(request, "notify", "quiet")
        async with self._database.engine.begin() as connection:
            account = await agents.account(connection, actor.id)
            unproved = bool(channel) and lines[channel][1] and not account.telephone_verified
            if not unproved:
                address = self._access.address(request)
                await own_account.set_notify(connection, actor, channel=channel, quiet_hours=quiet, address=address)
        if unproved:
            return await self._page(request, "notify", "telephone")
        return redirect(request, "/account?done=notify")

    async def telephone(self, request: web.Request) -> web.StreamResponse:
        """Send a code to a number."""
        if not self._settings.staff.text_by:
            raise web.HTTPNotFound
        actor = actor_of(request)
        number = e164((await form_of(request)).line("telephone", 40), self._settings.phone.region)
        if not number:
            return await self._page(request, "telephone", "number")
        if self._codes.take(str(actor.id), time.monotonic()):
            return self._access.refuse(request, "busy")
        async with self._database.engine.begin() as connection:
            code = await own_account.claim_telephone(connection, actor, number)
            await agent_letter.send_code(connection, self._settings, number, code, language_of(request))
        log.info("telephone_code_sent", agent_id=actor.id)
        return redirect(request, "/account?done=code#telephone")

    async def code(self, request: web.Request) -> web.StreamResponse:
        """Take the code that came."""
        actor, said = actor_of(request), (await form_of(request)).line("code", 20)
        if self._guesses.take(str(actor.id), time.monotonic()):
            async with self._database.engine.begin() as connection:
                await proofs.void(connection, actor.id, "telephone")
            return self._access.refuse(request, "busy")
        try:
            async with self._database.engine.begin() as connection:
                address = self._access.address(request)
                right = await own_account.prove_telephone(connection, actor, said, address=address)
        except own_account.TelephoneTaken:
            return await self._page(request, "telephone", "taken")
        if not right:
            return await self._page(request, "telephone", "code")
        log.info("telephone_proved", agent_id=actor.id)
        return redirect(request, "/account?done=telephone#telephone")

    async def forget(self, request: web.Request) -> web.StreamResponse:
        """Have no number any more."""
        async with self._database.engine.begin() as connection:
            address = self._access.address(request)
            await own_account.forget_telephone(connection, actor_of(request), address=address)
        return redirect(request, "/account?done=forgotten#telephone")

    async def password(self, request: web.Request) -> web.StreamResponse:
        """A new password, by whoever knows the old one."""
        if not self._settings.staff.passwords:
            raise web.HTTPNotFound
        form, visitor = await form_of(request), visitor_of(request)
        actor, address = visitor.actor, self._access.address(request)
        if self._guesses.take(f"password {actor.id}", time.monotonic()):
            return self._access.refuse(request, "busy")
        if not await self._door.knows(actor.id, form.exact("old")):
            return await self._page(request, "password", "old")
        if unfit := self._door.unfit(form, visitor.email, actor.name):
            return await self._page(request, "password", unfit)
        hashed = await self._door.hashed(form.exact("password"))
        async with self._database.engine.begin() as connection:
            await proofs.set_password(connection, actor, actor.id, hashed, keep=visitor.session, address=address)
        log.info("password_changed", agent_id=actor.id)
        return redirect(request, "/account?done=password#password")

    async def end_sessions(self, request: web.Request) -> web.StreamResponse:
        """End one session of one's own, or all but this one."""
        name, visitor = (await form_of(request)).exact("session"), visitor_of(request)
        async with self._database.engine.begin() as connection:
            ended = await self._end(connection, visitor.actor.id, name, visitor.session)
            if ended:
                address = self._access.address(request)
                await note(
                    connection, visitor.actor, visitor.actor.id, "sessions_ended", new=str(ended), address=address
                )
        log.info("sessions_ended", agent_id=visitor.actor.id, count=ended)
        return redirect(request, "/account?done=sessions#sessions")

    async def _end(self, connection: AsyncConnection, agent_id: int, name: str, current: bytes) -> int:
        if name == "others":
            return await sessions.end_all(connection, agent_id, but=current)
        return await sessions.end_named(connection, agent_id, name)
