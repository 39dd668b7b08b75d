"""Meta's door.

    GET  /webhooks/meta   200 the challenge, where our verify token was named   403 otherwise, or none is set
    POST /webhooks/meta   200, 400, 401, 408, 413, 415, 503: see `channels.webhook`

A post is believed by its X-Hub-Signature-256 over the untouched bytes, in constant time; without a secret of ours none
is. Only then is it taken apart into its events. Source: developers.facebook.com, "Webhooks: getting started".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from aiohttp import web
from pydantic import SecretStr

from channels import Accept, Malformed
from channels.client_address import client_address, networks
from channels.meta.batch import Event, split
from channels.webhook import SECONDS, Hold, Turned, read, store, turn_away
from config.settings import Settings
from models.envelope import Envelope, RawMessage

MOST_BYTES = 4 * 2**20
"""Meta sends up to 3 MB."""
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_CHALLENGE = re.compile(r"[\w.~-]{1,200}", re.ASCII)


class Door:
    """Serves the webhook."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        accept: Accept,
        refused: Counter[str],
        *,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._name = name
        self._secrets = keys(settings.meta.app_secret, settings.meta.previous_app_secret)
        self._tokens = keys(settings.meta.verify_token)
        self._seconds = min(SECONDS, settings.http.body_seconds)
        self._hold = Hold()
        self._proxies = networks(settings.http.trusted_proxies)
        self._accept = accept
        self._refused = refused
        self._clock = clock
        self._random = random

    def routes(self) -> list[web.RouteDef]:
        """Both methods of the one address."""
        return [web.get("/webhooks/meta", self.verify), web.post("/webhooks/meta", self.post)]

    async def verify(self, request: web.Request) -> web.Response:
        """Meta asks, once, whether this address is ours."""
        token, challenge = request.query.get("hub.verify_token", ""), request.query.get("hub.challenge", "")
        asked = request.query.get("hub.mode") == "subscribe" and _CHALLENGE.fullmatch(challenge)
        if not asked or not any(hmac.compare_digest(token.encode(), known) for known in self._tokens):
            self._refused["verification"] += 1
            return web.Response(status=403)
        return web.Response(text=challenge)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Take a batch of events, each of them or none."""
        try:
            body = await self._signed(request)
            await store(self._accept, [self._raw(event, request) for event in _events(body)])
        except Turned as turned:
            self._refused[turned.reason] += 1
            return await turn_away(request, turned, self._name)
        return web.Response()

    async def _signed(self, request: web.Request) -> bytes:
        """The body, if Meta signed it. Raises `Turned`."""
        if not self._secrets:
            raise Turned(401, "unconfigured")
        found = _SIGNATURE.fullmatch(request.headers.get("X-Hub-Signature-256", ""))
        if found is None:
            raise Turned(401, "unsigned")
        body = await read(request, ("application/json",), MOST_BYTES, self._hold, seconds=self._seconds)
        if not signed(self._secrets, body, found.group(1)):
            raise Turned(401, "signature")
        return body

    def _raw(self, event: Event, request: web.Request) -> RawMessage:
        """The event as accept wants it. Meta's own address stands among the facts: it is no customer's network."""
        envelope = Envelope(
            channel=self._name,
            account=event.account,
            external_id=event.external_id,
            sender=event.sender,
            received_at=self._clock(),
            trace_id=self._random(16).hex(),
            lane=f"{self._name}:{event.lane}",
            facts={"peer": client_address(request, self._proxies)},
        )
        return RawMessage(envelope, event.body)


def keys(*secrets: SecretStr) -> tuple[bytes, ...]:
    """Those that are set."""
    return tuple(secret.get_secret_value().encode() for secret in secrets if secret.get_secret_value())


def signed(secrets: Sequence[bytes], body: bytes, signature: str) -> bool:
    """Whether `signature` (hex) is the HMAC-SHA-256 of `body` under one of `secrets`, compared in constant time."""
    return any(hmac.compare_digest(hmac.new(key, body, hashlib.sha256).hexdigest(), signature) for key in secrets)


def _events(body: bytes) -> list[Event]:
    try:
        return split(body)
    except Malformed as error:
        raise Turned(400, "malformed") from error
