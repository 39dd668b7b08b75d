"""Meta: the Graph API of WhatsApp, and the webhooks that it signs.

Strict: the bearer token, the fields and lengths of each type, the 24-hour window, the template's parameters.
Source: developers.facebook.com, "Cloud API".
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import time
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes.server import Fake

SECRET, VERIFY, TOKEN = "app-secret-of-the-tests", "verify-word", "EAAG-token"
NUMBER, OTHER_NUMBER, BUSINESS = "106540352242922", "106540352242923", "102290129340398"
CUSTOMER = "33612345678"
TEMPLATE = {
    "name": "request_update",
    "language": "fr",
    "status": "APPROVED",
    "components": [{"type": "BODY", "text": "Bonjour {{1}}, votre demande {{2}} avance."}],
}


class Meta(Fake):
    """The Graph API."""

    def __init__(self) -> None:
        super().__init__()
        self.window_closed: set[str] = set()
        """Customers whose 24 hours are over."""
        self.error: dict[str, Any] | None = None
        """What the next message is refused with."""
        self.statuses: list[dict[str, Any]] = []
        self.media: dict[str, str] = {}
        """Id → URL of a file."""
        self.quality = "GREEN"
        self._ids = itertools.count(1)

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v25.0/{number}/messages", self.messages)
        app.router.add_post("/v25.0/{number}/media", self.upload)
        app.router.add_get("/v25.0/{account}/message_templates", self.templates)
        app.router.add_get("/files/{name}", self.file)
        app.router.add_get("/v25.0/{id}", self.locate)

    def refusal(self, status: int) -> web.Response:
        code = {429: 130429, 503: 131016}.get(status, 1)
        return self._no(status, code, "Trouble", {"Retry-After": "3"} if status == 429 else {})

    def _no(self, status: int, code: int, title: str, headers: dict[str, str] | None = None) -> web.Response:
        error = {"message": f"(#{code}) {title}", "type": "OAuthException", "code": code, "fbtrace_id": "A"}
        return web.json_response({"error": error}, status=status, headers=headers)

    def _known(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {TOKEN}" and not request.query.get("access_token"):
            return None
        return self._no(401, 190, "Invalid OAuth access token")

    async def messages(self, request: web.Request) -> web.Response:
        if (no := self._known(request)) or (no := await self.trouble(request)):
            return no
        if request.match_info["number"] != NUMBER:
            return self._no(400, 100, "Unsupported post request")
        body = await request.json()
        problem = self._problem(body)
        if problem:
            self.wrong.append(problem)
            return self._no(400, 100, f"Invalid parameter: {problem}")
        if self.error:
            error, self.error = self.error, None
            return web.json_response({"error": error}, status=400)
        to = body.get("to", body.get("recipient"))
        if to in self.window_closed and body["type"] != "template":
            return self._no(400, 131047, "Re-engagement message")
        wamid = f"wamid.OUT{next(self._ids)}"
        self.taken.append({**body, "wamid": wamid})
        return await self.after(request) or web.json_response(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": to, "wa_id": to}],
                "messages": [{"id": wamid}],
            }
        )

    def _problem(self, body: dict[str, Any]) -> str:
        """What is wrong with a message; '' where nothing is."""
        known = {
            "messaging_product",
            "recipient_type",
            "to",
            "recipient",
            "type",
            "biz_opaque_callback_data",
            "context",
        }
        kind = body.get("type", "")
        if unknown := set(body) - known - {kind}:
            return f"unknown {sorted(unknown)}"
        if body.get("messaging_product") != "whatsapp":
            return "messaging_product"
        if ("to" in body) == ("recipient" in body) or not str(body.get("to", "1")).isdigit():
            return "to"
        if len(body.get("biz_opaque_callback_data", "")) > 512:
            return "biz_opaque_callback_data"
        content = body.get(kind)
        checks = {"text": _text, "template": _template, "interactive": _interactive}
        if not isinstance(content, dict):
            return f"no {kind}"
        if kind in ("image", "document", "audio", "video"):
            return "" if content.get("id", "").startswith("upload-") else "media id"
        return checks[kind](content) if kind in checks else f"type {kind}"

    async def upload(self, request: web.Request) -> web.Response:
        if no := self._known(request):
            return no
        form = await request.post()
        if form.get("messaging_product") != "whatsapp" or not hasattr(form.get("file"), "file"):
            return self._no(400, 100, "file")
        return web.json_response({"id": f"upload-{next(self._ids)}"})

    async def locate(self, request: web.Request) -> web.Response:
        if no := self._known(request):
            return no
        if request.match_info["id"] == NUMBER:
            return web.json_response({"id": NUMBER, "verified_name": "Desk", "quality_rating": self.quality})
        if no := await self.trouble(request):
            return no
        url = self.media.get(request.match_info["id"])
        if url is None:
            return self._no(400, 100, "Object does not exist")
        return web.json_response({"url": url, "messaging_product": "whatsapp", "id": request.match_info["id"]})

    async def file(self, request: web.Request) -> web.Response:
        if no := self._known(request):
            return no
        content, kind = self.files.get(request.match_info["name"], (b"", ""))
        return web.Response(body=content, content_type=kind) if kind else web.Response(status=404)

    async def templates(self, request: web.Request) -> web.Response:
        if no := self._known(request):
            return no
        if request.query.get("after") == "page2":
            return web.json_response({"data": [{**TEMPLATE, "language": "en", "status": "PENDING"}], "paging": {}})
        paging = {"cursors": {"after": "page2"}, "next": f"{self.url}/next"}
        return web.json_response({"data": [TEMPLATE], "paging": paging})


def _text(text: dict[str, Any]) -> str:
    return "" if 0 < len(text.get("body", "")) <= 4096 else "text.body"


def _template(template: dict[str, Any]) -> str:
    if (template.get("name"), template.get("language", {}).get("code")) != (TEMPLATE["name"], TEMPLATE["language"]):
        return "template"
    given = [entry for part in template.get("components", []) for entry in part["parameters"]]
    return "" if len(given) == 2 else "parameters"


def _interactive(interactive: dict[str, Any]) -> str:
    action = interactive.get("action", {})
    if interactive.get("type") == "button":
        titles = [button["reply"]["title"] for button in action["buttons"]]
        return "" if 0 < len(titles) <= 3 and max(map(len, titles)) <= 20 else "buttons"
    rows = [row for section in action.get("sections", []) for row in section["rows"]]
    return "" if 0 < len(rows) <= 10 and len(action["button"]) <= 20 else "rows"


# What Meta sends.


def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a webhook."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}


def message(kind: str = "text", wamid: str = "wamid.IN1", sender: str = CUSTOMER, **content: Any) -> dict[str, Any]:
    """One element of `messages`; `content` is the object of its type, or the body of a text."""
    inner = {"body": content.pop("text")} if kind == "text" and "text" in content else content.pop("content", {})
    stamp = content.pop("timestamp", str(int(time.time())))
    return {"from": sender, "id": wamid, "timestamp": stamp, "type": kind, kind: inner, **content}


def status(wamid: str, state: str, ours: str = "", **more: Any) -> dict[str, Any]:
    """One element of `statuses`."""
    told = {"id": wamid, "status": state, "timestamp": str(int(time.time())), "recipient_id": CUSTOMER}
    return told | ({"biz_opaque_callback_data": ours} if ours else {}) | more


def webhook(
    messages: Iterable[dict[str, Any]] = (),
    statuses: Iterable[dict[str, Any]] = (),
    *,
    number: str = NUMBER,
    names: dict[str, str] | None = None,
    **value: Any,
) -> bytes:
    """A webhook body."""
    messages, statuses = list(messages), list(statuses)
    senders = dict.fromkeys(entry["from"] for entry in messages if isinstance(entry, dict) and entry.get("from"))
    contacts = [{"profile": {"name": (names or {}).get(who, "Claire Martin")}, "wa_id": who} for who in senders]
    whole: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": number},
        **({"contacts": contacts, "messages": messages} if messages else {}),
        **({"statuses": statuses} if statuses else {}),
        **value,
    }
    entry = {"id": BUSINESS, "changes": [{"value": whole, "field": "messages"}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
