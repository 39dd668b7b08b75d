"""What the ticket's page looks like: HTML in the customer's language.

Every value passes Jinja's autoescape; templates, words, style and script stand in `config/templates/portal`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import hdrs, web

from channels.posted import NotTaken, Posted
from config.mail_html import SANDBOX
from config.pages import TEMPLATES, environment, guard, stylesheet, texts
from config.settings import Settings
from models.envelope import Asked, Line
from models.page_link import Page

FOLDER = TEMPLATES / "portal"
ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}
POLICY = "Content-Security-Policy"


class Pages:
    """Renders. One for each gateway process."""

    def __init__(self, settings: Settings, root: str) -> None:
        """`root` is the path that stands before ours where a proxy adds one, without a slash at its end."""
        self._root, self._languages = root, settings.triage.languages
        self._limits = {
            "files": settings.portal.max_files,
            "megabytes": settings.http.max_body_bytes // 1_000_000,
            "days": settings.portal.link_days,
        }
        self._desk = settings.mail.sender_name
        self._texts = texts(FOLDER)
        self._assets = {
            name: stylesheet(FOLDER / name) if name.endswith(".css") else (FOLDER / name).read_bytes()
            for name in ASSETS
        }
        self._version = hashlib.sha256(b"".join(self._assets.values())).hexdigest()[:12]
        self._jinja = environment(FOLDER)

    def words(self, language: str, key: str) -> str:
        """One sentence."""
        return str(self._texts[language][key])

    def address(self, token: str, language: str, query: str = "") -> str:
        """The page's address."""
        return f"{self._root}/t/{token}?lang={language}{'&' + query if query else ''}"

    def ticket(
        self,
        page: Page,
        lines: Sequence[Line],
        *,
        token: str,
        language: str,
        key: str,
        refusal: NotTaken | None = None,
        sent: bool = False,
        asked: Asked | None = None,
        chosen: Mapping[str, str] | None = None,
    ) -> web.Response:
        """The page. With `refusal` the text of a reply that was not taken stands in its field."""
        posted = (refusal.posted if refusal else None) or Posted()
        return self._respond(
            "ticket.html",
            language,
            status=refusal.status if refusal else 200,
            key=key,
            why=self._why(language, refusal.why) if refusal else "",
            given=posted.values.get("text", "").encode("utf-8", "replace").decode(),
            sent=sent,
            asked=asked or Asked(),
            chosen=chosen or {},
            **self._shown(page, lines, token, language),
        )

    def history(self, page: Page, lines: Sequence[Line], *, token: str, language: str) -> web.Response:
        """The part that changes."""
        return self._respond("history.html", language, **self._shown(page, lines, token, language))

    def _shown(self, page: Page, lines: Sequence[Line], token: str, language: str) -> dict[str, Any]:
        return {
            "page": page,
            "lines": lines,
            "sandbox": SANDBOX,
            "here": f"{self._root}/t/{token}",
            "desk": self._desk,
            "moment": lambda at: moment(at, language),
            "size": lambda count: size(count, self._texts[language]),
        }

    def _why(self, language: str, why: str) -> str:
        found = self._texts[language]["why"]
        return str(found.get(why, found["malformed"])).format(**self._limits)

    def renewal(self, language: str, *, asked: bool = False) -> web.Response:
        """Where one asks for a fresh link, or that it is on its way if it could be."""
        return self._respond("renewal.html", language, asked=asked)

    def refused(self, language: str, status: int) -> web.Response:
        """A page that says no, and no more than its status does."""
        name = {404: "missing", 429: "guessing", 503: "busy"}.get(status, "missing")
        return self._respond("refused.html", language, status=status, name=name)

    def moved(self, address: str) -> web.Response:
        """The way back to the page after a post, so that a reload posts nothing again."""
        response = web.Response(status=303, headers={hdrs.LOCATION: address})
        guard(response)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def asset(self, name: str) -> web.Response:
        """Style sheet or script; their address changes when they do."""
        response = web.Response(body=self._assets[name], content_type=ASSETS[name], charset="utf-8")
        guard(response)
        response.headers[hdrs.CACHE_CONTROL] = "public, max-age=86400"
        return response

    def _respond(self, template: str, language: str, *, status: int = 200, **values: object) -> web.Response:
        other = next((one for one in self._languages if one != language), "")
        html = self._jinja.get_template(template).render(
            root=self._root,
            version=self._version,
            language=language,
            other_language=other,
            text=self._texts[language],
            limits=self._limits,
            **values,
        )
        response = web.Response(text=html, status=status, content_type="text/html")
        guard(response, live=True)
        response.headers[POLICY] += "; frame-src 'self'"
        response.headers["Referrer-Policy"] = "no-referrer"  # the address is the key
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        response.headers[hdrs.CONTENT_LANGUAGE] = language
        response.headers[hdrs.VARY] = hdrs.ACCEPT_LANGUAGE
        return response


MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


def moment(at: datetime, language: str) -> str:
    """A point in time in words, UTC."""
    month = MONTHS.get(language, MONTHS["en"])[at.month - 1]
    joint = " à " if language == "fr" else ", "
    return f"{at.day} {month} {at.year}{joint}{at:%H:%M} UTC"


def size(count: int, words: dict[str, Any]) -> str:
    """A file's size in words."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))}\N{NO-BREAK SPACE}{words['kb']}"
    return f"{count / 1_000_000:.1f}\N{NO-BREAK SPACE}{words['mb']}"
