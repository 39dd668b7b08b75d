"""The pages for staff in a real browser: with the keyboard alone, without JavaScript, without barriers."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from config.settings import Settings
from config.staff import Staff
from tests.browser import NARROW, WIDE, axe, visit
from tests.desk import Desk
from tests.staff import PASSWORD, hire
from tests.test_accessibility import fits

WINDOWS = [
    ("fr", {"viewport": NARROW, "color_scheme": "light"}),
    ("en", {"viewport": WIDE, "color_scheme": "dark"}),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    oidc = {"issuer": "https://login.example", "client_id": "x", "name": "Example"}
    staff = {"text_by": "twilio", "text_from": "+33757000001", "oidc": oidc}
    return settings.model_copy(update={"staff": Staff.model_validate(staff)})


@pytest.mark.parametrize("window", WINDOWS, ids=["fr-narrow", "en-wide-dark"])
async def test_the_doors_have_no_barriers(desk: Desk, browser: Browser, window: tuple[str, Any]) -> None:
    language, context = window
    async with visit(browser, f"{desk.url}/console?lang={language}", **context) as page:
        await expect(page.locator(".steps")).to_be_visible()
        assert await axe(page) == []
        await fits(page)
    await hire(desk)
    async with visit(browser, f"{desk.url}/sign-in?lang={language}", quiet=True, **context) as page:
        assert await axe(page) == []
        await fits(page)
        await page.fill("#email", "marie@example.org")
        await page.fill("#password", "wrong")
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice.bad")).to_be_visible()
        assert await axe(page) == []
        await page.goto(f"{desk.url}/sign-in/forgotten?lang={language}")
        assert await axe(page) == []
        await page.goto(f"{desk.url}/resets/none?lang={language}")
        assert await axe(page) == []


@pytest.mark.parametrize("window", WINDOWS, ids=["fr-narrow", "en-wide-dark"])
async def test_account_and_administration_have_no_barriers(
    desk: Desk, browser: Browser, window: tuple[str, Any]
) -> None:
    language, context = window
    crew = await hire(desk)
    opened = await crew.window(browser, "ada", **context)
    page = await opened.new_page()
    for path in ("/account", "/agents", f"/agents/{crew.ids['marie']}"):
        await page.goto(f"{desk.url}{path}?lang={language}")
        assert await axe(page) == [], path
        await fits(page)
    for menu in (".menu.presence", ".menu.account"):
        await page.click(f"{menu} summary")
        await expect(page.locator(f"{menu} .drop")).to_be_in_viewport(ratio=1)
        assert await axe(page) == [], menu
        await page.keyboard.press("Escape")
        await expect(page.locator(f"{menu} .drop")).to_be_hidden()
    await opened.close()


async def test_one_signs_in_changes_presence_and_signs_out_without_javascript(desk: Desk, browser: Browser) -> None:
    await hire(desk)
    async with visit(browser, f"{desk.url}/account", java_script_enabled=False) as page:
        await expect(page).to_have_url(f"{desk.url}/sign-in?next=%2Faccount")
        await page.keyboard.type("marie@example.org")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{desk.url}/account")
        await page.click(".menu.presence summary")
        await page.click("button[value=available]")
        await expect(page.locator(".menu.presence .word")).to_contain_text("Available")
        await page.click(".menu.account summary")
        await page.click("button[value=fr]")
        await expect(page.locator("h1")).to_have_text("Mon compte")
        await page.click(".menu.account summary")
        await page.click("button.out")
        await expect(page.locator(".notice")).to_have_text("Vous êtes déconnecté.")
        await page.goto(f"{desk.url}/account")
        await expect(page.locator("#password")).to_be_visible()


async def test_closing_access_asks_first(desk: Desk, browser: Browser) -> None:
    crew = await hire(desk)
    opened = await crew.window(browser, "ada")
    page = await opened.new_page()
    await page.goto(f"{desk.url}/agents/{crew.ids['marie']}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    await page.click(".button.danger")
    assert (await desk.rows("SELECT count(*) FROM agent WHERE disabled_at IS NOT NULL"))[0][0] == 0
    page.once("dialog", lambda dialog: dialog.accept())
    await page.click(".button.danger")
    await expect(page.locator(".toolbar .badge")).to_have_text("Closed")
    await opened.close()
