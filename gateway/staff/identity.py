"""Signing in by an identity provider.

    GET /sign-in/identity            303 to the provider, which is told where to send the browser back to
    GET /sign-in/identity/callback   303 signed in; 303 to /sign-in where it did not come about, whatever the reason
    both: 404 without a provider, 429 too often

State, nonce and code verifier are seals over one random value that stands in the browser's cookie for ten minutes: the
answer of a provider counts only in the browser that asked for it, and nothing is kept here meanwhile.

An agent is recognised by issuer and subject. One who never came this way is joined by an address that the provider
says it has verified, once; an account that is joined to one subject is never joined to another. Nobody is made here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from urllib.parse import urlsplit

from aiohttp import web

from channels.client_address import neighbourhood
from channels.limits import Buckets
from config import logs, secret
from config.pages import guard
from gateway.keys import DATABASE, SETTINGS
from gateway.staff.access import ACCESS, AWAY
from gateway.staff.layout import redirect
from gateway.staff.oidc import Identity, Provider, ProviderError
from gateway.staff.origin import place
from gateway.staff.sign_in import SignIn
from models import proofs

COOKIE, PATH = "guichet_identity", "/sign-in/identity"
SECONDS = 600

log = logs.of("staff")


class ByIdentity:
    """The door of the provider."""

    def __init__(self, app: web.Application, door: SignIn) -> None:
        settings = app[SETTINGS]
        self._settings, self._database, self._access, self._door = settings, app[DATABASE], app[ACCESS], door
        self._oidc = settings.staff.oidc
        self._provider = Provider(self._oidc)
        self._secret = secret.key(settings)
        self._redirect = settings.base_url + PATH + "/callback"
        self._path = urlsplit(self._redirect).path.removesuffix("/callback")
        per_minute = settings.staff.attempts_per_minute
        self._tries = Buckets(per_minute / 60, per_minute)

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get(PATH, self.begin)
        app.router.add_get(f"{PATH}/callback", self.back)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to the provider."""
        if refusal := self._refusal(request):
            return refusal
        onward = base64.urlsafe_b64encode(place(request.query.get("next", "")).encode()).decode()
        kept = f"{secrets.token_urlsafe(32)}.{int(time.time())}.{onward}"
        try:
            address = await self._provider.address(
                redirect=self._redirect,
                state=self._seal("state", kept),
                nonce=self._seal("nonce", kept),
                verifier=self._seal("verifier", kept),
            )
        except ProviderError as error:
            log.error("identity_provider_failed", error=str(error))
            return self._not_so(request)
        response = web.Response(status=303, headers={"Location": address})
        guard(response)
        secure = self._settings.base_url.startswith("https:")
        response.set_cookie(
            COOKIE, kept, max_age=SECONDS, path=self._path, httponly=True, samesite="Lax", secure=secure or None
        )
        return response

    async def back(self, request: web.Request) -> web.StreamResponse:
        """Take what the provider sent the browser back with."""
        if refusal := self._refusal(request):
            return refusal
        kept, query = request.cookies.get(COOKIE, ""), request.query
        if not self._asked_here(kept, query.get("state", "")):
            log.warning("identity_refused", why="not asked for by this browser")
            return self._not_so(request)
        if query.get("iss", self._oidc.issuer) != self._oidc.issuer:  # RFC 9207: no mix-up of providers
            log.warning("identity_refused", why="another issuer")
            return self._not_so(request)
        if "error" in query or not query.get("code"):
            log.info("identity_refused", why="the provider said no")
            return self._not_so(request)
        nonce, verifier = self._seal("nonce", kept), self._seal("verifier", kept)
        try:
            identity = await self._provider.identity(
                query["code"], redirect=self._redirect, nonce=nonce, verifier=verifier
            )
        except ProviderError as error:
            log.error("identity_provider_failed", error=str(error))
            return self._not_so(request)
        try:
            agent_id = await self._agent(identity)
            if agent_id is None:
                log.warning("identity_refused", why="nobody here", verified=bool(identity.email))
                return self._not_so(request)
            onward = place(base64.urlsafe_b64decode(kept.split(".")[2]).decode())
            response: web.StreamResponse = await self._door.enter(request, agent_id, onward, how="identity")
        except AWAY:
            return self._access.refuse(request, "away")
        response.del_cookie(COOKIE, path=self._path)
        return response

    async def _agent(self, identity: Identity) -> int | None:
        async with self._database.engine.begin() as connection:
            known = await proofs.recognised(connection, identity.issuer, identity.subject)
            if known is not None or not identity.email:
                return known
            return await proofs.join(connection, identity.issuer, identity.subject, identity.email)

    def _asked_here(self, kept: str, state: str) -> bool:
        """Whether this browser asked, not long ago, and the answer is to that."""
        parts = kept.split(".")
        if len(parts) != 3 or not parts[1].isdecimal() or len(parts[1]) > 12:
            return False
        fresh = 0 <= time.time() - int(parts[1]) <= SECONDS
        return fresh and hmac.compare_digest(self._seal("state", kept).encode(), state.encode("utf-8", "replace"))

    def _seal(self, purpose: str, kept: str) -> str:
        """43 letters that follow from what the browser keeps and from our key."""
        sealed = hmac.digest(self._secret, f"identity {purpose}\0{kept}".encode("utf-8", "replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _refusal(self, request: web.Request) -> web.StreamResponse | None:
        if not self._oidc.issuer:
            return self._access.refuse(request, "none")
        if self._tries.take(neighbourhood(self._access.address(request)), time.monotonic()):
            return self._access.refuse(request, "busy")
        return None

    def _not_so(self, request: web.Request) -> web.StreamResponse:
        response = redirect(request, "/sign-in?said=identity")
        response.del_cookie(COOKIE, path=self._path)
        return response
