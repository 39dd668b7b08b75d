"""An identity provider, as a client sees it (OpenID Connect Core 1.0, code flow with PKCE, RFC 7636).

Enters: the settings, a code. Leaves: an `Identity` whose token was signed by the provider for us and for this very
sign-in. Raises `ProviderError`: away, or something that a provider must not say. What it says of itself is asked once
an hour; its keys anew when a token names one that is not known. Answers are bounded in time and size, redirects are not
followed, and secrets leave for protected addresses alone.

`joserfc` checks the signatures; the rest is a handful of requests that aiohttp makes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, encode_basic_auth
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from config.staff import Oidc

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
"""Signatures alone: a token that is not signed, or signed with our own secret, proves nothing."""
MOST_BYTES, SECONDS, LEEWAY = 1_000_000, 10.0, 60
FRESH_SECONDS, KEYS_PAUSE = 3600.0, 30.0
DISCOVERY = "/.well-known/openid-configuration"


class ProviderError(Exception):
    """The provider is away, or said what it must not. Its words are for the log, not for people."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a provider says somebody is."""

    issuer: str
    subject: str
    email: str
    """'' unless the provider says that it has verified it."""


class Provider:
    """The provider of one gateway process."""

    def __init__(self, settings: Oidc, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._clock = settings, clock
        self._about: tuple[float, dict[str, Any]] = (0.0, {})
        self._keys: tuple[float, KeySet | None] = (0.0, None)

    async def address(self, *, redirect: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent to."""
        about = await self._discovered()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(self._settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint(about, "authorization_endpoint")
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    async def identity(self, code: str, *, redirect: str, nonce: str, verifier: str) -> Identity:
        """Who stands behind `code`."""
        about = await self._discovered()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        secret = self._settings.client_secret.get_secret_value()
        login = ""
        if secret and "client_secret_basic" in about.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            login = encode_basic_auth(
                quote(self._settings.client_id, safe=""), quote(secret, safe="")
            )  # RFC 6749 §2.3.1
        else:
            form |= {"client_id": self._settings.client_id} | ({"client_secret": secret} if secret else {})
        answer = await self._ask(self._endpoint(about, "token_endpoint"), form, login=login)
        claims = await self._claims(str(answer.get("id_token", "")), nonce)
        return await self._identity(about, claims, str(answer.get("access_token", "")))

    async def _identity(self, about: Mapping[str, Any], claims: Mapping[str, Any], access: str) -> Identity:
        """The claims that matter; where the token has no address, what the provider says when asked (§5.3)."""
        told = claims
        if "email" not in claims and access and about.get("userinfo_endpoint"):
            told = await self._ask(self._endpoint(about, "userinfo_endpoint"), login=f"Bearer {access}")
            if told.get("sub") != claims["sub"]:
                raise ProviderError("another subject than the token's")
        email = told.get("email")
        verified = told.get("email_verified") is True and isinstance(email, str) and "@" in email
        return Identity(issuer=self._settings.issuer, subject=str(claims["sub"]), email=str(email) if verified else "")

    async def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """What a token says, once all is checked that §3.1.3.7 asks for."""
        try:
            claims = jwt.decode(token, await self._keyring(), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError, TypeError, KeyError):
            try:  # the provider may have changed its keys
                claims = jwt.decode(token, await self._keyring(anew=True), algorithms=ALGORITHMS).claims
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise ProviderError(f"a token that is not the provider's: {type(error).__name__}") from error
        if wrong := self._wrong(claims, nonce):
            raise ProviderError(f"a token with a wrong {wrong}")
        return claims

    def _wrong(self, claims: Mapping[str, Any], nonce: str) -> str:
        """The first claim that is not as it must be; '' for none."""
        now, audience = self._clock(), claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        client = self._settings.client_id
        checks = {
            "iss": claims.get("iss") == self._settings.issuer,
            "aud": client in audiences,
            "azp": claims.get("azp", client if len(audiences) == 1 else None) == client,
            "exp": _number(claims.get("exp")) > now - LEEWAY,
            "iat": 0 < _number(claims.get("iat")) < now + LEEWAY,
            "nbf": _number(claims.get("nbf", 0)) < now + LEEWAY,
            "nonce": claims.get("nonce") == nonce,
            "sub": isinstance(claims.get("sub"), str) and 0 < len(claims["sub"]) <= 255,
        }
        return next((name for name, right in checks.items() if not right), "")

    async def _keyring(self, *, anew: bool = False) -> KeySet:
        at, keys = self._keys
        age = self._clock() - at
        if keys is None or age > FRESH_SECONDS or (anew and age > KEYS_PAUSE):
            about = await self._discovered()
            try:
                keys = KeySet.import_key_set(await self._ask(self._endpoint(about, "jwks_uri")))  # type: ignore[arg-type]
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise ProviderError("keys that cannot be read") from error
            self._keys = (self._clock(), keys)
        return keys

    async def _discovered(self) -> dict[str, Any]:
        at, about = self._about
        if not about or self._clock() - at > FRESH_SECONDS:
            about = await self._ask(self._settings.issuer.rstrip("/") + DISCOVERY)
            if about.get("issuer") != self._settings.issuer:
                raise ProviderError("it calls itself by another name")
            self._about = (self._clock(), about)
        return about

    def _endpoint(self, about: Mapping[str, Any], name: str) -> str:
        """An address that the provider named. It must be as protected as the issuer itself."""
        said = about.get(name)
        here = urlsplit(self._settings.issuer)
        parts = urlsplit(said) if isinstance(said, str) else urlsplit("")
        if parts.scheme == "https" or (here.scheme == parts.scheme == "http" and parts.hostname == here.hostname):
            return str(said)
        raise ProviderError(f"no protected {name}")

    async def _ask(self, url: str, form: Mapping[str, str] | None = None, *, login: str = "") -> dict[str, Any]:
        """One request; its JSON object."""
        headers = {"Accept": "application/json"} | ({"Authorization": login} if login else {})
        try:
            async with (
                ClientSession(timeout=ClientTimeout(SECONDS)) as http,
                http.request(
                    "GET" if form is None else "POST", url, data=form, headers=headers, allow_redirects=False
                ) as answer,
            ):
                body = await answer.content.read(MOST_BYTES + 1)
                while len(body) <= MOST_BYTES and (more := await answer.content.read(MOST_BYTES)):
                    body += more
                if answer.status != 200 or len(body) > MOST_BYTES:
                    raise ProviderError(f"{urlsplit(url).path} answers {answer.status}")
                found = json.loads(body)
        except (ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            raise ProviderError(f"{urlsplit(url).path}: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise ProviderError(f"{urlsplit(url).path} answers no object")
        return found


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("-inf")
