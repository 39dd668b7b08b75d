"""X-Twilio-Signature: whether Twilio sent a request (twilio.com/docs/usage/security, "Validating requests").

It signs the public URL and the parameters, which a proxy may have rewritten on the way: the URL of our settings is
tried first, then what the request and the proxies that we trust say. A JSON body is signed by its digest in the URL
(bodySHA256); without one, anybody could have exchanged it, so it is not believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from channels.client_address import Networks, is_proxy
from channels.twilio.accounts import tokens
from channels.twilio.fields import Fields
from config.settings import Settings

if TYPE_CHECKING:
    from twilio.request_validator import RequestValidator

JSON = "application/json"


class Signatures:
    """Judges requests by the secrets of the settings."""

    def __init__(self, settings: Settings, proxies: Networks) -> None:
        self._twilio = settings.twilio
        self._public = settings.public_url.rstrip("/")
        self._proxies = proxies

    @property
    def configured(self) -> bool:
        """Whether there is any secret to judge by."""
        return any(tokens(self._twilio, ""))

    def valid(self, request: web.Request, body: bytes, fields: Fields) -> bool:
        """Whether Twilio signed this."""
        given = request.headers.get("X-Twilio-Signature", "")
        if not given.isascii() or not given:
            return False
        parameters: Any = fields
        if request.content_type == JSON:
            if "bodySHA256" not in request.query:
                return False
            parameters = body.decode("utf-8", "replace")
        algorithm = _algorithm(request.headers.get("X-Twilio-Webhooks-Signature-Settings", ""))
        urls = list(self._urls(request))
        return any(
            _validator(token).validate(url, parameters, given, algorithm)
            for token in tokens(self._twilio, fields["AccountSid"])
            for url in urls
        )

    def _urls(self, request: web.Request) -> Iterator[str]:
        """Every URL that Twilio may have called to reach us here."""
        target = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
        if self._public:
            # A proxy may have taken the folder of the public address off, or left it on.
            folder = urlsplit(self._public).path
            yield self._public + target.removeprefix(folder)
        scheme, host = request.scheme, request.host
        if is_proxy(request.remote or "", self._proxies):
            scheme = _last(request.headers.get(hdrs.X_FORWARDED_PROTO, "")) or scheme
            host = _last(request.headers.get(hdrs.X_FORWARDED_HOST, "")) or host
        yield f"{scheme}://{host}{target}"


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip()


def _algorithm(header: str) -> str:
    """HMAC-SHA-1 of an account's token, or what the header of a shared key names."""
    from twilio.request_validator import get_signature_algorithm

    return str(get_signature_algorithm(header))


@cache
def _validator(token: str) -> RequestValidator:
    # Here, since only a gateway that has secrets needs it in its memory.
    from twilio.request_validator import RequestValidator

    return RequestValidator(token)
