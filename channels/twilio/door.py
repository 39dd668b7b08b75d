"""Twilio's door.

    POST /webhooks/twilio          a message           200 an empty TwiML document
    POST /webhooks/twilio/status   what became of one  200 likewise
    POST /webhooks/twilio/voice    a call              200 TwiML: see `voice`
    400, 401, 408, 413, 415, 503: see `channels.webhook`

A request is believed by its X-Twilio-Signature alone, before anything of it is stored.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web

from channels import Accept, Malformed
from channels.client_address import client_address, networks
from channels.twilio import call, callback, voice
from channels.twilio.fields import Fields
from channels.twilio.fields import read as read_fields
from channels.twilio.signature import JSON, Signatures
from channels.webhook import SECONDS, Hold, Turned, read, store, turn_away
from config.settings import Settings
from models.envelope import Envelope, RawMessage

MOST_BYTES = 256 * 1024
"""A message has at most 1,600 characters; all parameters of one stay far below this."""
TYPES = ("application/x-www-form-urlencoded", JSON)
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
PATH = "/webhooks/twilio"

Handler = Callable[[web.Request, bytes, Fields], Awaitable[str]]
"""Does what a signed request wants; the TwiML to answer with."""


class Door:
    """Serves the three addresses."""

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
        self._voice = settings.twilio.voice
        self._base = settings.base_url + PATH
        self._proxies = networks(settings.http.trusted_proxies)
        self._signatures = Signatures(settings, self._proxies)
        self._seconds = min(SECONDS, settings.http.body_seconds)
        self._hold = Hold()
        self._accept = accept
        self._refused = refused
        self._clock = clock
        self._random = random

    def routes(self) -> list[web.RouteDef]:
        """Messages, statuses, calls."""
        return [
            web.post(PATH, self._signed(self._message)),
            web.post(f"{PATH}/status", self._signed(self._status)),
            web.post(f"{PATH}/voice", self._signed(self._call)),
        ]

    def _signed(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Let only those requests reach `handler` that Twilio signed."""

        async def door(request: web.Request) -> web.StreamResponse:
            try:
                body, fields = await self._believed(request)
                twiml = await handler(request, body, fields)
            except Turned as turned:
                self._refused[turned.reason] += 1
                return await turn_away(request, turned, self._name)
            return web.Response(text=twiml, content_type="text/xml")

        return door

    async def _believed(self, request: web.Request) -> tuple[bytes, Fields]:
        """The body, and what it says, if Twilio signed it. Raises `Turned`."""
        if not self._signatures.configured:
            raise Turned(401, "unconfigured")
        if "X-Twilio-Signature" not in request.headers:
            raise Turned(401, "unsigned")
        body = await read(request, TYPES, MOST_BYTES, self._hold, seconds=self._seconds)
        try:
            fields = read_fields(body)
            valid = self._signatures.valid(request, body, fields)
        except (Malformed, UnicodeEncodeError) as error:
            raise Turned(400, "malformed") from error
        if not valid:
            raise Turned(401, "signature")
        return body, fields

    async def _message(self, request: web.Request, body: bytes, fields: Fields) -> str:
        name = fields["MessageSid"] or fields["SmsMessageSid"] or _fallback_id(request, body)
        await self._store(request, body, fields, name, fields["From"] or name)
        return EMPTY

    async def _status(self, request: web.Request, body: bytes, fields: Fields) -> str:
        name = ":".join(
            (fields["MessageSid"] or _fallback_id(request, body), fields["MessageStatus"], fields["ErrorCode"])
        )
        await self._store(request, body, fields, name, name)
        return EMPTY

    async def _call(self, request: web.Request, body: bytes, fields: Fields) -> str:
        step = voice.step(request.query.get("step", ""), fields, self._voice)
        if step.keep:
            name = fields["RecordingSid"] or fields["CallSid"] or _fallback_id(request, body)
            await self._store(request, body, fields, name, call.caller(fields))
        return voice.twiml(step, self._voice, f"{self._base}/voice")

    async def _store(self, request: web.Request, body: bytes, fields: Fields, external_id: str, sender: str) -> None:
        """Commit one request."""
        envelope = Envelope(
            channel=self._name,
            account=fields["To"],
            external_id=external_id,
            sender=sender,
            received_at=self._clock(),
            trace_id=self._random(16).hex(),
            lane=f"{self._name}:{sender}",
            facts={
                "peer": client_address(request, self._proxies),
                "account": fields["AccountSid"],
                **(
                    {callback.NAME: callback.read(request.query[callback.NAME])}
                    if callback.NAME in request.query
                    else {}
                ),
            },
        )
        await store(self._accept, [RawMessage(envelope, body)])


def _fallback_id(request: web.Request, body: bytes) -> str:
    """A name for a request that has none: Twilio's own for its retries, else its digest."""
    return request.headers.get("I-Twilio-Idempotency-Token", "")[:200] or hashlib.sha256(body).hexdigest()
