"""Signing in and out by password, and the single-use links by which a password is chosen.

    GET  /sign-in                  200 the form; 303 on for whom is signed in already
    POST /sign-in                  303 signed in; 401 unknown or wrong, never saying which; 429 too often
    POST /sign-out                 303
    GET  /sign-in/forgotten        200 where a new password is asked for; POST 200 the same answer whatever was asked
    GET  /invitations/{token}      200 where a password is chosen; POST 303 chosen, and signed in; 422 unfit
    GET  /resets/{token}           likewise
    everywhere: 404 for a link that opens nothing, whatever the reason; 403 for a foreign page's post

A new session's cookie is always a new one. Trying passwords is bounded by IP address and by account; an unknown
account costs the same time as a wrong password, and its letter is queued by nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import time

from aiohttp import hdrs, web

from channels.client_address import neighbourhood
from channels.limits import Buckets
from config import logs, secret
from gateway.keys import DATABASE, SETTINGS
from gateway.staff.access import ACCESS, AWAY, Unknown, recognise, same_origin, staff, visitor_of
from gateway.staff.layout import StaffPages, at_home, language_of, redirect
from gateway.staff.origin import place
from gateway.staff.posted import Fields, form_of
from models import agent_letter, agents, password, proofs, sessions
from models.access_event import note
from models.actor import Actor
from models.proofs import Claim

HASHING_AT_ONCE = 2
"""Each takes a tenth of a second of a core and 64 MiB."""
ACCOUNT_SECONDS = 900.0
LETTERS_PER_HOUR, LETTER_SECONDS = 3, 0.4
"""Of one account; and how long asking takes, so that the clock does not tell whether a letter was queued."""

log = logs.of("staff")


class SignIn:
    """The doors for those who have no session yet."""

    def __init__(self, app: web.Application, pages: StaffPages) -> None:
        settings = app[SETTINGS]
        self._staff, self._secret = settings.staff, secret.key(settings)
        self._settings, self._database, self._access = settings, app[DATABASE], app[ACCESS]
        self._pages = pages
        self._hashing = asyncio.Semaphore(HASHING_AT_ONCE)
        per_minute, per_account = self._staff.attempts_per_minute, self._staff.attempts_per_account
        self._tries = Buckets(per_minute / 60, per_minute)
        self._wrong = Buckets(per_account / ACCOUNT_SECONDS, per_account)
        self._letters = Buckets(LETTERS_PER_HOUR / 3600, LETTERS_PER_HOUR)

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        routes = [
            web.get("/sign-in", self.show),
            web.post("/sign-in", same_origin(self.sign_in)),
            web.post("/sign-out", staff("tickets")(self.sign_out)),
            web.get("/sign-in/forgotten", self.forgotten),
            web.post("/sign-in/forgotten", same_origin(self.send_link)),
        ]
        for purpose, path in agent_letter.PATHS.items():
            routes.append(web.get(f"/{path}/{{token:[^/]*}}", self.choosing(purpose)))
            routes.append(web.post(f"/{path}/{{token:[^/]*}}", same_origin(self.chosen(purpose))))
        app.add_routes(routes)

    # signing in

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The form."""
        try:
            if not await self._access.anybody():
                return self._access.refuse(request, "first")
        except Unknown:
            return self._access.refuse(request, "away")
        onward = place(request.query.get("next", ""))
        visitor = await recognise(request)
        if visitor is not None:
            return redirect(request, onward or at_home(visitor.actor, request.app))
        said = request.query.get("said", "")
        return self.form(request, onward=onward, said=said if said in ("out", "identity") else "")

    def form(
        self, request: web.Request, *, onward: str = "", email: str = "", said: str = "", status: int = 200
    ) -> web.Response:
        """The page with the form; `said` is what is to be told: out, wrong, identity."""
        oidc = self._staff.oidc
        return self._pages.page(
            request,
            "sign_in.html",
            title=self._pages.words(request)["sign_in"]["title"],
            status=status,
            onward=onward,
            email=email,
            said=said,
            passwords=self._staff.passwords,
            provider=oidc.label if oidc.issuer else "",
        )

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Compare, and let in."""
        if not self._staff.passwords:
            return self._access.refuse(request, "none")
        address = neighbourhood(self._access.address(request))
        now = time.monotonic()
        if self._tries.take(address, now):
            return self._access.refuse(request, "busy")
        form = await form_of(request)
        email, onward = form.line("email", 254), place(form.exact("next"))
        account = hashlib.sha256(email.casefold().encode()).hexdigest()
        if self._wrong.take(account, now):  # before it is known to be wrong: many may be asking at once
            return self._access.refuse(request, "busy")
        try:
            async with self._database.engine.connect() as connection:
                known = await proofs.password_of(connection, email)
            right = await self._matches(known.password_hash if known else None, form.exact("password"))
            if known is None or known.disabled or not right:
                log.warning("sign_in_refused", agent_id=known.id if known else 0, address=address)
                return self.form(request, onward=onward, email=email, said="wrong", status=401)
            self._wrong.give_back(account, now)
            renewed = ""
            if known.password_hash and password.outdated(known.password_hash):
                renewed = await self.hashed(form.exact("password"))
            return await self.enter(request, known.id, onward, renewed=renewed)
        except AWAY:
            return self._access.refuse(request, "away")

    async def enter(
        self, request: web.Request, agent_id: int, onward: str = "", *, how: str = "password", renewed: str = ""
    ) -> web.Response:
        """Start a session, and go on."""
        address = self._access.address(request)
        async with self._database.engine.begin() as connection:
            account = await agents.account(connection, agent_id)
            if renewed:
                await proofs.rehash(connection, agent_id, renewed)
            token = await sessions.begin(
                connection,
                agent_id,
                days=self._staff.session_days,
                browser=request.headers.get(hdrs.USER_AGENT, ""),
                address=address,
                instead=self._access.token(request),
            )
            actor = Actor("agent", id=agent_id, role=account.role)
            await note(connection, actor, agent_id, "signed_in", new=how, address=address)
        log.info("signed_in", agent_id=agent_id, how=how, address=address)
        response = redirect(request, onward or at_home(actor, request.app))
        self._access.set_cookie(response, token)
        return response

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """End this browser's session."""
        visitor = visitor_of(request)
        async with self._database.engine.begin() as connection:
            await sessions.end(connection, visitor.session)
            if visitor.actor.id:
                await note(connection, visitor.actor, visitor.actor.id, "signed_out")
        response = redirect(request, f"/sign-in?said=out&lang={language_of(request)}")
        self._access.set_cookie(response, "")
        return response

    async def _matches(self, stored: str | None, said: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(password.matches, stored, said)

    async def hashed(self, said: str) -> str:
        """The hash of a new password."""
        async with self._hashing:
            return await asyncio.to_thread(password.hashed, said)

    async def knows(self, agent_id: int, said: str) -> bool:
        """Whether `said` is an agent's present password."""
        async with self._database.engine.connect() as connection:
            stored = await proofs.hash_of_agent(connection, agent_id)
        return await self._matches(stored, said)

    # a forgotten password

    async def forgotten(self, request: web.Request) -> web.StreamResponse:
        """Where one asks for a link."""
        if not self._staff.passwords:
            return self._access.refuse(request, "none")
        return self._asking(request)

    def _asking(self, request: web.Request, *, asked: bool = False) -> web.Response:
        title = self._pages.words(request)["forgotten"]["title"]
        return self._pages.page(request, "forgotten.html", title=title, asked=asked)

    async def send_link(self, request: web.Request) -> web.StreamResponse:
        """Queue it, if there is such an account; the answer does not tell."""
        if not self._staff.passwords:
            return self._access.refuse(request, "none")
        now, address = time.monotonic(), neighbourhood(self._access.address(request))
        if self._tries.take(address, now):
            return self._access.refuse(request, "busy")
        email = (await form_of(request)).line("email", 254)
        if email and not self._letters.take(email.casefold(), now):
            try:
                await self._queue(email, address)
            except AWAY:
                return self._access.refuse(request, "away")
        await asyncio.sleep(max(0.0, now + LETTER_SECONDS - time.monotonic()))
        return self._asking(request, asked=True)

    async def _queue(self, email: str, address: str) -> None:
        async with self._database.engine.begin() as connection:
            try:
                whom = await agents.by_email(connection, email)
            except agents.NoAgent:
                return
            if whom.state == "disabled":
                return
            await agent_letter.post(connection, self._settings, self._secret, whom, "reset")
            await note(connection, Actor("step", name="sign_in"), whom.id, "reset_asked", address=address)
        log.info("reset_asked", agent_id=whom.id, address=address)

    # choosing a password

    def choosing(self, purpose: str):  # type: ignore[no-untyped-def]
        """The handler that shows what a link opens."""

        async def show(request: web.Request) -> web.StreamResponse:
            claim = await self._claimed(request, purpose)
            return claim if isinstance(claim, web.StreamResponse) else self._choice(request, claim)

        return show

    async def _claimed(self, request: web.Request, purpose: str) -> Claim | web.StreamResponse:
        """What the link opens, or the answer that it opens nothing."""
        address, now = neighbourhood(self._access.address(request)), time.monotonic()
        if self._tries.empty(address, now):
            return self._access.refuse(request, "busy")
        try:
            async with self._database.engine.connect() as connection:
                claim = await proofs.look(connection, request.match_info["token"], purpose)
        except AWAY:
            return self._access.refuse(request, "away")
        if claim is None:
            self._tries.take(address, now)
            return self._access.refuse(request, "none")
        return claim

    def _choice(self, request: web.Request, claim: Claim, unfit: str = "") -> web.Response:
        words = self._pages.words(request)
        return self._pages.page(
            request,
            "choose.html",
            title=words["choose"][claim.purpose],
            status=422 if unfit else 200,
            claim=claim,
            unfit=unfit,
            shortest=self._staff.password_length,
            passwords=self._staff.passwords,
            provider=self._staff.oidc.label if self._staff.oidc.issuer else "",
        )

    def chosen(self, purpose: str):  # type: ignore[no-untyped-def]
        """The handler that takes the choice."""

        async def take(request: web.Request) -> web.StreamResponse:
            claim = await self._claimed(request, purpose)
            if isinstance(claim, web.StreamResponse):
                return claim
            if not self._staff.passwords:
                return self._access.refuse(request, "none")
            form = await form_of(request)
            if unfit := self.unfit(form, claim.email, claim.name):
                return self._choice(request, claim, unfit)
            hashed = await self.hashed(form.exact("password"))
            address = self._access.address(request)
            try:
                async with self._database.engine.begin() as connection:
                    redeemed = await proofs.redeem(connection, request.match_info["token"], purpose)
                    if redeemed is None:
                        return self._access.refuse(request, "none")
                    actor = Actor("agent", id=redeemed.agent_id)
                    await proofs.set_password(connection, actor, redeemed.agent_id, hashed, address=address)
                log.info("password_chosen", agent_id=redeemed.agent_id, by=purpose, address=address)
                return await self.enter(request, redeemed.agent_id, how=purpose)
            except AWAY:
                return self._access.refuse(request, "away")

        return take

    def unfit(self, form: Fields, *known: str) -> str:
        """Why the new password of a form is unfit: short, long, plain, different; '' for a fit one."""
        said = form.exact("password")
        parts = tuple(part for word in known for part in (word, word.partition("@")[0]))
        unfit = password.why_unfit(said, shortest=self._staff.password_length, known=parts)
        return unfit or ("different" if said != form.exact("again") else "")
