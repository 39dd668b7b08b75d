"""The API's door: who asks, how often, whether they may; then the handler, in one transaction; then the answer.

    token → pace → scope and permission → path, query, body → [key seen before?] → handler → commit → hints

Enters: a request for one row of the table. Leaves: the row's answer, or a problem (`gateway.api.problem`). Nothing is
changed unless the answer is a yes. A body is read before a connection is taken, and no more than `AT_ONCE` calls hold
one at a time, so that programs in a hurry leave room for the doors of customers.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from aiohttp import ClientError, hdrs, web
from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from channels.client_address import client_address, networks
from channels.limits import Buckets
from config import logs
from config.database import Database
from gateway.api.problem import Mistake, Problem, mistakes
from gateway.api.route import Call, Result, Route, Shop
from gateway.api.values import MOST
from models import api_request, api_token
from models.actor import Actor
from models.api_request import Answered, KeyUsedError

AT_ONCE = 3
BODY_SECONDS = 30.0
STATEMENT_MILLISECONDS = 10_000
LONGEST_KEY = 255
RETRY = {"Retry-After": "5"}
CLOSING = frozenset((408, 413))

log = logs.of("api")


class Asking(NamedTuple):
    """Who asks."""

    actor: Actor
    scopes: frozenset[str]
    token_id: int
    """0 for who is signed in with a browser."""


Visitor = Callable[[web.Request], Awaitable[Actor | None]]


class Door:
    """Serves the rows of one gateway."""

    def __init__(self, database: Database, shop: Shop, visitor: Visitor) -> None:
        """`visitor` tells who is signed in with the browser that asks, if anybody."""
        self._database, self.shop, self._visitor = database, shop, visitor
        self._slots = asyncio.Semaphore(AT_ONCE)
        most = shop.settings.api.requests_per_minute
        self._most = most
        self._pace = Buckets(most / 60, most)
        guesses = shop.settings.api.guesses_per_minute
        self._guesses = Buckets(guesses / 60, guesses)
        self._proxies = networks(shop.settings.http.trusted_proxies)
        self._tidied = float("-inf")

    def serving(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler of `route` for aiohttp."""

        async def serve(request: web.Request) -> web.StreamResponse:
            headers: dict[str, str] = {}
            try:
                response = await self._serve(route, request, headers)
            except Problem as problem:
                response = problem.response()
                if problem.status in CLOSING:
                    response.force_close()
            except (ConnectionError, asyncio.CancelledError):
                raise
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                response = _trouble(error).response()
            except Exception:
                log.exception("api_bug", route=f"{route.method} {route.path}")
                response = Problem(500).response()
            for name, value in {**headers, **GUARD}.items():
                response.headers.setdefault(name, value)
            return response

        return serve

    async def _serve(self, route: Route, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        asking = await self._asking(route, request)
        self._keep_pace(asking, headers)
        if not asking.actor.may(route.permission) or route.scope not in asking.scopes:
            raise Problem(403, f"It needs the scope {route.scope} and the right: {route.permission}.")
        raw = await _body(request) if route.body is not None else b""
        key, digest = _key(route, request, raw)
        call = Call(
            shop=self.shop,
            actor=asking.actor,
            path=_path(request),
            query=_query(route, request),
            body=_read(route, raw),
            if_match=request.headers.get(hdrs.IF_MATCH, "")[:200],
            # With the digest: a key that was forgotten may come again with another request, and that one is to be done.
            once=f"{asking.token_id}:{key}:{digest.hex()}" if key else "",
        )
        answered, response = await self._work(route, call, asking.token_id, key, digest)
        self.shop.hint(call.hints)
        if call.sends:
            self.shop.ring()
        return response or _answer(route, request, answered)

    async def _asking(self, route: Route, request: web.Request) -> Asking:
        """Who asks. Raises `Problem`, 401 or 429."""
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        challenge: dict[str, str] = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="guichet"'}
        if not scheme:
            actor = await self._visitor(request) if route.reads else None
            if actor is None:
                raise Problem(401, headers=challenge)
            return Asking(actor, frozenset(api_token.SCOPES), 0)
        address = client_address(request, self._proxies)
        now = asyncio.get_running_loop().time()
        if self._guesses.empty(address, now):
            raise Problem(429, "Too many tokens that open nothing.", headers={hdrs.RETRY_AFTER: "60"})
        bearer = None
        if scheme.lower() == "bearer" and token.strip():
            async with self._slots, self._database.engine.begin() as connection:
                bearer = await api_token.recognise(connection, token.strip())
                await self._tidy(connection, now)
        if bearer is None:
            self._guesses.take(address, now)
            challenge[hdrs.WWW_AUTHENTICATE] += ', error="invalid_token"'
            raise Problem(401, headers=challenge)
        return Asking(bearer.actor, bearer.scopes, bearer.token_id)

    async def _tidy(self, connection: AsyncConnection, now: float) -> None:
        """Forget what was answered a day ago, from time to time."""
        if now - self._tidied > 600:
            self._tidied = now
            await api_request.forget(connection)

    def _keep_pace(self, asking: Asking, headers: dict[str, str]) -> None:
        """Count the request. Raises `Problem`, 429."""
        key = f"token:{asking.token_id}" if asking.token_id else asking.actor.label
        now = asyncio.get_running_loop().time()
        wait = self._pace.take(key, now)
        left = int(self._pace.level(key, now))
        headers["RateLimit-Policy"] = f'"token";q={self._most};w=60'
        headers["RateLimit"] = f'"token";r={left};t={max(1, round((self._most - left) * 60 / self._most))}'
        if wait:
            raise Problem(429, headers={hdrs.RETRY_AFTER: str(int(wait) + 1)})

    async def _work(
        self, route: Route, call: Call, token_id: int, key: str, digest: bytes
    ) -> tuple[Answered, web.StreamResponse | None]:
        """Have it done, once: what is to be answered, and the file if it is one."""
        if route.apart:
            if key and (earlier := await self._begin(token_id, key, digest)):
                return earlier, None
            result = await route.handle(call)
            answered = _worded(result)
            if key and result.status == route.status:  # what is still under way is to be asked for again
                async with self._slots, self._database.engine.begin() as connection:
                    await api_request.finish(connection, token_id, key, answered)
            return answered, None
        async with self._slots, self._database.engine.begin() as connection:
            await connection.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS:d}"))
            if key:
                try:
                    earlier = await api_request.begin(connection, token_id, key, digest)
                except KeyUsedError as error:
                    raise _used() from error
                if earlier is not None:
                    return _again(earlier), None
            call._connection = connection
            result = await route.handle(call)
            answered = _worded(result)
            if key:
                kept = _worded(replace(result, value=result.kept)) if result.kept is not None else answered
                await api_request.finish(connection, token_id, key, kept)
        return answered, result.response

    async def _begin(self, token_id: int, key: str, digest: bytes) -> Answered | None:
        async with self._slots, self._database.engine.begin() as connection:
            try:
                earlier = await api_request.begin(connection, token_id, key, digest)
            except KeyUsedError as error:
                raise _used() from error
        return _again(earlier) if earlier is not None else None


