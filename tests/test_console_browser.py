"""The console in a real browser: live both ways, by keyboard, on a phone, without JavaScript, against hostile mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from config.hints import Hint
from tests.browser import NARROW, WIDE, axe
from tests.chat_window import window
from tests.desk import Desk, letter
from tests.injections import PAYLOADS, PROBE
from tests.staff import Crew, hire
from tests.test_accessibility import fits

WINDOWS = [
    ("en", {"viewport": WIDE, "color_scheme": "light"}),
    ("fr", {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "locale": "fr-FR"}),
]


@pytest.fixture
async def crew(desk: Desk) -> AsyncIterator[Crew]:
    """Agents, two tickets, and a worker that works."""
    hired = await hire(desk, "marie", "sonia")
    await desk.send(letter("Bonjour,\n\nma facture est fausse.\n"))
    await desk.send(letter("Hello, where is my parcel?", sender="John <john@example.com>", subject="My parcel"))
    await desk.settle()
    await desk.dispatch()

    async def work() -> None:
        while True:
            await desk.settle()
            await desk.dispatch()
            await asyncio.sleep(0.1)

    task = asyncio.create_task(work())
    yield hired
    task.cancel()


@asynccontextmanager
async def opened(crew: Crew, browser: Browser, who: str, path: str, **context: Any) -> AsyncIterator[Page]:
    """A page of the console, in a window of its own; no error may be said to its console."""
    async with await crew.window(browser, who, **context) as window:
        page = await window.new_page()
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(crew.desk.url + path)
        yield page
        assert complaints == []


async def test_a_mail_comes_in_and_is_answered_by_keyboard_alone(desk: Desk, crew: Crew, browser: Browser) -> None:
    async with opened(crew, browser, "marie", "/console?order=newest&lang=en") as page:
        await expect(page.locator(".row")).to_have_count(2)
        await desk.send(letter("Mon colis est cassé.", sender="Amélie <amelie@example.com>", subject="Colis cassé"))
        await expect(page.locator(".row .subject").first).to_have_text("Colis cassé")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_contain_text("#3")
        await page.keyboard.press("r")
        await page.keyboard.type("Nous vous en envoyons un autre.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".talk > .notice")).to_contain_text("on its way")
        await expect(page.locator(".message.out").last).to_contain_text("Nous vous en envoyons un autre.")
        await expect(page.locator(".message.out .delivery").last).to_have_text("sent")
        await expect(page.locator("#words")).to_have_value("")
    assert any(b"Nous vous en envoyons un autre." in raw and b"amelie@example.com" in raw for raw in desk.outgoing())


async def test_chat_and_console_speak_with_each_other_live(desk: Desk, crew: Crew, browser: Browser) -> None:
    async with window(desk.http, desk.url) as customer:
        await customer.say("Bonjour, quelqu’un est là ?")
        number = int(await desk.wait("SELECT max(id) FROM ticket WHERE conversation <> ''"))
        async with opened(crew, browser, "marie", f"/console/{number}?lang=fr") as page:
            await expect(page.locator(".pulse")).to_have_text("En direct")
            await customer.until("seen")
            await customer.send("typing")
            await expect(page.locator("[data-here]")).to_have_text("Le client écrit…")
            await page.locator("#words").press_sequentially("Oui, bonjour !")
            await customer.until("typing", detail="Marie Dupont")
            await page.get_by_role("button", name="Envoyer au client").click()
            async with asyncio.timeout(10):
                while "Oui, bonjour !" not in customer.texts:
                    await customer.hear()
            await customer.say("Mon colis n’est pas là.")
            await expect(page.locator(".message.in .words").last).to_have_text("Mon colis n’est pas là.")


async def test_what_comes_in_while_one_writes_is_shown_before_it_is_sent(
    desk: Desk, crew: Crew, browser: Browser
) -> None:
    async with opened(crew, browser, "marie", "/console/1?lang=en") as page:
        await expect(page.locator(".pulse")).to_have_text("Live")
        await page.fill("#words", "Ma réponse.")
        await desk.reply(1, "Une réponse de Sonia.", "Sonia")
        await expect(page.locator(".message.out").last).to_contain_text("Une réponse de Sonia.")
        await expect(page.locator("[data-news]")).to_be_visible()
        await page.locator(".send").click()
        await page.wait_for_timeout(300)
        assert (await desk.rows("SELECT count(*) FROM message WHERE text = 'Ma réponse.'"))[0][0] == 0
        await page.reload()
        await expect(page.locator("#words")).to_have_value("Ma réponse.")
        await page.locator(".send").click()
        await expect(page.locator(".message.out").last).to_contain_text("Ma réponse.")


async def test_a_colleague_who_writes_is_seen(desk: Desk, crew: Crew, browser: Browser) -> None:
    async with (
        opened(crew, browser, "marie", "/console/1?lang=en") as hers,
        opened(crew, browser, "sonia", "/console/1?lang=en") as other,
    ):
        await expect(hers.locator("[data-here]")).to_have_text("Sonia Bernard is looking at this ticket")
        await other.locator("#words").press_sequentially("Bonjour")
        await expect(hers.locator("[data-here]")).to_have_text("Sonia Bernard is writing an answer")
        await other.goto("about:blank")
        await expect(hers.locator("[data-here]")).to_have_text("")


async def test_without_javascript_one_searches_answers_and_changes(desk: Desk, crew: Crew, browser: Browser) -> None:
    context = {"java_script_enabled": False, "viewport": NARROW}
    async with opened(crew, browser, "marie", "/console?lang=en", **context) as page:
        await page.fill("#text", "#2")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="My parcel").click()
        await page.fill("#words", "It is on its way.")
        await page.get_by_role("button", name="Send to the customer").click()
        await expect(page.locator(".talk > .notice")).to_contain_text("on its way")
        await page.locator(".changes [name=priority]").select_option("high")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator(".changes [name=priority]")).to_have_value("high")


async def test_nothing_that_strangers_write_acts_in_the_console(desk: Desk, crew: Crew, browser: Browser) -> None:
    """Names, subjects, words, formatting, remarks and file names: 0 dialogs, 0 requests."""
    await desk.rows(
        "INSERT INTO message (ticket_id, direction, channel, sender, sender_name, subject, text, html, remarks,"
        " reasons)"
        " SELECT 1, 'in', 'email', p, p, p, p, p, ARRAY[p], jsonb_build_object(p, p)"
        " FROM unnest(cast(:payloads AS text[])) AS p RETURNING id",
        payloads=PAYLOADS,
    )
    await desk.rows(
        "INSERT INTO attachment (message_id, filename, content_type, size, inline, content)"
        " SELECT (SELECT max(id) FROM message), p, p, 1, false, 'x' FROM unnest(cast(:payloads AS text[])) AS p"
        " RETURNING id",
        payloads=PAYLOADS[::3],
    )
    await desk.rows("UPDATE contact SET name = :name RETURNING id", name=PAYLOADS[0])
    await desk.rows("UPDATE ticket SET subject = :name, tags = :tags RETURNING id", name=PAYLOADS[1], tags=PAYLOADS[:3])
    async with await crew.window(browser, "marie") as opened_window:
        page = await opened_window.new_page()
        requests: list[str] = []
        dialogs: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await page.goto(f"{desk.url}/console")
        await page.goto(f"{desk.url}/console/1")
        await expect(page.locator(".message")).to_have_count(len(PAYLOADS) + 2)
        await page.evaluate(
            """async () => {
              const frames = [...document.querySelectorAll(".message iframe[sandbox]")];
              for (const one of document.querySelectorAll(".message details")) one.open = true;
              await Promise.all(frames.map((frame) => new Promise((done) => {
                frame.onload = done; frame.loading = "eager"; frame.src = frame.src;
              })));
            }"""
        )
        assert len(page.frames) > len(PAYLOADS)
        assert dialogs == []
        assert [url for url in requests if not url.startswith(desk.url)] == []
        assert not [url for url in requests if PROBE in url]


@pytest.mark.parametrize(("language", "context"), WINDOWS, ids=["en-wide", "fr-phone-dark"])
async def test_the_console_has_no_barriers(
    desk: Desk, crew: Crew, browser: Browser, language: str, context: dict[str, Any]
) -> None:
    await desk.rows("UPDATE message SET proof = 'failed', delivery = '' WHERE id = 1 RETURNING 1")
    await desk.rows("INSERT INTO canned_text (name, language, content) VALUES ('Excuses', 'fr', 'Pardon') RETURNING 1")
    await desk.reply(1, "Une question encore.", "Marie")
    async with opened(crew, browser, "sonia", f"/console?lang={language}", **context) as page:
        for path in ("/console", "/console/1", "/console?text=introuvable", "/console?assignee=me", "/console/texts"):
            await page.goto(f"{desk.url}{path}")
            assert await axe(page) == [], path
            await fits(page)
        await page.goto(f"{desk.url}/console")
        await page.locator(".filters summary").click()
        assert await axe(page) == []
        await page.keyboard.press("Escape")
        await page.locator(".row .tick input").first.check()
        await expect(page.locator(".bulk")).to_be_visible()
        assert await axe(page) == []
        await fits(page)
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_be_visible()
        assert await axe(page) == []
        await page.keyboard.press("Escape")
        desk.hints.send([Hint("ticket:1")])
        await expect(page.locator(".row .tick input").first).to_be_checked()
