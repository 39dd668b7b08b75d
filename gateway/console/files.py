"""What a message holds beside its words: files, its own formatting, its full text, its raw source.

GET /console/{number}/files/{id}           200 to be saved, never to be shown
GET /console/{number}/messages/{id}/html   200 for a sandboxed frame; ?images=1 with remote images
GET /console/{number}/messages/{id}/text   200 everything that was written, as plain text
GET /console/{number}/messages/{id}/raw    200 what came in, byte for byte, to be saved
everywhere: 404 for what is not there or not the actor's to see
"""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import hdrs, web

from config import mail_html
from config.pages import guard
from gateway.console.desk import Desk, number_in
from gateway.staff import actor_of, language_of
from models import dossier, page_link


class Files:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file."""
        number, wanted = _asked(request)
        async with self._desk.reading() as connection:
            found = await dossier.file(connection, actor_of(request), number, wanted)
        if found is None:
            return self._desk.refused(request, 404)
        return _saved(await self._bytes(found.content, found.sha256), found.filename or "file")

    async def raw(self, request: web.Request) -> web.StreamResponse:
        """The bytes that the door took."""
        number, wanted = _asked(request)
        async with self._desk.reading() as connection:
            found = await dossier.raw(connection, actor_of(request), number, wanted)
        if found is None or (found.body is None and not found.body_sha256):
            return self._desk.refused(request, 404)
        return _saved(await self._bytes(found.body, found.body_sha256), f"message-{wanted}.txt")

    async def html(self, request: web.Request) -> web.StreamResponse:
        """A message as its sender formatted it, behind three walls (`config.mail_html`)."""
        number, wanted = _asked(request)
        async with self._desk.reading() as connection:
            found = await dossier.whole(connection, actor_of(request), number, wanted)
        if found is None or not found.html:
            return self._desk.refused(request, 404)
        language = language_of(request)
        return mail_html.answer(
            found.html,
            images=request.query.get("images", "") == "1",
            language=language,
            ask=self._desk.pages.words(request)["images"],
            address=f"?images=1&lang={language}",
        )

    async def text(self, request: web.Request) -> web.StreamResponse:
        """All of its words."""
        number, wanted = _asked(request)
        async with self._desk.reading() as connection:
            found = await dossier.whole(connection, actor_of(request), number, wanted)
        if found is None:
            return self._desk.refused(request, 404)
        response = web.Response(text=page_link.veil(found.text), content_type="text/plain")
        guard(response)
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; frame-ancestors 'self'"
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    async def _bytes(self, inline: bytes | None, digest: str) -> bytes:
        return inline if inline is not None else await self._desk.objects.get(digest)


def _asked(request: web.Request) -> tuple[int, int]:
    return number_in(request.match_info["number"]), number_in(request.match_info["id"])


def _saved(content: bytes, name: str) -> web.Response:
    response = web.Response(body=content, content_type="application/octet-stream")
    guard(response)
    response.headers[hdrs.CONTENT_DISPOSITION] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
