"""An identity provider: OpenID Connect's code flow, strict. What a real one would refuse stands in `wrong`.

Source: OpenID Connect Core 1.0 §3.1, Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (iss). `lies` changes the claims of the
next token, `key` signs with another key: what a client must not believe.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from aiohttp import BasicAuth, web
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.fakes.server import Fake

CLIENT, SECRET = "guichet", "secret of the tests/with+signs"
_keys: dict[str, RSAKey] = {}


def key_of(name: str) -> RSAKey:
    """A key pair; made once, since that takes a while."""
    if name not in _keys:
        _keys[name] = RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})
    return _keys[name]


class Provider(Fake):
    """The provider."""

    def __init__(self) -> None:
        super().__init__()
        self.somebody: dict[str, Any] = {"sub": "s-1", "email": "marie@example.org", "email_verified": True}
        """Who is signed in there."""
        self.lies: dict[str, Any] = {}
        self.key = "first"
        self.published = "first"
        self.algorithm = "RS256"
        self.address_in_token = True
        self._codes: dict[str, dict[str, str]] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/.well-known/openid-configuration", self.about)
        app.router.add_get("/authorize", self.authorize)
        app.router.add_post("/token", self.token)
        app.router.add_get("/userinfo", self.userinfo)
        app.router.add_get("/keys", self.keys)

    async def about(self, _request: web.Request) -> web.Response:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        names["userinfo_endpoint"] = "userinfo"
        return web.json_response({"issuer": self.url} | {name: f"{self.url}/{path}" for name, path in names.items()})

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [key_of(self.published).as_dict(private=False)]})

    async def authorize(self, request: web.Request) -> web.Response:
        """Sign `somebody` in without asking, and send the browser back."""
        query = dict(request.query)
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in wanted.items()) or "openid" not in query["scope"].split():
            self.wrong.append(f"authorize {query}")
        if min(len(query.get(name, "")) for name in ("state", "nonce", "code_challenge")) < 43:
            self.wrong.append("state, nonce or challenge are missing or short")
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"], "iss": self.url})
        return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    async def token(self, request: web.Request) -> web.Response:
        form = dict((await request.post()).items())
        asked = self._codes.pop(str(form.get("code")), None)
        login = BasicAuth.decode(request.headers.get("Authorization", "Basic Og=="))
        from urllib.parse import unquote

        if (unquote(login.login), unquote(login.password)) != (CLIENT, SECRET):
            self.wrong.append("the client did not prove itself")
            return web.json_response({"error": "invalid_client"}, status=401)
        challenge = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        sealed = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
        if asked is None or sealed != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            self.wrong.append("a code that is not good")
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(
            {"access_token": "access", "token_type": "Bearer", "id_token": self._signed(asked["nonce"])}
        )

    def _signed(self, nonce: str) -> str:
        now = int(time.time())
        told = self.somebody if self.address_in_token else {"sub": self.somebody["sub"]}
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | told | self.lies
        claims = {name: value for name, value in claims.items() if value is not None}
        self.lies = {}
        if self.algorithm == "none":
            parts = [{"alg": "none"}, claims]
            import json

            return (
                ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + "."
            )
        if self.algorithm == "HS256":
            public = key_of(self.published).as_pem(private=False)
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(base64.b64encode(public)))
        return jwt.encode({"alg": "RS256", "kid": self.key}, claims, key_of(self.key))

    async def userinfo(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer access":
            return web.Response(status=401)
        return web.json_response(self.somebody)
