"""What the customer's page asks, in a real browser: one click of a mail's link answers, without barriers."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.browser import NARROW, WIDE, axe, visit
from tests.desk import Desk
from tests.test_accessibility import fits
from tests.test_closing import asked, settings  # noqa: F401 - a fixture


@pytest.mark.parametrize(
    ("language", "window"),
    [
        ("fr", {"viewport": NARROW, "color_scheme": "light"}),
        ("en", {"viewport": WIDE, "color_scheme": "dark"}),
    ],
    ids=["fr-narrow", "en-wide-dark"],
)
async def test_a_click_in_the_mail_answers_and_the_page_has_no_barriers(
    desk: Desk, browser: Browser, language: str, window: dict[str, object]
) -> None:
    yes, _no = await asked(desk)
    there = f"{yes.partition('?')[0]}?lang={language}"
    async with visit(browser, there, **window) as page:
        await expect(page.locator(".ask button")).to_have_count(2)
        assert await axe(page) == []
        await fits(page)
        await page.goto(f"{yes}&lang={language}")
        await expect(page.locator(".scores button")).to_have_count(5)
        assert (await desk.ticket(1)).ticket.status == "closed"
        assert await axe(page) == []
        await fits(page)
        await page.fill("#comment", "Merci à Marie")
        await page.locator(".scores button").nth(3).click()
        await expect(page.locator(".scores .given b")).to_have_text("4")
        assert await axe(page) == []
    [row] = await desk.rows("SELECT score, comment FROM satisfaction")
    assert tuple(row) == (4, "Merci à Marie")
