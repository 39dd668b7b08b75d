"""The door of a ticket's page.

    GET  /t/{token}                200 the page
    POST /t/{token}                303 the reply is stored; 400 408 413 415 422 503 nothing was, the text comes back
    POST /t/{token}/answer         303 what was asked is answered: `solved` yes or no, or `score` 1 to 5 with `comment`
    GET  /t/{token}/history        200 the messages alone, for the script that keeps the page live
    GET  /t/{token}/live           200 an event stream: "changed" when there is something new
    GET  /t/{token}/files/{id}     200 a file, to be saved and never to be shown
    GET  /t/{token}/messages/{id}  200 a message's own formatting, for a sandboxed frame; ?images=1 with remote images
    GET  /t                        200 where one asks for a fresh link; POST 200 the same answer whatever was asked
    everywhere: 404 for a token that opens nothing, whatever the reason; 429 for who guesses

The token is all that a visitor needs, so it leaves in no Referer and stands in no log.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web

from channels import Accept, Busy, TooLarge, body, wording
from channels.client_address import client_address, neighbourhood, networks
from channels.limits import Buckets
from channels.portal import reply
from channels.portal.pages import ASSETS, Pages
from channels.portal.reply import Reply
from channels.posted import NotTaken, Posted, Upload
from config import mail_html
from config.pages import guard, language_of
from config.settings import Settings
from models.envelope import Envelope, Line, RawMessage
from models.page_link import Page

BODIES_AT_ONCE = 4
WAIT_SECONDS = 2.0
LONGEST_TEXT, LONGEST_COMMENT = 20_000, 2_000
LIVE_SECONDS, BEAT_SECONDS = 600.0, 20.0
"""How long an event stream lasts before the browser opens a new one, and how often it shows that it lives."""
STREAMS_PER_TICKET = 10
RENEWALS_PER_MINUTE = 5

Handler = Callable[[web.Request, Page], Awaitable[web.StreamResponse]]


class Door:
    """Serves /t."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        accept: Accept,
        *,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        portal, http = settings.portal, settings.http
        self._name, self._settings, self._accept = name, settings, accept
        self._clock, self._random = clock, random
        self._proxies = networks(http.trusted_proxies)
        self._pages = Pages(settings, urlsplit(settings.base_url).path.rstrip("/"))
        self._limits = body.Limits(http.max_body_bytes, http.body_seconds, portal.max_files)
        self._hold = body.Hold(BODIES_AT_ONCE * http.max_body_bytes)
        self._guesses = Buckets(portal.guesses_per_minute / 60, portal.guesses_per_minute)
        self._posts = Buckets(portal.posts_per_minute / 60, portal.posts_per_minute)
        self._renewals = Buckets(RENEWALS_PER_MINUTE / 60, RENEWALS_PER_MINUTE)
        self._watched: dict[str, set[asyncio.Event]] = {}
        self._streams: Counter[int] = Counter()
        self._closing = asyncio.Event()
        accept.conversations.watch(self._hear)

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        opened = self._opened
        app.add_routes(
            [
                *(web.get(f"/t/{name}", self.asset) for name in ASSETS),
                web.get("/t", self.ask),
                web.post("/t", self.renew),
                web.get("/t/{token:[^/]*}", opened(self.show)),
                web.post("/t/{token:[^/]*}", opened(self.post)),
                web.post("/t/{token}/answer", opened(self.answer)),
                web.get("/t/{token}/history", opened(self.history)),
                web.get("/t/{token}/live", opened(self.live)),
                web.get("/t/{token}/files/{id}", opened(self.file)),
                web.get("/t/{token}/messages/{id}", opened(self.message)),
            ]
        )
        app.on_shutdown.append(self._end)

    async def _end(self, _app: web.Application) -> None:
        self._closing.set()
        for events in self._watched.values():
            for event in events:
                event.set()

    def _opened(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """`handler`, for good links alone. Every other token gets one and the same answer."""

        async def check(request: web.Request) -> web.StreamResponse:
            address, now = neighbourhood(client_address(request, self._proxies)), self._clock().timestamp()
            language = self._language(request)
            if self._guesses.empty(address, now):
                return self._pages.refused(language, 429)
            try:
                page = await self._accept.conversations.page(request.match_info["token"])
                if page is not None:
                    return await handler(request, page)
            except Busy:
                return self._pages.refused(language, 503)
            self._guesses.take(address, now)
            return self._pages.refused(language, 404)

        return check

    # the page

    async def show(self, request: web.Request, page: Page) -> web.StreamResponse:
        """The page."""
        return self._pages.ticket(
            page,
            await self._lines(page),
            token=request.match_info["token"],
            language=self._language(request, page),
            key=self._random(16).hex(),
            sent="sent" in request.query,
            asked=await self._accept.conversations.asked(page),
            chosen=_chosen(request.query),
        )

    async def history(self, request: web.Request, page: Page) -> web.StreamResponse:
        """The part of the page that changes."""
        token, language = request.match_info["token"], self._language(request, page)
        return self._pages.history(page, await self._lines(page), token=token, language=language)

    async def _lines(self, page: Page) -> list[Line]:
        """What was said, and behind it what this link's holder wrote a moment ago and is not settled yet."""
        conversations = self._accept.conversations
        waiting = [
            (raw.envelope, reply.decode(raw.body))
            for raw in await conversations.waiting(self._lane(page))
            if raw.envelope.channel == self._name
        ]
        lines = list(await conversations.page_lines(page))
        known = {line.id for line in lines}
        return lines + [
            Line(number=0, direction="in", text=sent.text, at=envelope.received_at)
            for envelope, sent in waiting
            if sent.ticket == page.number and envelope.external_id not in known
        ]

    async def live(self, request: web.Request, page: Page) -> web.StreamResponse:
        """Tell the page when to look (HTML §9.2, server-sent events)."""
        if self._streams[page.number] >= STREAMS_PER_TICKET:
            return self._pages.refused(self._language(request, page), 429)
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
        guard(response, live=True)
        key, news = f"ticket:{page.number}", asyncio.Event()
        self._watched.setdefault(key, set()).add(news)
        self._streams[page.number] += 1
        try:
            await response.prepare(request)
            await response.write(b"retry: 3000\n\n")
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(LIVE_SECONDS):
                    while not self._closing.is_set():
                        await self._beat(response, news)
        finally:
            self._streams[page.number] -= 1
            self._watched[key].discard(news)
            if not self._watched[key]:
                del self._watched[key]
        return response

    async def _beat(self, response: web.StreamResponse, news: asyncio.Event) -> None:
        """Wait for news, or for the time to show that we live."""
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await news.wait()
        except TimeoutError:
            await response.write(b": still here\n\n")
            return
        news.clear()
        if not self._closing.is_set():
            await response.write(b"event: changed\ndata:\n\n")

    def _hear(self, key: str, _kind: str, _detail: str) -> None:
        for event in self._watched.get(key, ()):
            event.set()

    # replies

    async def post(self, request: web.Request, page: Page) -> web.StreamResponse:
        """Take a reply, or give its text back with the reason."""
        token, language = request.match_info["token"], self._language(request, page)
        try:
            with self._hold.counting(request, self._limits) as count:
                posted = await body.read(request, self._limits, count)
                await self._store(request, page, posted)
        except NotTaken as refusal:
            response = self._pages.ticket(
                page,
                await self._lines(page),
                token=token,
                language=language,
                key=self._random(16).hex(),
                refusal=refusal,
                asked=await self._accept.conversations.asked(page),
            )
            if refusal.why in {"large", "slow", "many"}:
                response.force_close()  # the rest of the body is not waited for
            return response
        return self._pages.moved(self._pages.address(token, language, "sent=1"))

    async def answer(self, request: web.Request, page: Page) -> web.StreamResponse:
        """Take the answer to what the page asks. Only a post answers: programs that look at links answer nothing."""
        token, language = request.match_info["token"], self._language(request, page)
        if self._posts.take(str(page.number), self._clock().timestamp()):
            return self._pages.refused(language, 429)
        try:
            with self._hold.counting(request, self._limits) as count:
                values = (await body.read(request, self._limits, count)).values
        except NotTaken as refusal:
            return self._pages.refused(language, refusal.status)
        chosen, conversations = _chosen(values), self._accept.conversations
        taken = False
        if "solved" in chosen:
            taken = await conversations.answer_solved(page, chosen["solved"])
        elif "score" in chosen:
            comment = wording.lines(values.get("comment", ""))[:LONGEST_COMMENT]
            taken = await conversations.rate(page, int(chosen["score"]), comment)
        return self._pages.moved(self._pages.address(token, language, "answered=1" if taken else ""))

    async def _store(self, request: web.Request, page: Page, posted: Posted) -> None:
        """Hand a reply to accept. Raises `NotTaken`."""
        text = wording.lines(posted.values.get("text", ""))
        files = tuple(_harmless(file) for file in posted.files)
        if not text and not files:
            raise NotTaken("wrong", "an empty reply", posted)
        if len(text) > LONGEST_TEXT:
            raise NotTaken("large", f"a reply has at most {LONGEST_TEXT} characters", posted)
        if self._posts.take(str(page.number), self._clock().timestamp()):
            raise NotTaken("busy", "too many replies in a minute", posted)
        raw = self._raw(request, page, posted, text, files)
        try:
            await self._accept(raw)
            envelope = raw.envelope
            await self._accept.outcome(envelope.channel, envelope.account, envelope.external_id, wait=WAIT_SECONDS)
        except Busy as error:
            raise NotTaken("busy", "try again", posted) from error
        except TooLarge as error:
            raise NotTaken("large", str(error), posted) from error

    def _raw(
        self, request: web.Request, page: Page, posted: Posted, text: str, files: tuple[Upload, ...]
    ) -> RawMessage:
        """The message as accept wants it. The page's key makes a double click one reply."""
        key = posted.values.get("key", "")[:64] or self._random(16).hex()
        name = hashlib.sha256(f"{page.number}\0{page.address}\0{key}".encode("utf-8", "replace")).hexdigest()
        envelope = Envelope(
            channel=self._name,
            account=self._name,
            external_id=f"{name[:40]}@{self._name}",
            sender=page.address,
            received_at=self._clock(),
            remote=client_address(request, self._proxies),
            trace_id=self._random(16).hex(),
            lane=self._lane(page),
            facts={"user_agent": wording.line(request.headers.get(hdrs.USER_AGENT, ""))[:300]},
        )
        written = Reply(
            ticket=page.number,
            reply_token=page.reply_token,
            channel=page.channel,
            account=page.answer_account,
            text=text,
            files=files,
            remarks=posted.remarks,
        )
        return RawMessage(envelope, reply.encode(written))

    def _lane(self, page: Page) -> str:
        return f"{page.channel}:{page.address}"

    # files and formatted messages

    async def file(self, request: web.Request, page: Page) -> web.StreamResponse:
        """A file of a message that the holder may see."""
        number, found = _number(request.match_info["id"]), None
        if number:
            conversations = self._accept.conversations
            found = await conversations.file(number, await conversations.page_lines(page))
        if found is None:
            return self._pages.refused(self._language(request, page), 404)
        response = web.Response(body=found.content, content_type="application/octet-stream")
        guard(response)
        name = quote(found.filename or "file", safe="")
        response.headers[hdrs.CONTENT_DISPOSITION] = f"attachment; filename*=UTF-8''{name}"
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def message(self, request: web.Request, page: Page) -> web.StreamResponse:
        """A message as its sender formatted it, behind three walls (`config.mail_html`)."""
        number, language = _number(request.match_info["id"]), self._language(request, page)
        html = await self._accept.conversations.html(page, number) if number else None
        if html is None:
            return self._pages.refused(language, 404)
        return mail_html.answer(
            html,
            images=request.query.get("images", "") == "1",
            language=language,
            ask=self._pages.words(language, "images"),
            address=f"?images=1&lang={language}",
        )

    # fresh links

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Where one asks for a fresh link."""
        return self._pages.renewal(self._language(request))

    async def renew(self, request: web.Request) -> web.StreamResponse:
        """Send one, if number and address belong together; the answer does not tell."""
        address = neighbourhood(client_address(request, self._proxies))
        language = self._language(request)
        if self._renewals.take(address, self._clock().timestamp()):
            return self._pages.refused(language, 429)
        try:
            with self._hold.counting(request, self._limits) as count:
                posted = await body.read(request, self._limits, count)
            number = _number(posted.values.get("number", "").strip().lstrip("#"))
            email = wording.line(posted.values.get("email", "")).lower()[:254]
            if number and email:
                await self._accept.conversations.renew(number, email)
        except NotTaken as refusal:
            return self._pages.refused(language, refusal.status)
        except Busy:
            return self._pages.refused(language, 503)
        return self._pages.renewal(language, asked=True)

    async def asset(self, request: web.Request) -> web.Response:
        """Style sheet and scripts."""
        return self._pages.asset(request.path.rpartition("/")[2])

    def _language(self, request: web.Request, page: Page | None = None) -> str:
        """What the address says, else the ticket's, else the browser's."""
        languages: list[Any] = list(self._settings.triage.languages)
        if page is not None and page.language in languages and request.query.get("lang", "") not in languages:
            return page.language
        return language_of(request, languages)


def _number(text: str) -> int:
    """A row's number; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _chosen(values: Mapping[str, str]) -> dict[str, str]:
    """The answer that a link or a form names: solved yes or no, or a score; nothing for anything else."""
    if values.get("solved", "") in ("yes", "no"):
        return {"solved": values["solved"]}
    return {"score": values["score"]} if values.get("score", "") in tuple("12345") else {}


def _harmless(file: Upload) -> Upload:
    """The file under a name that can only be shown."""
    kind = file.content_type.partition(";")[0].strip().lower()
    kind = kind if kind.isascii() and kind.count("/") == 1 else "application/octet-stream"
    return Upload(file.field, wording.filename(file.filename), kind, file.content)
