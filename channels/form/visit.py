"""One request at the form's door: for which form, in which language, and in what shape the answer is wanted.

Enters: the query, Accept, Accept-Language and Content-Type. Leaves: a frozen `Visit`. Nothing fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from channels.form.definition import Definition
from config.pages import preferred


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer to one request depends on."""

    form: Definition
    said: str
    """The language that the address or the form's definition says; '' where neither does."""
    preferred: str
    """The language that the browser asks for; '' for none of ours."""
    default: str
    embedded: bool
    json: bool

    @property
    def language(self) -> str:
        """The language of the answer."""
        return self.said or self.preferred or self.default

    def query(self, language: str) -> str:
        """The query string, with its question mark, that keeps `language` and the frame."""
        pairs = [("lang", language)] * bool(language) + [("embed", "1")] * self.embedded
        return f"?{urlencode(pairs)}" if pairs else ""


def of(request: web.Request, form: Definition, languages: Sequence[str]) -> Visit:
    """Read `request`. The first of `languages` is the default."""
    said = request.query.get("lang", "")
    return Visit(
        form=form,
        said=said if said in languages else form.language,
        preferred=preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""), languages),
        default=languages[0],
        embedded=request.query.get("embed", "") == "1",
        json=_wants_json(request),
    )


def _wants_json(request: web.Request) -> bool:
    """JSON is answered with JSON, and whoever accepts JSON but no page gets it too."""
    accept = request.headers.get(hdrs.ACCEPT, "")
    return request.content_type == "application/json" or ("application/json" in accept and "text/html" not in accept)