GUARD = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _used() -> Problem:
    detail = "This Idempotency-Key came before, with another request."
    return Problem(422, detail, code="key_used", errors=[Mistake(pointer="Idempotency-Key", detail=detail)])


def _again(earlier: Answered) -> Answered:
    return Answered(
        status=earlier.status, body=earlier.body, headers={**earlier.headers, "Idempotency-Replayed": "true"}
    )


def _worded(result: Result) -> Answered:
    body = result.value.model_dump_json() if result.value is not None else ""
    headers = dict(result.headers)
    if result.tag:
        headers[hdrs.ETAG] = result.tag
    return Answered(status=result.status, body=body, headers=headers)


def _answer(route: Route, request: web.Request, answered: Answered) -> web.Response:
    tag = answered.headers.get(hdrs.ETAG, "")
    if route.reads and tag and tag in _tags(request):
        return web.Response(status=304, headers=answered.headers)
    kind = "application/json" if answered.body else None
    return web.Response(text=answered.body or None, status=answered.status, content_type=kind, headers=answered.headers)


def _tags(request: web.Request) -> list[str]:
    """What the asker knows already (RFC 9110 §13.1.2)."""
    return [tag.strip().removeprefix("W/") for tag in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")]


def _path(request: web.Request) -> Mapping[str, int]:
    path = {name: int(value) for name, value in request.match_info.items()}
    if any(value > MOST for value in path.values()):
        raise Problem(404)
    return path


def _query(route: Route, request: web.Request) -> BaseModel:
    asked: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        values = request.query.getall(name)
        known = route.query.model_fields.get(name)
        several = known is not None and getattr(known.annotation, "__origin__", None) is list
        if not several and len(values) > 1:
            raise Problem(422, errors=[Mistake(pointer=f"?{name}"[:100], detail="It stands there more than once.")])
        asked[name] = values if several else values[0]
    try:
        return route.query.model_validate(asked)
    except ValidationError as error:
        raise Problem(422, "The query is wrong.", errors=mistakes(error, "?")) from error


async def _body(request: web.Request) -> bytes:
    if (
        request.content_type != "application/json"
        or request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity"
    ):
        raise Problem(415)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Problem(413) from error
    except TimeoutError as error:
        raise Problem(408) from error
    except (ClientError, ValueError) as error:
        raise Problem(400, "The body cannot be read.") from error


def _read(route: Route, raw: bytes) -> BaseModel | None:
    if route.body is None:
        return None
    try:
        return route.body.model_validate_json(raw)
    except ValidationError as error:
        found = mistakes(error)
        if any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False)):
            raise Problem(400, "The body is no JSON.", errors=found) from error
        raise Problem(422, "The body is wrong.", errors=found) from error


def _key(route: Route, request: web.Request, raw: bytes) -> tuple[str, bytes]:
    """The Idempotency-Key, bare or in quotes, and the digest of what it stands for."""
    given = request.headers.get("Idempotency-Key", "")
    if not given or route.reads:
        return "", b""
    key = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not 1 <= len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise Problem(400, f"Idempotency-Key: 1 to {LONGEST_KEY} printable ASCII characters.")
    name = f"{request.method} {request.rel_url.raw_path_qs}\n".encode()
    return key, hashlib.sha256(name + raw).digest()


def _trouble(error: BaseException) -> Problem:
    """What the database or the network meant: come again, or a mistake of ours."""
    state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
    if (
        isinstance(error, DBAPIError)
        and not error.connection_invalidated
        and state[:2] not in ("", "08", "40", "53", "57", "55")
    ):
        log.error("api_bug", error=type(error).__name__, sqlstate=state)
        return Problem(500)
    log.warning("api_unavailable", error=type(error).__name__, sqlstate=state)
    return Problem(503, headers=RETRY)
