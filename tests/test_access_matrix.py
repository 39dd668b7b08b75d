"""Every route of the application × who asks for it. A route that nobody classified is a failure.

The routes come from the built application. Each stands in one class of `CLASSES`, by its path's beginning; a class says
for nobody, an agent, a supervisor and an administrator whether they come in. What comes in must not be refused (401,
403, 303 to the sign-in page); what does not must be. Posts are also sent as a foreign page would.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from aiohttp import ClientResponse, ClientSession, ClientTimeout, CookieJar, web

from config.settings import Settings
from tests.desk import Desk, letter
from tests.staff import Crew, hire

EVERYBODY = ("nobody", "marie", "paul", "sonia", "ada")
INSIDE = ("marie", "paul", "sonia", "ada")
ABOVE = ("sonia", "ada")
ADMINISTRATORS = ("ada",)
TOKEN = "token of the tests"
CLASSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # who comes in, by the longest beginning of the path; the channels' doors prove their callers by themselves
    ("/healthz", EVERYBODY),
    ("/readyz", EVERYBODY),
    ("/metrics", EVERYBODY),  # this machine; others have their own test
    ("/forms/", EVERYBODY),
    ("/webhooks/", EVERYBODY),
    ("/chat", EVERYBODY),
    ("/chat/", EVERYBODY),
    ("/t", EVERYBODY),
    ("/t/", EVERYBODY),
    ("/staff/assets/", EVERYBODY),
    ("/sign-in", EVERYBODY),
    ("/sign-in/", EVERYBODY),
    ("/api/v1/", EVERYBODY),  # programs have tokens, and a matrix in tests/test_api.py
    ("/sign-out", INSIDE),
    ("/invitations/", EVERYBODY),
    ("/resets/", EVERYBODY),
    ("/console", INSIDE),
    ("/console/", INSIDE),
    ("/console/assets/", EVERYBODY),
    ("/knowledge", INSIDE),
    ("/knowledge/", INSIDE),
    ("/knowledge/assets/", EVERYBODY),
    ("/help", EVERYBODY),
    ("/help/", EVERYBODY),
    ("/statistics", ABOVE),
    ("/statistics/", ABOVE),
    ("/statistics/assets/", EVERYBODY),
    ("/account", INSIDE),
    ("/account/", INSIDE),
    ("/agents", ADMINISTRATORS),
    ("/agents/", ADMINISTRATORS),
    ("/api/v1/openapi.json", EVERYBODY),
    ("/api/v1/{rest}", EVERYBODY),  # 404 for all
    ("GET /api/", INSIDE),  # with the browser's cookie, for reading alone; tokens have their own tests
    ("GET /api/v1/webhooks", ADMINISTRATORS),
    ("GET /api/v1/webhooks/", ADMINISTRATORS),
    ("GET /api/v1/balance", ABOVE),
    ("POST /api/", ()),
    ("PATCH /api/", ()),
    ("PUT /api/", ()),
    ("DELETE /api/", ()),
    ("/operations", ABOVE),
    ("/operations/", ABOVE),
    ("/operations/assets/", EVERYBODY),
    ("/operations/{asset}", EVERYBODY),
)
EXACT: dict[str, tuple[str, ...]] = {"/": EVERYBODY}
OWN_WALLS = ("/api/v1/", "/forms/", "/webhooks/", "/chat", "/chat/", "/t", "/t/")
"""Doors for strangers: they have rules of their own about posts, and tests of their own."""
PLACES = {"asset": "none.css", "token": "x", "form": "contact", "id": "1", "number": "1", "site": "default"}
CANARY = "canary-7f3a"


def routes(app: web.Application) -> Iterator[tuple[str, str]]:
    """Method and path of each, HEAD with its GET."""
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            yield route.method, route.resource.canonical


def class_of(method: str, path: str) -> tuple[str, tuple[str, ...]] | None:
    """The class of a path, asked for by a method."""
    if path in EXACT:
        return path, EXACT[path]
    fits = []
    for begin, who in CLASSES:
        asked = path if begin.startswith("/") else f"{method} {path}"
        if asked == begin or (begin.endswith("/") and asked.startswith(begin)):
            fits.append((begin, who))
    return max(fits, key=lambda fit: len(fit[0]), default=None)


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", lambda found: PLACES.get(found[1], "1"), path)


def refused(answer: ClientResponse) -> bool:
    sent_on = answer.status == 303 and answer.headers.get("Location", "").startswith("/sign-in?next")
    return answer.status in (401, 403) or sent_on


@pytest.fixture
def settings(settings: Settings) -> Settings:
    from config.staff import Staff

    return settings.model_copy(update={"staff": Staff(attempts_per_minute=10_000)})


@pytest.fixture
async def crew(desk: Desk) -> Crew:
    """The agents, and a ticket of team billing, in which the canary sings."""
    await desk.send(letter(f"{CANARY} in the body", subject=f"{CANARY} in the subject"))
    await desk.settle()
    await desk.rows("UPDATE ticket SET team = 'billing' RETURNING id")
    return await hire(desk)


async def ask(http: ClientSession, method: str, url: str, **headers: str) -> tuple[bool, int, bytes]:
    """Whether it was refused, the status, and what came within a moment: streams do not end."""
    async with http.request(
        method,
        url,
        headers=headers,
        allow_redirects=False,
        timeout=ClientTimeout(10),
        data=b"" if method == "POST" else None,
    ) as answer:
        body = b""
        try:
            async with asyncio.timeout(0.5):
                while more := await answer.content.read(65_536):
                    body += more
        except TimeoutError:
            assert answer.content_type == "text/event-stream", url
        return refused(answer), answer.status, body


def app_of(desk: Desk) -> web.Application:
    app = desk.runner.app
    assert isinstance(app, web.Application)
    return app


async def test_every_route_is_classified(desk: Desk) -> None:
    assert {path for method, path in routes(app_of(desk)) if class_of(method, path) is None} == set()


async def test_every_route_lets_in_whom_it_should_and_nobody_else(desk: Desk, crew: Crew) -> None:
    wrong, asked = [], 0
    heard: set[tuple[str, str]] = set()
    for who in EVERYBODY:
        http = await crew.http("" if who == "nobody" else who)
        for method, path in sorted(routes(app_of(desk)), key=lambda route: route[1] == "/sign-out"):
            found = class_of(method, path)
            assert found is not None
            out, status, body = await ask(http, "GET" if method == "*" else method, desk.url + filled(path))
            heard |= {(who, path)} if CANARY.encode() in body else set()
            if CANARY.encode() in body and who in ("nobody", "paul"):
                wrong.append(f"{who}: {method} {path} shows another team's ticket")
            asked += 1
            # their own doors answer 403 by rules of their own
            if found[0] not in OWN_WALLS and out == (who in found[1]):
                wrong.append(f"{who}: {method} {path} → {status}")
            if status >= 500 and not path.startswith("/webhooks"):
                wrong.append(f"{who}: {method} {path} → {status}")
        await http.close()
    assert wrong == []
    assert asked > 200
    if any(path.startswith("/console/{") for _method, path in routes(app_of(desk))):
        assert "marie" in {who for who, _path in heard}, "whose team it is does see it"


async def test_no_route_for_staff_takes_a_foreign_pages_post(desk: Desk, crew: Crew) -> None:
    wrong = []
    before = await desk.rows("SELECT id, role, disabled_at, presence FROM agent ORDER BY id")
    async with await crew.http("ada") as http:
        for method, path in routes(app_of(desk)):
            found = class_of(method, path)
            if method in ("GET", "*") or found is None or found[0] in OWN_WALLS or not found[1]:
                continue
            foreign: tuple[dict[str, str], ...] = (
                {"Origin": "https://evil.example"},
                {"Sec-Fetch-Site": "cross-site"},
                {"Sec-Fetch-Site": "same-site"},
                {"Sec-Fetch-Site": "none"},
                {"Origin": "null"},
                {"Origin": "", "Referer": "https://evil.example/"},
            )
            for headers in foreign:
                out, status, _body = await ask(http, method, desk.url + filled(path), **headers)
                if not out or status != 403:
                    wrong.append(f"{method} {path} {headers} → {status}")
    assert wrong == []
    assert await desk.rows("SELECT id, role, disabled_at, presence FROM agent ORDER BY id") == before


async def test_metrics_want_a_token_from_other_machines(settings: Settings, desk: Desk) -> None:
    await hire(desk)
    other = {"X-Forwarded-For": "203.0.113.9"}
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        assert (await ask(http, "GET", f"{desk.url}/metrics"))[1] == 200
        assert (await ask(http, "GET", f"{desk.url}/metrics", **other))[1] == 401
        assert (await ask(http, "GET", f"{desk.url}/metrics", **other, Authorization="Bearer "))[1] == 401
