"""axe-core finds nothing wrong with any page, wide and narrow, light and dark, in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.browser import NARROW, WIDE, axe, visit
from tests.desk import Desk, letter

WIDE_LIGHT = {"viewport": WIDE, "color_scheme": "light"}
WIDE_DARK = {"viewport": WIDE, "color_scheme": "dark"}
NARROW_LIGHT = {"viewport": NARROW, "color_scheme": "light"}
NARROW_DARK = {"viewport": NARROW, "color_scheme": "dark"}


async def fits(page: Page) -> None:
    """Nothing stands beside the screen."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", ["/", "/forms/contact", "/forms/none"])
@pytest.mark.parametrize("window", [("fr", NARROW_LIGHT), ("en", WIDE_DARK)], ids=["fr-narrow", "en-wide-dark"])
async def test_the_pages_for_customers_have_no_barriers(
    desk: Desk, browser: Browser, path: str, window: tuple[str, Any]
) -> None:
    language, context = window
    async with visit(browser, f"{desk.url}{path}?lang={language}", quiet="none" in path, **context) as page:
        assert await axe(page) == []
        await fits(page)


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_a_form_sent_wrong_and_then_right_has_no_barriers(desk: Desk, browser: Browser, language: str) -> None:
    async with visit(browser, f"{desk.url}/forms/contact?lang={language}", quiet=True) as page:
        await page.fill('[name="email"]', "marie@example.fr")
        await page.evaluate("document.forms[0].noValidate = true")
        await page.click('button[type="submit"]')
        await page.wait_for_selector(".notice")
        assert await axe(page) == []
        await page.fill('[name="subject"]', "Colis")
        await page.fill('[name="message"]', "Où est mon colis ?")
        await page.click('button[type="submit"]')
        await page.wait_for_selector(".thanks")
        assert await axe(page) == []
        await desk.settle()
        await page.reload()
        await page.wait_for_selector("#number")
        for window in (WIDE, NARROW):
            await page.set_viewport_size(window)
            assert await axe(page) == []
            await fits(page)


@pytest.mark.parametrize("window", [("fr", NARROW_DARK), ("en", WIDE_LIGHT)], ids=["fr-narrow-dark", "en-wide"])
async def test_the_operations_page_has_no_barriers_while_all_is_well(
    desk: Desk, browser: Browser, window: tuple[str, Any]
) -> None:
    language, context = window
    async with visit(browser, f"{desk.url}/operations?lang={language}", **context) as page:
        await page.wait_for_selector(".state.good")
        await page.wait_for_selector("#chart canvas")
        await page.locator("summary").click()
        assert await axe(page) == []
        await fits(page)


@pytest.mark.parametrize("window", [("fr", NARROW_LIGHT), ("en", WIDE_DARK)], ids=["fr-narrow", "en-wide-dark"])
async def test_the_operations_page_has_no_barriers_in_trouble(
    desk: Desk, browser: Browser, window: tuple[str, Any]
) -> None:
    language, context = window
    await desk.send(letter())
    await desk.send(letter(subject="Second"))
    await desk.rows("UPDATE inbox SET state = 'done' WHERE id = 1 RETURNING 1")
    await desk.rows(
        "UPDATE inbox SET state = 'dead', outcome = 'quarantined', last_error = 'x' WHERE id = 2 RETURNING 1"
    )
    async with visit(browser, f"{desk.url}/operations?lang={language}", **context) as page:
        await page.wait_for_selector(".state.bad")
        assert await axe(page) == []
        await fits(page)
