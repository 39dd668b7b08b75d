"""The customer's page in a real browser: live, without JavaScript, with mail's own formatting, without barriers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from config.settings import Settings
from tests.browser import NARROW, WIDE, axe, visit
from tests.desk import Desk, letter
from tests.test_accessibility import fits
from tests.test_portal import SEALED, newest, settle_soon


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": f"http://127.0.0.1:{settings.http.port}"})


@pytest.fixture
async def link(desk: Desk) -> AsyncIterator[str]:
    """The link to a ticket whose mail has a format of its own, a remote image and a script; a worker works."""
    mail: EmailMessage = letter("Bonjour, ma facture est fausse.")
    mail.add_alternative(
        "<p>Bonjour, ma <b>facture</b> est fausse.</p><img src='http://probe.invalid/i'><script>top.alert(1)</script>",
        subtype="html",
    )
    await desk.send(mail)
    await desk.settle()
    await desk.dispatch()
    task = asyncio.create_task(settle_soon(desk))
    yield SEALED.findall(newest(desk))[0]
    task.cancel()


async def test_an_answer_appears_by_itself_and_leaves_no_trace_of_the_address(
    desk: Desk, browser: Browser, link: str
) -> None:
    async with visit(browser, f"{link}?lang=fr") as page:
        referers: list[str] = []
        page.on("request", lambda request: referers.append(request.headers.get("referer", "")))
        await expect(page.locator(".standing strong")).to_have_text("Reçue")
        await desk.reply(1, "Nous corrigeons <b>cela</b>.", "Marie")
        await expect(page.locator(".line.agent .words")).to_have_text("Nous corrigeons <b>cela</b>.")
        await expect(page.locator(".standing strong")).to_have_text("Nous attendons votre réponse")
        assert [one for one in referers if one] == []


async def test_without_javascript_one_reads_and_answers(desk: Desk, browser: Browser, link: str) -> None:
    async with visit(browser, f"{link}?lang=en", java_script_enabled=False, viewport=NARROW) as page:
        await page.fill("#text", "One more thing.")
        await page.set_input_files("#files", {"name": "photo.png", "mimeType": "image/png", "buffer": b"png"})
        await page.click("button")
        await expect(page.locator(".good")).to_have_text("Your message is stored.")
        await expect(page.locator(".line.mine .words").last).to_have_text("One more thing.")
        await expect(page.locator(".files a")).to_have_text("photo.png")


async def test_mail_shows_its_own_formatting_behind_walls(desk: Desk, browser: Browser, link: str) -> None:
    async with visit(browser, f"{link}?lang=en", quiet=True) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        await page.get_by_text("Show the original formatting").click()
        frame = page.frame_locator("iframe")
        await expect(frame.locator("b")).to_have_text("facture")
        assert not [url for url in asked if "probe.invalid" in url]
        await frame.get_by_role("link", name="Show remote images").click()
        await expect(frame.locator("img")).to_have_count(1)
        async with asyncio.timeout(5):
            while not [url for url in asked if "probe.invalid" in url]:  # noqa: ASYNC110 - the browser asks when it does
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("language", "context"),
    [("fr", {"viewport": NARROW, "color_scheme": "dark"}), ("en", {"viewport": WIDE, "color_scheme": "light"})],
)
async def test_the_pages_have_no_barriers(
    desk: Desk, browser: Browser, link: str, language: str, context: dict[str, Any]
) -> None:
    await desk.reply(1, "Une question encore.", "Marie")
    async with visit(browser, f"{link}?lang={language}", quiet=True, **context) as page:
        await expect(page.locator(".line.agent")).to_be_visible()
        assert await axe(page) == []
        await fits(page)
        await page.click("button")
        await expect(page.locator(".notice")).to_be_visible()
        assert await axe(page) == []
        for path in ("/t/nothing", "/t"):
            await page.goto(f"{desk.url}{path}?lang={language}")
            assert await axe(page) == []
            await fits(page)
