"""The chat window in a real browser: on a foreign page, in two tabs, through a tunnel, in both languages."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from config.settings import Settings
from tests.browser import NARROW, WIDE, axe, visit
from tests.chat_site import with_chat
from tests.desk import Desk, free_port
from tests.test_accessibility import fits
from tests.tunnel import Tunnel

STILL: dict[str, Any] = {"reduced_motion": "reduce"}
"""What is still appearing has no contrast yet."""
WORDS = {
    "fr": ("Ouvrir la discussion", "Votre message", "Continuer sans", "Envoyé"),
    "en": ("Open the chat", "Your message", "Go on without", "Sent"),
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    sites = {"shop": {"origins": ["*"], "agent": "Marie Durand", "ask": "nothing"}, "asks": {"ask": "must"}, "may": {}}
    return with_chat(settings, sites=sites)


@pytest.fixture
async def worker(desk: Desk) -> AsyncIterator[None]:
    """Works as long as the test runs."""

    async def work() -> None:
        while True:
            await desk.settle()
            await desk.dispatch()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(work())
    yield
    task.cancel()


@pytest.fixture
async def shop(desk: Desk) -> AsyncIterator[str]:
    """A foreign web site with a strict policy of its own, that shows the chat by one line. `?desk=` says where from."""

    async def page(request: web.Request) -> web.Response:
        source = request.query.get("desk", desk.url)
        policy = f"default-src 'none'; script-src {source}; connect-src {source} {source.replace('http', 'ws')}"
        line = f'<script src="{source}/chat/widget.js" data-site="shop"></script>'
        html = f'<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>{line}'
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    app, port = web.Application(), free_port()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/"
    await runner.cleanup()


async def say(page: Page, text: str) -> None:
    """Write a line and send it with the keyboard."""
    await page.fill("textarea", text)
    await page.press("textarea", "Enter")


async def answer(desk: Desk, words: str, agent: str = "Marie Durand") -> None:
    """An agent answers, once there is a ticket."""
    await desk.wait("SELECT count(*) FROM ticket")
    await desk.reply(1, words, agent)


def mine(page: Page) -> Any:
    return page.locator(".line.mine .words")


async def test_on_a_foreign_page_a_line_gets_its_answer(desk: Desk, browser: Browser, shop: str, worker: None) -> None:
    async with visit(browser, shop) as page:
        await page.click("button.launcher")
        await say(page, "Is my parcel on its way?")
        await expect(page.locator(".foot").last).to_contain_text("Sent")
        await answer(desk, "Yes: https://example.com/track?a=1&b=2.", "Marie Durand")
        link = page.locator(".line.agent a")
        await expect(link).to_have_attribute("href", "https://example.com/track?a=1&b=2")
        await expect(page.locator(".who")).to_contain_text("Marie Durand")
        await expect(page.locator(".foot").last).to_contain_text("Read")
        await desk.wait("SELECT count(*) FROM message WHERE delivery = 'read' AND sender LIKE 'agent:%'")


async def test_two_browsers_see_nothing_of_each_other_and_two_tabs_everything(
    desk: Desk, browser: Browser, shop: str, worker: None
) -> None:
    async with visit(browser, shop) as one, visit(browser, shop) as stranger:
        tab = await one.context.new_page()
        await tab.goto(shop)
        for page in (one, tab, stranger):
            await page.click("button.launcher")
        await say(one, "from the first tab")
        await expect(mine(tab)).to_have_text(["from the first tab"])
        await say(tab, "from the second tab")
        await say(stranger, "from somebody else")
        await expect(mine(one)).to_have_text(["from the first tab", "from the second tab"])
        await expect(mine(stranger)).to_have_text(["from somebody else"])
        assert await desk.wait("SELECT count(*) = 2 FROM ticket")


async def test_lines_written_in_a_tunnel_leave_when_it_ends(desk: Desk, browser: Browser, worker: None) -> None:
    async with (
        Tunnel(desk.settings.http.port) as tunnel,
        visit(browser, f"{tunnel.url}/chat/example?site=shop", quiet=True) as page,
    ):
        await page.click("button.launcher")
        await say(page, "before")
        await expect(page.locator(".foot").last).to_contain_text("Sent")
        tunnel.open = False
        tunnel.cut()
        await say(page, "within, one")
        await say(page, "within, two")
        await answer(desk, "an answer that nobody hears yet")
        await expect(page.locator(".note")).to_be_visible()
        assert await axe(page) == []
        tunnel.open = True
        await expect(page.locator(".line.agent .words").last).to_have_text(
            "an answer that nobody hears yet", timeout=15_000
        )
        await expect(page.locator(".pending")).to_have_count(0)
        await expect(page.locator(".note")).to_be_hidden()
        await expect(mine(page)).to_have_text(["before", "within, one", "within, two"])
        await desk.wait("SELECT count(*) = 3 FROM message WHERE direction = 'in'")
    rows = await desk.rows("SELECT text FROM message WHERE direction = 'in' ORDER BY id")
    assert [row.text for row in rows] == ["before", "within, one", "within, two"]


async def test_what_was_not_sent_survives_the_page(desk: Desk, browser: Browser, shop: str, worker: None) -> None:
    async with (
        Tunnel(desk.settings.http.port) as tunnel,
        visit(browser, f"{shop}?desk={tunnel.url}", quiet=True) as page,
    ):
        await page.click("button.launcher")
        await say(page, "one")
        await expect(page.locator(".foot").last).to_contain_text("Sent")
        tunnel.open = False
        tunnel.cut()
        await say(page, "two")
        tunnel.open = True
        await page.reload()
        await page.click("button.launcher")
        await expect(mine(page)).to_have_text(["one", "two"])
        await expect(page.locator(".pending")).to_have_count(0)
    await desk.wait("SELECT count(*) = 2 FROM message WHERE direction = 'in'")


async def test_where_sockets_are_blocked_plain_http_serves(
    desk: Desk, browser: Browser, shop: str, worker: None
) -> None:
    async with await browser.new_context(viewport=WIDE, locale="en-GB") as context:
        page = await context.new_page()
        await page.route_web_socket("**/*", lambda socket: socket.close())
        await page.add_init_script("delete window.WebSocket")
        await page.goto(shop)
        await page.click("button.launcher")
        await say(page, "no sockets here")
        await expect(page.locator(".foot").last).to_contain_text("Sent")
        await answer(desk, "no matter")
        await expect(page.locator(".line.agent .words").last).to_have_text("no matter")


async def test_a_file_is_sent_and_saved_again(desk: Desk, browser: Browser, shop: str, worker: None) -> None:
    async with visit(browser, shop) as page:
        await page.click("button.launcher")
        await say(page, "here it is")
        await expect(page.locator(".foot").last).to_contain_text("Sent")
        content = bytes(range(256)) * 400
        await page.set_input_files(
            "input[type=file]", {"name": "é <b>.bin", "mimeType": "image/png", "buffer": content}
        )
        chip = page.locator("button.attached")
        await expect(chip).to_contain_text("é <b>.bin")
        async with page.expect_download() as saving:
            await chip.click()
        saved = await (await saving.value).path()
        assert saved.read_bytes() == content
    rows = await desk.rows("SELECT size FROM attachment")
    assert [row.size for row in rows] == [len(content)]


async def test_the_unread_badge_and_the_history_wait_for_who_comes_back(
    desk: Desk, browser: Browser, shop: str, worker: None
) -> None:
    async with visit(browser, shop) as page:
        await page.click("button.launcher")
        await say(page, "see you later")
        await expect(page.locator(".foot").last).to_contain_text("Sent")
        await page.press("textarea", "Escape")
        await expect(page.locator(".launcher")).to_be_focused()
        await answer(desk, "one")
        await answer(desk, "two")
        await expect(page.locator(".badge")).to_have_text("2")
        await page.reload()
        await expect(page.locator(".badge")).to_have_text("2")
        await expect(page.locator(".launcher")).to_have_attribute("aria-label", "Open the chat, 2 unread messages")
        await page.press(".launcher", "Enter")
        await expect(page.locator("textarea")).to_be_focused()
        await expect(page.locator(".badge")).to_be_hidden()
        await expect(page.locator(".line.agent .words")).to_have_text(["one", "two"])


async def test_words_stay_words(desk: Desk, browser: Browser, shop: str, worker: None) -> None:
    """B82."""
    hostile = [
        "<img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "<script>alert(1)</script>",
        "</textarea><svg onload=alert(1)>",
    ]
    async with visit(browser, shop) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        await page.click("button.launcher")
        for text in hostile:
            await say(page, text)
        await desk.wait("SELECT count(*) FROM ticket")
        for text in hostile:
            await answer(desk, text, text)
        await expect(page.locator(".line.agent .words")).to_have_text(hostile)
        await expect(mine(page)).to_have_text(hostile)
        assert await page.locator(".log img, .log script, .log svg:not(.attached svg), .log a").count() == 0


async def test_a_site_that_must_know_who_it_is_asks_first(desk: Desk, browser: Browser, worker: None) -> None:
    async with visit(browser, f"{desk.url}/chat/example?site=asks&lang=fr", viewport=NARROW, **STILL) as page:
        await page.click("button.launcher")
        await page.click(".primary")
        await expect(page.locator("#name")).to_be_focused()
        await expect(page.locator(".error").first).to_be_visible()
        assert await axe(page) == []
        await page.fill("#name", "Zoé")
        await page.fill("#email", "zoe@example")
        await page.click(".primary")
        await expect(page.locator("#email")).to_be_focused()
        await page.fill("#email", "Zoe@example.net")
        await page.press("#email", "Enter")
        await expect(page.locator(".mail")).to_contain_text("zoe@example.net")
        await say(page, "Bonjour")
        await desk.wait("SELECT count(*) FROM conversation WHERE email = 'zoe@example.net'")


@pytest.mark.parametrize(
    ("language", "context"),
    [("fr", {"viewport": NARROW, "color_scheme": "dark"}), ("en", {"viewport": WIDE, "color_scheme": "light"}),
     ("fr", {"viewport": WIDE, "color_scheme": "dark"}), ("en", {"viewport": NARROW, "color_scheme": "light"})],
)  # fmt: skip
async def test_the_window_has_no_barriers(
    desk: Desk, browser: Browser, worker: None, language: str, context: dict[str, Any]
) -> None:
    opens, writes, skips, sent = WORDS[language]
    async with visit(browser, f"{desk.url}/chat/example?site=may&lang={language}", **STILL, **context) as page:
        assert await axe(page) == []
        await page.get_by_role("button", name=opens).click()
        assert await axe(page) == []
        await page.get_by_role("button", name=skips).click()
        await page.get_by_role("textbox", name=writes).fill("?")
        await page.keyboard.press("Enter")
        await expect(page.locator(".foot").last).to_contain_text(sent)
        await answer(desk, "Bonjour https://example.com/x")
        await expect(page.locator(".line.agent a")).to_be_visible()
        assert await axe(page) == []
        await fits(page)


async def test_the_script_is_small_and_asks_nobody_else(desk: Desk, browser: Browser) -> None:
    async with desk.http.get(f"{desk.url}/chat/widget.js", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(gzip.compress(await answer.read(), 9)) <= 20_000
        headers = {"If-None-Match": answer.headers["ETag"]}
    async with desk.http.get(f"{desk.url}/chat/widget.js", headers=headers) as answer:
        assert answer.status == 304
    asked: list[str] = []
    async with visit(browser, "about:blank") as page:
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{desk.url}/chat/example")
        await page.click("button.launcher")
        await expect(page.locator(".ask, textarea").first).to_be_visible()
    assert [url for url in asked if not url.startswith(desk.url)] == []


async def test_a_token_that_has_expired_begins_a_new_chat_and_loses_no_line(
    desk: Desk, browser: Browser, shop: str, worker: None
) -> None:
    async with visit(browser, shop) as page:
        await page.click("button.launcher")
        await say(page, "long ago")
        await expect(page.locator(".foot").last).to_contain_text("Sent")
        expired = "a" + "0" * 31 + ".5f5e100.aaaaaaaaaaaaaaaa"
        await page.evaluate(
            """expired => {
                const key = Object.keys(localStorage).find((key) => key.startsWith("guichet-chat"));
                const line = { id: "not-sent-yet", text: "typed offline", by: expired.split(".")[0] };
                line.at = new Date().toISOString();
                localStorage.setItem(key, JSON.stringify({ token: expired, queue: [line] }));
            }""",
            expired,
        )
        await page.reload()
        await page.click("button.launcher")
        await expect(mine(page)).to_have_text(["typed offline"])
        await expect(page.locator(".pending")).to_have_count(0, timeout=15_000)
        assert await desk.wait("SELECT count(*) = 2 FROM ticket")
