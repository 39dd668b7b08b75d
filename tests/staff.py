"""Agents of each role, made as the command makes them and signed in by the real door."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from typing import Any

from aiohttp import ClientSession, CookieJar
from argon2 import PasswordHasher
from playwright.async_api import Browser, BrowserContext

from models import agents, password, proofs
from models.actor import Actor
from tests.browser import WIDE
from tests.desk import Desk

PAGE = {"Accept": "text/html"}
CHOSEN = "something else entirely"
PASSWORD = "a sentence that is long enough"
WHO: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "marie": ("Marie Dupont", "agent", ("billing",)),
    "paul": ("Paul Leroy", "agent", ("technical",)),
    "sonia": ("Sonia Bernard", "supervisor", ()),
    "ada": ("Ada Moreau", "administrator", ()),
}
_hashes: dict[str, str] = {}
REAL_COST = password._HASHER
password._HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)  # the real one costs 0.1 s of a core


class Crew:
    """The agents of a desk: marie (billing), paul (technical), sonia (supervisor), ada (administrator)."""

    def __init__(self, desk: Desk, ids: dict[str, int]) -> None:
        self.desk, self.ids = desk, ids

    def actor(self, who: str) -> Actor:
        """As the gateway knows them."""
        name, role, teams = WHO[who]
        return Actor("agent", id=self.ids[who], name=name, role=role, teams=teams)

    async def http(self, who: str = "") -> ClientSession:
        """A session of HTTP, signed in as `who`; '' for nobody. To be closed by the caller."""
        http = ClientSession(cookie_jar=CookieJar(unsafe=True), headers={"Origin": self.desk.url})
        if who:
            posted = {"email": f"{who}@example.org", "password": PASSWORD}
            async with http.post(f"{self.desk.url}/sign-in", data=posted, allow_redirects=False) as answer:
                assert answer.status == 303, await answer.text()
        return http

    async def window(self, browser: Browser, who: str, **context: Any) -> BrowserContext:
        """A window of a browser, signed in through the page. To be closed by the caller."""
        window = await browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **context})
        page = await window.new_page()
        await page.goto(f"{self.desk.url}/sign-in")
        await page.fill("#email", f"{who}@example.org")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(lambda url: "/sign-in" not in url)
        await page.close()
        return window


async def hire(desk: Desk, *who: str) -> Crew:
    """Make agents of `desk`, by default all four."""
    if PASSWORD not in _hashes:
        _hashes[PASSWORD] = password.hashed(PASSWORD)
    ids = {}
    async with desk.database.engine.begin() as connection:
        for one in who or WHO:
            name, role, teams = WHO[one]
            actor = agents.COMMAND_LINE
            ids[one] = await agents.add(connection, actor, f"{one}@example.org", name, role=role, teams=teams)
            await proofs.set_password(connection, actor, ids[one], _hashes[PASSWORD])
    return Crew(desk, ids)


async def sign_in(desk: Desk, email: str, said: str, http: ClientSession | None = None) -> tuple[int, str]:
    session = http or desk.http
    posted = {"email": email, "password": said}
    headers = {"Origin": desk.url} | PAGE
    url = f"{desk.url}/sign-in?lang=en"
    async with session.post(url, data=posted, headers=headers, allow_redirects=False) as answer:
        return answer.status, re.sub(r'value="[^"]*"', "", await answer.text())


async def link_sent(desk: Desk) -> str:
    """The link in the newest letter."""
    await desk.dispatch()
    words = message_from_bytes(desk.outgoing()[-1], policy=default).get_body().get_content()  # type: ignore[union-attr]
    found = re.search(r"https?://\S+/(?:resets|invitations)/\S+", words)
    assert found is not None, words
    return found[0]


async def choose(desk: Desk, link: str, said: str = CHOSEN, again: str = CHOSEN) -> int:
    async with desk.http.post(
        link, data={"password": said, "again": again}, headers={"Origin": desk.url}, allow_redirects=False
    ) as answer:
        return answer.status
