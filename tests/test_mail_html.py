"""HTML of strangers in a real browser: nothing acts, nothing is fetched, and remote images come when asked for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page

from config import mail_html
from tests.desk import free_port
from tests.injections import PAYLOADS, PROBE

TOGETHER = 80
"""Payloads on one page, each in a frame of its own as on a ticket's page."""


@pytest.fixture
async def reader() -> AsyncIterator[str]:
    """Pages that show messages as a ticket's page does: `/?from=0` frames the payloads from there on."""

    async def page(request: web.Request) -> web.Response:
        first, walls = int(request.query["from"]), request.query.get("walls", "all")
        box = f'sandbox="{mail_html.SANDBOX}"' if walls == "all" else ""
        frames = "".join(
            f'<iframe {box} src="/message?n={number}&walls={walls}"></iframe>'
            for number in range(first, min(first + TOGETHER, len(PAYLOADS)))
        )
        return web.Response(text=f"<!doctype html><title>messages</title>{frames}", content_type="text/html")

    async def message(request: web.Request) -> web.Response:
        payload, walls = PAYLOADS[int(request.query["n"])], request.query["walls"]
        if walls == "none":
            return web.Response(text=payload, content_type="text/html")
        response = mail_html.answer(
            payload, images="images" in request.query, language="en", ask="Show images", address="?images=1"
        )
        if walls == "cleaning":
            del response.headers["Content-Security-Policy"]
        return response

    app, port = web.Application(), free_port()
    app.add_routes([web.get("/", page), web.get("/message", message)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


class Watch:
    """What a page did that it should not."""

    def __init__(self, page: Page, home: str) -> None:
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url, home))

    async def _dialog(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))
        await dialog.dismiss()  # type: ignore[attr-defined]

    def _request(self, url: str, home: str) -> None:
        if not url.startswith((home, "data:", "about:", "blob:")):
            self.requests.append(url)


def test_there_are_three_hundred_of_them() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 300


@pytest.mark.parametrize("walls", ["all", "cleaning"])
async def test_no_payload_acts_or_fetches(browser: Browser, reader: str, walls: str) -> None:
    """T7, T17. With all walls, and with the cleaning alone."""
    async with await browser.new_context() as context:
        page = await context.new_page()
        watch = Watch(page, reader)
        for first in range(0, len(PAYLOADS), TOGETHER):
            await page.goto(f"{reader}/?from={first}&walls={walls}")
        assert (watch.dialogs, watch.requests) == ([], [])


def test_what_is_left_to_press_leads_to_the_web_alone() -> None:
    for payload in PAYLOADS:
        for address in re.findall(r'(?:href|src|action)="([^"]*)"', mail_html.clean(payload, images=True).html):
            assert address.strip().lower().startswith(("http:", "https:", "//")), payload


async def test_the_payloads_do_act_where_nothing_is_in_their_way(browser: Browser, reader: str) -> None:
    """Else the test above would say nothing."""
    acting = ('<img src=x onerror="alert(1)">', "<script>alert(1)</script>", f"<img src='{PROBE}/i'>")
    async with await browser.new_context() as context:
        page = await context.new_page()
        watch = Watch(page, reader)
        for payload in acting:
            await page.goto(f"{reader}/message?n={PAYLOADS.index(payload)}&walls=none")
        assert (len(watch.dialogs), watch.requests) == (2, [f"{PROBE}/i"])


async def test_remote_images_come_when_the_reader_asks(browser: Browser, reader: str) -> None:
    number = PAYLOADS.index(f"<img src='{PROBE}/i'>")
    async with await browser.new_context() as context:
        page = await context.new_page()
        watch = Watch(page, reader)
        await page.goto(f"{reader}/message?n={number}&walls=all")
        assert watch.requests == []
        assert await page.get_by_role("link", name="Show images").count() == 1
        await page.goto(f"{reader}/message?n={number}&walls=all&images=1")
        assert watch.requests == [f"{PROBE}/i"]
        assert await page.get_by_role("link", name="Show images").count() == 0


def test_what_people_write_is_kept() -> None:
    mail = (
        '<p style="color: #c00; text-align: center">Bonjour <b>Marie</b>, '
        '<a href="https://example.com/?a=1&amp;b=2">ici</a></p><blockquote>cité</blockquote>'
        '<table border="1"><tr><td colspan="2">1 &lt; 2</td></tr></table><ul><li>un</li></ul>'
    )
    cleaned = mail_html.clean(mail).html
    for kept in ("color:#c00", "text-align:center", "<b>Marie</b>", 'href="https://example.com/?a=1&amp;b=2"',
                 'colspan="2"', "1 &lt; 2", "<blockquote>cité</blockquote>", "<li>un</li>", "noreferrer"):  # fmt: skip
        assert kept in cleaned


def test_bytes_of_any_size_and_shape_come_out() -> None:
    for mail in ("", "<", "&", "\0<b>\0", "<b>" * 100_000, "<" * 3_000_000, "\ufffd\u202e"):
        assert len(mail_html.clean(mail).html) < 14_000_000
