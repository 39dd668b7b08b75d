"""What the chat serves to everybody: the script of the window, and a page of ours that shows it.

The script is put together at start from `config/templates/chat`: the words of both languages and the style stand in it,
so that a site needs one line and one request. Fails at start alone, where a file is missing.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web

from config.pages import TEMPLATES, environment, guard, stylesheet, texts
from config.settings import Settings

FOLDER = TEMPLATES / "chat"
NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")


class Pages:
    """Renders. One for each gateway process."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._root = urlsplit(settings.base_url).path.rstrip("/")
        self._languages = settings.triage.languages
        self._texts = texts(FOLDER)
        self._jinja = environment(FOLDER)
        self._css = stylesheet(FOLDER / "example.css")
        self._script = _script({language: words["window"] for language, words in self._texts.items()})
        self._packed = gzip.compress(self._script, 9, mtime=0)
        self._version = hashlib.sha256(self._script).hexdigest()[:12]

    @property
    def packed_bytes(self) -> int:
        """Size of the script as it travels."""
        return len(self._packed)

    def script(self, request: web.Request) -> web.Response:
        """The window's script; a browser that has it is told so."""
        packed = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
        fresh = f'"{self._version}"' in request.headers.get(hdrs.IF_NONE_MATCH, "")
        response = web.Response(
            body=b"" if fresh else self._packed if packed else self._script,
            status=304 if fresh else 200,
            content_type="text/javascript",
            charset="utf-8",
        )
        guard(response)
        response.headers[hdrs.CACHE_CONTROL] = "public, max-age=600"
        response.headers[hdrs.ETAG] = f'"{self._version}"'
        response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if packed and not fresh:
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
        return response

    def example(self, language: str, site: str) -> web.Response:
        """A page that shows the window of `site`."""
        html = self._jinja.get_template("example.html").render(
            root=self._root,
            base=self._base_url,
            version=self._version,
            language=language,
            other_language=next((one for one in self._languages if one != language), ""),
            text=self._texts[language]["example"],
            site=site if NAME.fullmatch(site) else "default",
        )
        response = web.Response(text=html, content_type="text/html")
        guard(response, live=True)
        response.headers[hdrs.CONTENT_LANGUAGE] = language
        response.headers[hdrs.VARY] = hdrs.ACCEPT_LANGUAGE
        return response

    def stylesheet(self) -> web.Response:
        """The example's style sheet."""
        response = web.Response(body=self._css, content_type="text/css", charset="utf-8")
        guard(response)
        response.headers[hdrs.CACHE_CONTROL] = "public, max-age=86400"
        return response


def _script(words: dict[str, dict[str, str]]) -> bytes:
    """The script with words and style in it."""
    source = (FOLDER / "widget.js").read_text("utf-8")
    style = re.sub(r"\s*\n\s*", "", (FOLDER / "widget.css").read_text("utf-8"))
    source = re.sub(r"^\s+", "", source, flags=re.MULTILINE)
    for place, value in (("%TEXTS%", words), ("%CSS%", style)):
        source = source.replace(place, msgspec.json.encode(value).decode(), 1)
    return source.encode()
