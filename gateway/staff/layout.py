"""The frame that all pages for staff share: `config/templates/staff/layout.html`, and what stands in it.

Enters: a folder of templates with its `texts.toml`, a request behind `staff`. Leaves: answers in the language of
whoever is signed in. `StaffPages` is made once for each area; its templates begin with
`{% extends "staff/layout.html" %}` and find there:

    text, frame        the area's words, the layout's words
    language, root     fr or en; the path before ours where a proxy adds one
    me, actor          the visitor and the actor, None on pages where nobody need be signed in
    asset(name)        the address of a style sheet or script of the area, with its version
    moment(at), day(at)    a datetime in the visitor's zone and language
    here               this page, for forms that lead back to it

Fails only where a file is missing (`OSError`, at start).
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from config import pages
from config.pages import TEMPLATES, guard, stylesheet, texts
from gateway.keys import SETTINGS
from gateway.staff import moments
from gateway.staff.access import VISITOR
from models.actor import Actor
from models.sessions import Visitor

FOLDER = TEMPLATES / "staff"


class Entry(NamedTuple):
    """An entry of the bar."""

    section: str
    path: str
    permission: str


ENTRIES = (
    Entry("console", "/console", "tickets"),
    Entry("knowledge", "/knowledge", "tickets"),
    Entry("statistics", "/statistics", "statistics"),
    Entry("operations", "/operations", "operations"),
    Entry("agents", "/agents", "administration"),
)


class Assets:
    """Style sheets and scripts of one area, served under `/<area>/assets/`."""

    def __init__(self, area: str, files: Mapping[str, bytes]) -> None:
        self._area, self._files = area, dict(files)
        self._versions = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in files.items()}

    def address(self, name: str) -> str:
        """Where `name` is, with its version. Raises `KeyError` for another area's."""
        return f"/{self._area}/assets/{name}?{self._versions[name]}"

    async def answer(self, request: web.Request) -> web.Response:
        """The file; 404 for others."""
        name = request.match_info["asset"]
        if name not in self._files:
            raise web.HTTPNotFound
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        response = web.Response(body=self._files[name], content_type=kind, charset="utf-8")
        guard(response)
        if request.query_string == self._versions[name]:
            response.headers[hdrs.CACHE_CONTROL] = "public, max-age=31536000, immutable"
        return response


def frame_assets() -> Assets:
    """Those of the layout."""
    return Assets("staff", {"staff.css": stylesheet(FOLDER / "staff.css"), "staff.js": _read(FOLDER / "staff.js")})


@cache
def _frame() -> tuple[Assets, dict[str, Any]]:
    return frame_assets(), texts(FOLDER)


def _read(path: Path) -> bytes:
    return path.read_bytes()


def visitor_or_none(request: web.BaseRequest) -> Visitor | None:
    """Who is signed in, as far as it was asked."""
    return request.get(VISITOR)


def language_of(request: web.Request) -> str:
    """The language of the answer: `?lang=`, else the visitor's, else the browser's, else the installation's."""
    languages = request.app[SETTINGS].triage.languages
    visitor = visitor_or_none(request)
    if visitor is not None and visitor.actor.language in languages and request.query.get("lang", "") not in languages:
        return visitor.actor.language
    return pages.language_of(request, languages)


class StaffPages:
    """Renders the pages of one area."""

    def __init__(
        self,
        app: web.Application,
        folder: Path,
        *,
        section: str,
        assets: Mapping[str, Path] | None = None,
    ) -> None:
        """`section` is the area's entry in the bar, and the first part of its assets' path."""
        self._app, self._section = app, section
        self._root = urlsplit(app[SETTINGS].base_url).path.rstrip("/")
        self._languages = app[SETTINGS].triage.languages
        self._jinja = pages.environment(folder, TEMPLATES)
        self._texts = texts(folder)
        self._assets = Assets(section, {name: _read(path) for name, path in (assets or {}).items()})
        self.asset = self._assets.answer

    @property
    def root(self) -> str:
        """The path before ours where a proxy adds one, without a slash at its end."""
        return self._root

    def words(self, request: web.Request) -> Any:
        """The area's words in the language of the answer."""
        return self._texts[language_of(request)]

    def page(
        self,
        request: web.Request,
        template: str,
        *,
        title: str,
        status: int = 200,
        section: str | None = None,
        **values: object,
    ) -> web.Response:
        """A whole page. `section` marks another entry of the bar than the area's."""
        html = self._render(request, template, title=title, section=section or self._section, **values)
        response = web.Response(text=html, status=status, content_type="text/html")
        guard(response, live=True)
        response.headers[hdrs.CONTENT_LANGUAGE] = language_of(request)
        response.headers[hdrs.VARY] = f"{hdrs.ACCEPT_LANGUAGE}, {hdrs.COOKIE}"
        return response

    def fragment(self, request: web.Request, template: str, **values: object) -> str:
        """A part of a page, for scripts that keep it live."""
        return self._render(request, template, title="", section=self._section, **values)

    def _render(self, request: web.Request, template: str, **values: object) -> str:
        language, visitor = language_of(request), visitor_or_none(request)
        actor = visitor.actor if visitor else None
        zone = actor.timezone if actor else "UTC"
        assets, frame = _frame()
        return self._jinja.get_template(template).render(
            {
                "root": self._root,
                "language": language,
                "languages": self._languages,
                "text": self._texts[language],
                "frame": frame[language],
                "me": visitor,
                "actor": actor,
                "entries": self._entries(actor),
                "here": request.path_qs,
                "asset": lambda name: self._root + self._assets.address(name),
                "frame_asset": lambda name: self._root + assets.address(name),
                "moment": lambda at: moments.moment(at, language, zone),
                "day": lambda at: moments.day(at, language, zone),
                "initials": initials,
                "browser": browser,
            }
            | values
        )

    def _entries(self, actor: Actor | None) -> list[Entry]:
        """What the bar offers: what there is, and what the actor may see."""
        if actor is None:
            return []
        there = {resource.canonical for resource in self._app.router.resources()}
        return [entry for entry in ENTRIES if entry.path in there and actor.may(entry.permission)]


def redirect(request: web.Request, path: str) -> web.Response:
    """303 to `path`, one of ours."""
    root = urlsplit(request.app[SETTINGS].base_url).path.rstrip("/")
    response = web.Response(status=303, headers={hdrs.LOCATION: root + path})
    guard(response)
    return response


def initials(name: str) -> str:
    """Two letters that stand for a name: `Marie Dupont` → MD."""
    words = [word for word in name.replace("-", " ").split() if word[:1].isalnum()]
    letters = words[0][:1] + words[-1][:1] if len(words) > 1 else (words[0][:2] if words else "?")
    return letters.upper()


def browser(agent: str) -> str:
    """A browser's own name in short, `Firefox, Linux`; '' where it is none of the usual ones."""
    names = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux")
    found = [next((name for mark, name in names if mark in agent), "")]
    found.append(next((name for name in systems if name in agent), ""))
    return ", ".join(name for name in found if name)


def at_home(actor: Actor | None, app: web.Application) -> str:
    """The page that one starts from."""
    there = {resource.canonical for resource in app.router.resources()}
    return next(
        (entry.path for entry in ENTRIES if entry.path in there and actor and actor.may(entry.permission)), "/account"
    )
