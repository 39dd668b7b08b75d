"""What programs are told when something cannot be done: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from aiohttp import web

from config.pages import guard

KIND = "application/problem+json"


def problem(status: int, title: str, detail: str = "", **more: object) -> web.Response:
    """An answer of trouble. `title` says what kind it is, `detail` what is the matter this time."""
    body: dict[str, object] = {"type": "about:blank", "title": title, "status": status}
    if detail:
        body["detail"] = detail
    response = web.json_response(body | more, status=status, content_type=KIND)
    guard(response)
    return response
