"""The form's door.

    POST /forms/{form}                   303 to the thank-you page once the post is committed
                                         201 JSON: the number; 202 where it is not known within two seconds
                                         400 403 408 409 413 415 422 503: nothing was stored, see `posted`
    GET  /forms/{form}                   200 the page
    GET  /forms/{form}/thanks/{receipt}  200 the number, or that it is coming
    GET  /forms/form.css, /forms/pow.js, /forms/keep.js  200
    404 for a form that is not defined and a receipt that is not ours; 405 for other methods

A refused post gets its own page back with the text in it, so that nobody types twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web

from channels import Accept, Busy, TooLarge, body, wording
from channels.client_address import client_address, neighbourhood, networks
from channels.form import abuse, challenge, pages, submission, visit
from channels.form.challenge import Standing, Token
from channels.form.definition import Definition
from channels.form.visit import Visit
from channels.posted import NotTaken, Posted
from config import secret
from config.pages import guard, preferred
from config.settings import Settings
from models.envelope import Envelope, Outcome, RawMessage

WAIT_SECONDS = 2.0
BODIES_AT_ONCE = 12
"""So many bodies of the largest size may be in memory together."""
LONGEST_KEY = 200


class Key(msgspec.Struct, frozen=True):
    """What makes a post the same post again, and the token where it came from one of our pages."""

    external_id: str
    token: Token


class Door:
    """Serves the forms of one channel."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        forms: dict[str, Definition],
        accept: Accept,
        *,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._name = name
        self._settings = settings
        self._forms = forms
        self._accept = accept
        self._clock = clock
        self._random = random
        self._secret = secret.key(settings)
        self._root = urlsplit(settings.base_url).path.rstrip("/")
        self._pages = pages.Pages(settings, self._root)
        self._window = abuse.Window(settings.form.per_minute + 1)
        self._proxies = networks(settings.http.trusted_proxies)
        self._limits = body.Limits(settings.http.max_body_bytes, settings.http.body_seconds, settings.form.max_files)
        self._hold = body.Hold(BODIES_AT_ONCE * settings.http.max_body_bytes)

    def routes(self) -> list[web.RouteDef]:
        """Everything below /forms."""
        return [
            *(web.get(f"/forms/{name}", self.asset) for name in pages.ASSETS),
            web.get("/forms/{form}", self.show),
            web.post("/forms/{form}", self.post),
            web.get("/forms/{form}/thanks/{receipt}", self.thanks),
        ]

    async def asset(self, request: web.Request) -> web.Response:
        """The style sheet and the script; their address changes when they do."""
        name = request.path.rpartition("/")[2]
        response = web.Response(body=self._pages.assets[name], content_type=pages.ASSETS[name], charset="utf-8")
        guard(response)
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response

    async def show(self, request: web.Request) -> web.Response:
        """The page of a form."""
        seen = self._visit(request)
        if seen is None:
            return self._missing(request)
        return self._pages.form(seen, self._new_token(seen.form, self._now()))

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Take a post, or say why not."""
        seen = self._visit(request)
        if seen is None:
            return self._missing(request)
        try:
            with self._hold.counting(request, self._limits) as count:
                posted = await body.read(request, self._limits, count)
                stored_as = await self._store(request, seen, posted)
        except NotTaken as refusal:
            return await self._refused(request, seen, refusal)
        return await self._taken(seen, stored_as)

    async def thanks(self, request: web.Request) -> web.Response:
        """The tracking number of a post, as a page or as JSON."""
        seen = self._visit(request)
        if seen is None:
            return self._missing(request)
        receipt = request.match_info["receipt"]
        try:
            stored_as = challenge.stored_as(self._secret, seen.form.name, receipt)
        except ValueError:
            return self._missing(request)
        outcome = await self._outcome(seen.form, stored_as)
        if outcome is None:
            return self._missing(request)
        if seen.json:
            return _json(200, {"state": outcome.kind, "number": outcome.ticket_number, "receipt": receipt})
        return self._pages.thanks(
            seen,
            number=outcome.ticket_number,
            pending=outcome.kind == "pending",
            reference=stored_as[:12].upper(),
            here=self._thanks_path(seen, receipt),
        )

    async def _store(self, request: web.Request, seen: Visit, posted: Posted) -> str:
        """Check `posted` and hand it to accept. Returns the id that it is stored under. Raises `NotTaken`."""
        key = self._key(request, seen.form, posted)
        filled = submission.fill(seen.form, posted, seen.said)
        raw = self._raw(request, seen, filled, key.external_id, self._mark(request, seen.form, posted, key.token))
        try:
            accepted = await self._accept(raw)
        except Busy as error:
            raise NotTaken("busy", "try again", posted) from error
        except TooLarge as error:
            raise NotTaken("large", str(error), posted) from error
        if accepted.repeated and accepted.altered:
            raise NotTaken("altered", "this key's message is stored already, with other content", posted)
        return key.external_id

    def _key(self, request: web.Request, form: Definition, posted: Posted) -> Key:
        """Judge the token, else take the sender's own key, else a random one. Raises `NotTaken`."""
        token = challenge.judge(self._secret, form.name, posted.values.get("token", ""), self._now())
        if token.standing is Standing.EXPIRED:
            raise NotTaken("expired", "the token has expired", posted)
        if token.standing is Standing.FOREIGN or not self._may_post(request, form, token):
            raise NotTaken("foreign", "the token or the origin is not ours", posted)
        own = request.headers.get("Idempotency-Key", "") or posted.values.get("idempotency_key", "")
        if len(own) > LONGEST_KEY:
            raise NotTaken("malformed", f"an idempotency key has at most {LONGEST_KEY} characters", posted)
        if token.standing is Standing.VALID:
            return Key(challenge.external_id(form.name, token.text), token)
        return Key(challenge.external_id(form.name, f"own {own}" if own else self._random(16).hex()), token)

    def _may_post(self, request: web.Request, form: Definition, token: Token) -> bool:
        """Decide whether the site that this post comes from may send it.

        Our token is for our pages only; without it the form's `origins` decide. Programs send no Origin.
        """
        origin = request.headers.get(hdrs.ORIGIN, "")
        if not origin or origin.partition("://")[2] in {request.host, urlsplit(self._settings.base_url).netloc}:
            return True
        if token.standing is Standing.VALID:
            return origin == "null" and request.headers.get("Sec-Fetch-Site", "") != "cross-site"
        return "*" in form.origins or origin in form.origins

    def _mark(self, request: web.Request, form: Definition, posted: Posted, token: Token) -> str:
        """Why this looks like a machine, '' if it does not."""
        proved = challenge.solved(token.text, posted.values.get("proof", ""), form.proof_of_work)
        most = self._settings.form.per_minute
        sender = neighbourhood(client_address(request, self._proxies))
        return abuse.mark(
            trap=posted.values.get(form.honeypot, ""),
            token=token,
            min_seconds=self._settings.form.min_seconds,
            posts=self._window.count(sender, self._now()),
            most=most // 2 if form.proof_of_work and not proved else most,
        )

    def _raw(
        self, request: web.Request, seen: Visit, filled: submission.Submission, external_id: str, mark: str
    ) -> RawMessage:
        """The message as accept wants it."""
        sender = submission.sender_of(seen.form, filled)
        facts = {
            "user_agent": request.headers.get(hdrs.USER_AGENT, ""),
            "origin": request.headers.get(hdrs.ORIGIN, ""),
            "content_type": request.content_type,
            "abuse": mark,
        }
        envelope = Envelope(
            channel=self._name,
            account=seen.form.files_as,
            external_id=external_id,
            sender=sender,
            received_at=self._clock(),
            remote=client_address(request, self._proxies),
            trace_id=self._random(16).hex(),
            lane=f"{self._name}:{sender or external_id}",
            facts={name: wording.line(value)[:300] for name, value in facts.items() if value},
        )
        return RawMessage(envelope, submission.encode(filled))

    async def _taken(self, seen: Visit, stored_as: str) -> web.Response:
        """Committed. A page is sent on to the thank-you page, so that a refresh does not post again."""
        receipt = challenge.receipt(self._secret, seen.form.name, stored_as)
        if not seen.json:
            response = web.Response(status=303, headers={hdrs.LOCATION: self._thanks_path(seen, receipt)})
            guard(response)
            return response
        outcome = await self._outcome(seen.form, stored_as)
        if outcome is not None and outcome.ticket_number is not None:
            return _json(201, {"number": outcome.ticket_number, "receipt": receipt})
        address = self._settings.base_url.removesuffix(self._root) + self._thanks_path(seen, receipt)
        return _json(202, {"receipt": receipt, "status_url": address})

    async def _refused(self, request: web.Request, seen: Visit, refusal: NotTaken) -> web.StreamResponse:
        """Word a refusal, with the visitor's text where there is any."""
        if seen.json:
            response = self._problem(seen, refusal)
        elif refusal.posted is not None and refusal.why in pages.GIVEN_BACK:
            response = self._pages.form(seen, self._token_for_again(seen.form, refusal), refusal)
        else:
            response = self._pages.refusal(seen, refusal)
        if refusal.why == "busy":
            response.headers[hdrs.RETRY_AFTER] = str(pages.RETRY_SECONDS)
        if refusal.why == "slow":
            await _answer_and_close(request, response)
        return response

    def _problem(self, seen: Visit, refusal: NotTaken) -> web.Response:
        """A refusal as application/problem+json (RFC 9457)."""
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": self._pages.words(seen.language, refusal.why),
            "status": refusal.status,
            "detail": refusal.detail,
        }
        if refusal.wrong:
            problem["errors"] = [
                {"field": name, "code": complaint.text, "detail": self._pages.complaint(seen.language, complaint)}
                for name, complaint in refusal.wrong.items()
            ]
        return _json(refusal.status, problem, "application/problem+json")

    def _token_for_again(self, form: Definition, refusal: NotTaken) -> str:
        """The token of a page that is shown again: the same one while it is good, so that one sending stays one.

        A new one counts as issued a while ago, since its text is typed already.
        """
        text = refusal.posted.values.get("token", "") if refusal.posted else ""
        token = challenge.judge(self._secret, form.name, text, self._now())
        if token.standing is Standing.VALID and refusal.why != "altered":
            return token.text
        return self._new_token(form, self._now() - self._settings.form.min_seconds)

    def _new_token(self, form: Definition, now: float) -> str:
        return challenge.issue(self._secret, form.name, now, self._random(12))

    async def _outcome(self, form: Definition, stored_as: str) -> Outcome | None:
        """What became of a post, waiting a little for it. It is stored: not being able to look is no refusal."""
        try:
            return await self._accept.outcome(self._name, form.files_as, stored_as, wait=WAIT_SECONDS)
        except Busy:
            return Outcome(kind="pending")

    def _visit(self, request: web.Request) -> Visit | None:
        """None where there is no such form."""
        form = self._forms.get(request.match_info["form"])
        return visit.of(request, form, self._settings.triage.languages) if form else None

    def _missing(self, request: web.Request) -> web.Response:
        """404, in the browser's language."""
        languages = self._settings.triage.languages
        language = preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""), languages)
        return self._pages.missing(language or languages[0])

    def _thanks_path(self, seen: Visit, receipt: str) -> str:
        """The thank-you page, in the language of this visit."""
        return f"{self._root}/forms/{seen.form.name}/thanks/{receipt}{seen.query(seen.said)}"

    def _now(self) -> float:
        return self._clock().timestamp()


def _json(status: int, value: dict[str, Any], content_type: str = "application/json") -> web.Response:
    """A JSON answer with the guarding headers."""
    response = web.Response(body=msgspec.json.encode(value), status=status, content_type=content_type)
    guard(response)
    return response


async def _answer_and_close(request: web.Request, response: web.StreamResponse) -> None:
    """Answer at once and end the connection: aiohttp would go on reading the body that is not coming."""
    response.force_close()
    await response.prepare(request)
    await response.write_eof()
    if request.transport is not None:
        request.transport.close()
