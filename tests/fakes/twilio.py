"""Twilio: its REST API for messages, and the requests that it signs.

Strict: HTTP Basic by account, the parameters of a message, who said STOP, the 24-hour window of WhatsApp. Its signature
is written here once more, from the documentation, so that the library is not judged by itself.
Source: twilio.com/docs, "Message resource", "Validating requests", "Media resource".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, web

from tests.fakes.server import Fake

ACCOUNT, TOKEN = "AC" + "a" * 32, "token-of-the-tests"
OTHER_ACCOUNT, OTHER_TOKEN = "AC" + "b" * 32, "token-of-the-other"
NUMBER, WHATSAPP_NUMBER, OTHER_NUMBER = "+33757000001", "whatsapp:+33757000001", "+33757000002"
SECOND = {"account_sid": OTHER_ACCOUNT, "auth_token": OTHER_TOKEN, "numbers": [OTHER_NUMBER]}
CUSTOMER = "+33612345678"
CONTENT = "HX" + "c" * 32

Pairs = list[tuple[str, str]]


class Twilio(Fake):
    """The REST API."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: set[str] = set()
        self.window_closed: set[str] = set()
        self.listed: list[dict[str, Any]] = []
        """What the list of messages holds, newest first."""
        self.redirects: dict[str, str] = {}
        """Path of a file → where it really is."""
        self.public = ("", "")
        """The desk's public address, and where it is here."""
        self._ids = itertools.count(1)

    def routes(self, app: web.Application) -> None:
        base = "/2010-04-01/Accounts/{account}"
        app.router.add_post(f"{base}/Messages.json", self.create)
        app.router.add_get(f"{base}/Messages.json", self.list)
        app.router.add_get(f"{base}/Messages/{{message}}/Media.json", self.media_list)
        app.router.add_get(f"{base}/Messages/{{message}}/Media/{{media}}", self.media)
        app.router.add_get(f"{base}/Recordings/{{recording}}", self.media)
        app.router.add_get("/v1/ContentAndApprovals", self.contents)

    def refusal(self, status: int) -> web.Response:
        code = 20429 if status == 429 else 20500
        headers = {"Retry-After": "4"} if status == 429 else {}
        return self._no(status, code, "Trouble", headers)

    def _no(self, status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
        body = {"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors", "status": status}
        return web.json_response(body, status=status, headers=headers)

    def _known(self, request: web.Request) -> web.Response | None:
        tokens = {ACCOUNT: TOKEN, OTHER_ACCOUNT: OTHER_TOKEN}
        account = request.match_info.get("account", ACCOUNT)
        login = base64.b64encode(f"{account}:{tokens.get(account, '')}".encode()).decode()
        if request.headers.get("Authorization") == f"Basic {login}" and account in tokens:
            return None
        return self._no(401, 20003, "Authenticate")

    async def create(self, request: web.Request) -> web.Response:
        if (no := self._known(request)) or (no := await self.trouble(request)):
            return no
        form = dict((await request.post()).items())
        files = [str(url) for url in (await request.post()).getall("MediaUrl", [])]
        known = {"To", "From", "Body", "StatusCallback", "MessagingServiceSid", "ContentSid", "ContentVariables"}
        if set(form) - known - {"MediaUrl"} or len(files) > (1 if "whatsapp:" in str(form.get("To")) else 10):
            self.wrong.append(f"unknown {sorted(set(form) - known)}")
        to, sender = str(form.get("To", "")), str(form.get("From", ""))
        owned = {ACCOUNT: (NUMBER, WHATSAPP_NUMBER), OTHER_ACCOUNT: (OTHER_NUMBER,)}[request.match_info["account"]]
        if sender not in owned:
            return self._no(400, 21606, f"The From phone number {sender} is not a valid sender")
        if to.startswith("whatsapp:") != sender.startswith("whatsapp:") or not to.removeprefix("whatsapp:").startswith(
            "+"
        ):
            return self._no(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if to in self.stopped:
            return self._no(400, 21610, "Attempt to send to unsubscribed recipient")
        if not 0 < len(str(form.get("Body", ""))) <= 1600 and not {"ContentSid", "MediaUrl"} & set(form):
            return self._no(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        if to in self.window_closed and "ContentSid" not in form:
            return self._no(400, 63016, "Failed to send freeform message outside the allowed window")
        sid = f"SM{next(self._ids):032x}"
        self.taken.append({**form, "sid": sid, "files": [await self._fetch(url) for url in files]})
        return await self.after(request) or web.json_response({"sid": sid, "status": "queued"}, status=201)

    async def _fetch(self, url: str) -> tuple[int, str, bytes]:
        """A file of a message, as Twilio gets it: without a login, from the public address."""
        async with ClientSession() as session, session.get(url.replace(*self.public)) as answer:
            return answer.status, answer.content_type, await answer.read()

    async def list(self, request: web.Request) -> web.Response:
        """Two messages a page."""
        if no := self._known(request):
            return no
        if not request.query.get("DateSent>"):
            self.wrong.append("list without a date")
        page = int(request.query.get("Page", "0"))
        part = self.listed[2 * page : 2 * page + 2]
        more = len(self.listed) > 2 * page + 2
        query = urlencode({"DateSent>": request.query.get("DateSent>", ""), "Page": page + 1})
        uri = f"{request.path}?{query}" if more else None
        return web.json_response({"messages": part, "next_page_uri": uri})

    async def media_list(self, request: web.Request) -> web.Response:
        if no := self._known(request):
            return no
        uri = f"{request.path.removesuffix('.json')}/ME1.json"
        return web.json_response({"media_list": [{"uri": uri, "content_type": "image/jpeg"}]})

    async def media(self, request: web.Request) -> web.Response:
        if (no := self._known(request)) or (no := await self.trouble(request)):
            return no
        if target := self.redirects.get(request.path):
            return web.Response(status=307, headers={"Location": target})
        content, kind = self.files.get(request.path, (b"", ""))
        return web.Response(body=content, content_type=kind) if kind else self._no(404, 20404, "not found")

    async def contents(self, request: web.Request) -> web.Response:
        if no := self._known(request):
            return no
        entry = {
            "sid": CONTENT,
            "friendly_name": "request_update",
            "language": "fr",
            "types": {"twilio/text": {"body": "Bonjour {{1}}"}},
            "approval_requests": {"status": "approved"},
        }
        return web.json_response({"contents": [entry], "meta": {"next_page_url": None}})


# What Twilio sends.


def signature(url: str, fields: Pairs, token: str = TOKEN, hashed: str = "sha1") -> str:
    """X-Twilio-Signature: the URL, then each name with each of its values, sorted, each pair once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashed).digest()).decode()


def sign(url: str, fields: Pairs, token: str = TOKEN) -> dict[str, str]:
    """The headers of a request."""
    return {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": signature(url, fields, token),
        "I-Twilio-Idempotency-Token": "11111111-2222-3333-4444-555555555555",
    }


def sign_json(url: str, value: dict[str, str], token: str = TOKEN) -> tuple[str, bytes, dict[str, str]]:
    """URL, body and headers of a JSON request: its digest is in the URL, and the URL alone is signed."""
    body = json.dumps(value).encode()
    url = f"{url}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature(url, [], token)}
    return url, body, headers


def encode(fields: Pairs) -> bytes:
    """A body."""
    return urlencode(fields).encode()


def message(**fields: str) -> Pairs:
    """An SMS as Twilio tells of it."""
    given = {
        "ToCountry": "FR",
        "SmsMessageSid": fields.get("MessageSid", "SM" + "1" * 32),
        "NumMedia": "0",
        "SmsSid": fields.get("MessageSid", "SM" + "1" * 32),
        "SmsStatus": "received",
        "Body": "Bonjour, où est ma commande ?",
        "To": NUMBER,
        "NumSegments": "1",
        "MessageSid": "SM" + "1" * 32,
        "AccountSid": ACCOUNT,
        "From": CUSTOMER,
        "ApiVersion": "2010-04-01",
        **fields,
    }
    return list(given.items())


def whatsapp(**fields: str) -> dict[str, str]:
    """What is different for WhatsApp."""
    return {"From": f"whatsapp:{CUSTOMER}", "To": WHATSAPP_NUMBER, "ProfileName": "Claire", "WaId": "336…"} | fields


def status(sid: str, state: str, **fields: str) -> Pairs:
    """A status callback."""
    given = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": state, "SmsStatus": state, "AccountSid": ACCOUNT}
    return list((given | {"From": NUMBER, "To": CUSTOMER} | fields).items())


def ringing(**fields: str) -> Pairs:
    """A call that comes in."""
    given = {
        "CallSid": "CA" + "1" * 32,
        "AccountSid": ACCOUNT,
        "From": CUSTOMER,
        "To": NUMBER,
        "CallStatus": "ringing",
        "Direction": "inbound",
        **fields,
    }
    return list(given.items())
