"""How a refusal is worded: a page for people, problem+json for programs."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web

from gateway.keys import SETTINGS
from gateway.staff.access import FIRST_START
from gateway.staff.layout import FOLDER, StaffPages, at_home, redirect, visitor_or_none
from gateway.staff.origin import SAFE, navigates, place
from gateway.staff.problem import problem

STATUSES = {"role": 403, "foreign": 403, "away": 503, "none": 404, "busy": 429}
TITLES = {
    "signed_out": "Sign in",
    "first": "Nobody is enrolled yet",
    "role": "Not permitted",
    "foreign": "Sent by a foreign page",
    "away": "The database does not answer",
    "none": "Not found",
    "busy": "Too many attempts",
}


class Refusals:
    """Words them."""

    def __init__(self, app: web.Application) -> None:
        self._pages = StaffPages(app, FOLDER, section="door")

    def answer(self, request: web.Request, why: str) -> web.Response:
        """The answer for `why`: one of signed_out, first, role, foreign, away, none, busy."""
        if not navigates(request):
            return _headed(problem(STATUSES.get(why, 401), TITLES[why], why=why), why)
        if why == "signed_out":
            return redirect(request, f"/sign-in?next={quote(_asked_for(request), safe='')}")
        if why == "first":
            return self._pages.page(request, "first.html", title=self._words(request, "first"))
        back = ""
        if why == "role":
            visitor = visitor_or_none(request)
            back = at_home(visitor.actor if visitor and visitor.actor != FIRST_START else None, request.app)
        title = self._pages.words(request)["refused"][why]["title"]
        answer = self._pages.page(request, "refused.html", title=title, status=STATUSES[why], why=why, back=back)
        return _headed(answer, why)

    def _words(self, request: web.Request, name: str) -> str:
        return str(self._pages.words(request)[name]["title"])


def _headed(response: web.Response, why: str) -> web.Response:
    if why in ("away", "busy"):
        response.headers[hdrs.RETRY_AFTER] = "60" if why == "busy" else "5"
    return response


def _asked_for(request: web.Request) -> str:
    """Where to go on after signing in: the page, or the one that a post was sent from."""
    if request.method in SAFE:
        return place(request.path_qs)
    try:
        parts = urlsplit(request.headers.get(hdrs.REFERER, ""))
    except ValueError:
        return ""
    root = urlsplit(request.app[SETTINGS].base_url).path.rstrip("/")
    return place(parts.path.removeprefix(root)) if parts.netloc == request.host else ""
