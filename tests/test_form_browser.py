"""Forms in a real browser: without JavaScript, and with a desk that does not answer."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.browser import NARROW, visit
from tests.desk import Desk
from tests.tunnel import Tunnel


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_without_javascript_a_form_with_a_file_becomes_a_ticket(
    desk: Desk, browser: Browser, language: str
) -> None:
    address = f"{desk.url}/forms/contact?lang={language}"
    async with visit(browser, address, java_script_enabled=False, viewport=NARROW) as page:
        await page.fill("[name=email]", "zoe@example.net")
        await page.fill("[name=subject]", "Colis")
        await page.fill("[name=message]", "Où est-il ?")
        await page.set_input_files("[name=files]", {"name": "photo.png", "mimeType": "image/png", "buffer": b"png"})
        await page.click("button[type=submit]")
        await expect(page.locator(".thanks h1")).to_be_visible()
    await desk.settle()
    assert (await desk.ticket(1)).messages[0].attachments == ["photo.png (3 bytes)"]


async def test_words_outlive_a_desk_that_does_not_answer(desk: Desk, browser: Browser) -> None:
    async with Tunnel(desk.settings.http.port) as tunnel:
        address = f"{tunnel.url}/forms/contact?lang=en"
        async with visit(browser, address, quiet=True) as page:
            await page.fill("[name=email]", "zoe@example.net")
            await page.fill("[name=message]", "I typed this for an hour.")
            await page.fill("[name=subject]", "A long story")
            await page.select_option("[name=category]", "billing")
            tunnel.open = False
            tunnel.cut()
            async with page.expect_event("framenavigated", lambda frame: frame.url.startswith("chrome-error")):
                await page.click("button[type=submit]", no_wait_after=True)
            tunnel.open = True
            await page.goto(address)
            await expect(page.locator("[name=message]")).to_have_value("I typed this for an hour.")
            await expect(page.locator("[name=category]")).to_have_value("billing")
            await page.click("button[type=submit]")
            await expect(page.locator(".thanks h1")).to_be_visible()
            await page.goto(address)
            await expect(page.locator("[name=message]")).to_have_value("")
    await desk.settle()
    [ticket] = await desk.tickets()
    assert (ticket.contact, ticket.category, ticket.acknowledged) == ("zoe@example.net", "billing", True)
