"""Who is asking, and may they? Through the real gateway."""

from __future__ import annotations

from tests.desk import Desk
from tests.staff import hire

PAGE = {"Accept": "text/html"}


async def test_before_anybody_was_made_operations_are_open_here_and_the_console_says_how_to_begin(desk: Desk) -> None:
    for path in ("/operations", "/operations/state.json", "/metrics", "/healthz", "/readyz"):
        async with desk.http.get(desk.url + path) as answer:
            assert answer.status == 200, path
    async with desk.http.get(f"{desk.url}/console?lang=en", headers=PAGE) as answer:
        assert answer.status == 200
        assert "guichet agents add" in await answer.text()
    async with desk.http.get(f"{desk.url}/operations", headers={"X-Forwarded-For": "127.0.0.1"}) as answer:
        assert answer.status == 401


async def test_once_there_is_an_agent_operations_need_a_supervisor(desk: Desk) -> None:
    crew = await hire(desk)
    async with desk.http.get(f"{desk.url}/operations", headers=PAGE, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2Foperations")
    async with desk.http.get(f"{desk.url}/operations/state.json") as answer:
        assert (answer.status, answer.content_type) == (401, "application/problem+json")
    for who, status in (("marie", 403), ("sonia", 200), ("ada", 200)):
        async with await crew.http(who) as http, http.get(f"{desk.url}/operations") as answer:
            assert answer.status == status, who
