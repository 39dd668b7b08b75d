"""What all pages share: the template engine, the stylesheet's base, the choice of language, the guarding headers.

Enters: a folder below `config/templates`, a request. Leaves: what the pages of a channel or of the gateway are made
with. Fails only where a file is missing (`OSError`, at start). Strangers' text passes Jinja's autoescape and is never a
template itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import hdrs, web

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; {}form-action 'self'; base-uri 'none'; frame-ancestors {}"
)


def environment(*folders: Path) -> jinja2.Environment:
    """An engine for the templates of `folders`: escapes everything, and a missing value is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def texts(folder: Path) -> dict[str, Any]:
    """The words of the pages of `folder`, by language."""
    return tomllib.loads((folder / "texts.toml").read_text("utf-8"))


def stylesheet(*sheets: Path) -> bytes:
    """The tokens and plain elements that all pages share, then `sheets`."""
    return b"\n".join(path.read_bytes() for path in (TEMPLATES / "base.css", *sheets))


def preferred(header: str, languages: Sequence[str]) -> str:
    """The one of `languages` that an Accept-Language header likes best (RFC 9110 §12.5.4); '' for none."""
    wishes = sorted(_wishes(header[:1000]), key=lambda wish: -wish[1])
    return next((language for language, weight in wishes if weight > 0 and language in languages), "")


def _wishes(header: str) -> Iterator[tuple[str, float]]:
    """Each primary language of the header with its weight."""
    for item in header.split(","):
        tag, _, parameters = item.partition(";")
        weight = parameters.strip().removeprefix("q=")
        try:
            yield tag.strip().lower().partition("-")[0], float(weight or 1)
        except ValueError:
            continue


def language_of(request: web.Request, languages: Sequence[str]) -> str:
    """The language of the answer: `?lang=`, else what the browser asks for, else the first of `languages`."""
    said = request.query.get("lang", "")
    if said in languages:
        return said
    return preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""), languages) or languages[0]


def guard(response: web.StreamResponse, frames: str = "'none'", *, live: bool = False) -> None:
    """The headers of every answer. `frames` is the CSP list of sites that may frame it; `live`: it may ask us again.

    `same-origin` rather than `no-referrer`: with the latter a browser posts the page with `Origin: null`, and a foreign
    site's post could not be told from ours.
    """
    response.headers["Content-Security-Policy"] = POLICY.format("connect-src 'self'; " if live else "", frames)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    if frames == "'none'":
        response.headers["X-Frame-Options"] = "DENY"
