"""Forms in a real browser: without JavaScript, with proof of work, and with a desk that does not answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, expect

from config.settings import Settings
from tests.browser import NARROW, visit
from tests.desk import Desk
from tests.tunnel import Tunnel

PATIENT = """
[ask]
title = { fr = "Question", en = "Question" }
answer_by = "email"
answer_from = "support@example.org"
proof_of_work = 12
[[ask.fields]]
name = "email"
type = "email"
required = true
label = { fr = "Adresse", en = "Address" }
[[ask.fields]]
name = "message"
type = "textarea"
required = true
label = { fr = "Message", en = "Message" }
[[ask.fields]]
name = "news"
type = "checkbox"
label = { fr = "Nouvelles", en = "News" }
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    definitions = tmp_path / "forms.toml"
    definitions.write_text(PATIENT + (Path("config") / "forms.toml").read_text("utf-8"), "utf-8")
    return settings.model_copy(update={"form": settings.form.model_copy(update={"definitions": definitions})})


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
        address = f"{tunnel.url}/forms/ask?lang=en"
        async with visit(browser, address, quiet=True) as page:
            await page.fill("[name=email]", "zoe@example.net")
            await page.fill("[name=message]", "I typed this for an hour.")
            await page.check("[name=news]")
            tunnel.open = False
            tunnel.cut()
            await page.click("button[type=submit]", no_wait_after=True)
            with pytest.raises(Error, match="ERR_CONNECTION"):
                await page.wait_for_url("chrome-error://**")
            tunnel.open = True
            await page.goto(address)
            await expect(page.locator("[name=message]")).to_have_value("I typed this for an hour.")
            await expect(page.locator("[name=news]")).to_be_checked()
            await page.click("button[type=submit]")
            await expect(page.locator(".thanks h1")).to_be_visible()
            await page.goto(address)
            await expect(page.locator("[name=message]")).to_have_value("")
    await desk.settle()
    [ticket] = await desk.tickets()
    assert (ticket.contact, ticket.acknowledged) == ("zoe@example.net", True)
