"""The start page and the operations page, through a real gateway and a real browser."""

from __future__ import annotations

import asyncio
import socket
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Settings
from gateway.operations import numerals, pages
from gateway.operations.paced import Paced
from models.reasons import without_personal
from models.tally import Marks, Source, Tally
from tests.browser import NARROW, WIDE, visit
from tests.desk import Desk, free_port, letter
from workers.reader import Reader

N = "\N{NO-BREAK SPACE}"


async def state(desk: Desk, query: str = "lang=en") -> Any:
    async with desk.http.get(f"{desk.url}/operations/state.json?{query}") as answer:
        assert answer.status == 200
        return await answer.json()


async def settled_state(desk: Desk, name: str) -> Any:
    """The state once it is `name`: figures are at most a few seconds old."""
    deadline = asyncio.get_running_loop().time() + 10
    while (found := await state(desk))["state"] != name:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.05)
    return found


# --- what it shows ------------------------------------------------------------------------------------------------


async def test_an_empty_desk_is_well(desk: Desk) -> None:
    found = await settled_state(desk, "good")
    assert found["problems"] == []
    assert "Nothing has been received yet" in found["sections"]["balance"]
    assert len(found["chart"]["received"]) == 360


async def test_the_figures_are_those_of_the_ledger(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@example.com>"))
    await desk.send(letter(Message_ID="<b@example.com>", Auto_Submitted="auto-generated"))
    posted = {"name": "Zoé", "email": "zoe@example.net", "subject": "Colis", "message": "Où est-il ?"}
    async with desk.http.post(f"{desk.url}/forms/contact", data=posted, allow_redirects=False) as answer:
        assert answer.status == 303
    await desk.settle()
    await desk.dispatch()
    sections = (await settled_state(desk, "good"))["sections"]
    assert '<td id="received-sum">3</td>' in sections["balance"]
    assert 'id="received-minute">3<' in sections["figures"]
    assert 'id="settled-minute">3<' in sections["figures"]
    assert "3 in 5 min" in sections["figures"]
    assert "<dt>Queued to send</dt><dd>2</dd>" in sections["acknowledgements"]
    assert "<dt>Not sent</dt><dd>1</dd>" in sections["acknowledgements"]
    assert '<span class="code">A5</span> says it is automatic</th><td>1</td>' in sections["acknowledgements"]
    assert "answers" in sections["engines"]


async def test_the_chart_goes_on_from_where_the_page_is(desk: Desk) -> None:
    whole = (await settled_state(desk, "good"))["chart"]
    rest = (await state(desk, f"lang=en&since={whole['start'] + 3000}"))["chart"]
    assert rest["start"] == whole["start"] + 3000
    assert 60 <= len(rest["received"]) <= 62
    for odd in ("-1", "x", "9" * 40, "1e9", ""):
        assert len((await state(desk, f"since={odd}"))["chart"]["received"]) in (360, 361)


# --- what is wrong ------------------------------------------------------------------------------------------------

TROUBLES = {
    "quarantine": "UPDATE inbox SET state = 'dead', outcome = 'quarantined', last_error = 'Malformed: x' RETURNING 1",
    "balance": "UPDATE inbox SET state = 'done', outcome = '' RETURNING 1",
    "late_inbox": "UPDATE inbox SET received_at = now() - interval '2 minutes' RETURNING 1",
    "undelivered": "INSERT INTO outbox (unique_key, state, last_error) VALUES ('x', 'dead', '550 no') RETURNING 1",
    "late_outbox": "INSERT INTO outbox (unique_key, created_at) VALUES ('x', now() - interval '61 s') RETURNING 1",
    "held": 'INSERT INTO message (reasons) VALUES (\'{"acknowledge": "A19: spent"}\') RETURNING 1',
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_what_is_wrong_is_said_with_what_is_safe_and_what_to_do(desk: Desk, name: str) -> None:
    await desk.send(letter())
    await desk.rows(TROUBLES[name])
    grade = "bad" if name == "balance" else "warn"
    found = await settled_state(desk, grade)
    assert found["problems"] == [name]
    words = tomllib.loads((pages.FOLDER / "texts.toml").read_text("utf-8"))["en"]["problem"][name]
    for part in ("title", "safe", "todo"):
        assert words[part] in found["sections"]["state"]


@asynccontextmanager
async def desk_with(settings: Settings, reader: Reader, **other: str) -> AsyncIterator[Desk]:
    async with Desk(settings.model_copy(update=other), reader) as desk:
        yield desk


async def test_the_page_stands_while_the_database_is_away(settings: Settings, reader: Reader) -> None:
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    async with desk_with(settings, reader, database_url=away) as desk:
        found = await settled_state(desk, "bad")
        assert found["problems"] == ["database"]
        async with desk.http.get(f"{desk.url}/operations?lang=fr") as page:
            assert page.status == 200
            assert "La base de données ne répond pas" in await page.text()


async def test_figures_stay_when_the_database_goes(desk: Desk) -> None:
    await desk.send(letter())
    await desk.settle()
    await settled_state(desk, "good")
    await rename(desk, "outbox", "outbox_gone")
    try:
        found = await settled_state(desk, "bad")
        assert '<td id="received-sum">1</td>' in found["sections"]["balance"]
        assert "Figures of" in found["sections"]["engines"]
    finally:
        await rename(desk, "outbox_gone", "outbox")
    await settled_state(desk, "good")


async def rename(desk: Desk, table: str, name: str) -> None:
    async with desk.database.engine.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


@pytest.mark.parametrize("listens", [False, True], ids=["refuses", "never answers"])
async def test_redis_away_breaks_nothing_and_slows_nobody(settings: Settings, reader: Reader, listens: bool) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        if listens:
            mute.listen()
        async with desk_with(settings, reader, redis_url=f"redis://127.0.0.1:{mute.getsockname()[1]}/0") as desk:
            await desk.send(letter())
            await desk.settle()
            found = await settled_state(desk, "warn")
            assert found["problems"] == ["redis"]
            assert '<td id="received-sum">1</td>' in found["sections"]["balance"]
            began = asyncio.get_running_loop().time()
            await state(desk)
            assert asyncio.get_running_loop().time() - began < 1.0


async def test_failures_are_shown_without_what_customers_wrote(desk: Desk) -> None:
    await desk.send(letter())
    await desk.rows(
        "UPDATE inbox SET state = 'dead', outcome = 'quarantined', last_error = :error RETURNING 1",
        error="ValueError: 'Bonjour Claire <b>' for claire@example.com, +33 6 12 34 56 78\n[parameters: ('secret',)]",
    )
    found = (await settled_state(desk, "warn"))["sections"]["failures"]
    assert "ValueError: ‘…’ for &lt;…@…&gt;, …" in found
    for personal in ("Bonjour", "claire", "12 34", "secret"):
        assert personal not in found


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("550 5.1.1 <zoe@example.net>: User unknown", "550 5.1.1 <…@…>: User unknown"),
        ("can't connect, don't know why", "can't connect, don't know why"),
        ("KeyError: 'Ma facture n\\'est pas juste'", "KeyError: ‘…’"),
        ('invalid input: "Zoé" (SQL)\nDETAIL: Key (address)=(zoe)', "invalid input: ‘…’ (SQL)"),
        ("given up after 7 attempts: connection to relay:587 timed out",) * 2,
        ("x" * 500, "x" * 159 + "…"),
        ("'" * 5000, ""),
        ("", ""),
    ],
)
def test_an_error_loses_quotes_addresses_and_long_numbers(error: str, shown: str) -> None:
    found = without_personal(error)
    assert len(found) <= 160
    assert found == shown or error.startswith("''")


# --- the pages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/operations", "/operations/state.json", "/operations/live.js"])
async def test_every_answer_is_guarded(desk: Desk, path: str) -> None:
    async with desk.http.get(desk.url + path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status == 200
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        body = await answer.text()
    if answer.content_type == "text/html":
        assert " style=" not in body
        assert body.count("<script") == body.count("<script src=")


async def test_the_chart_library_is_served_with_its_licence_and_nothing_else_is_served(desk: Desk) -> None:
    async with desk.http.get(f"{desk.url}/operations/uplot.js") as script:
        start = (await script.text())[:1500]
    assert "Permission is hereby granted" in start
    assert "uPlot (v1.6.32)" in start
    for path in ("texts.toml", "..%2Ftexts.toml", "uplot"):
        async with desk.http.get(f"{desk.url}/operations/{path}") as answer:
            assert answer.status == 404


@pytest.mark.parametrize(("header", "language"), [("en-GB", "en"), ("fr-CA,en;q=0.5", "fr"), ("de", "fr")])
async def test_both_pages_speak_the_language_of_the_browser(desk: Desk, header: str, language: str) -> None:
    for path in ("/", "/operations"):
        async with desk.http.get(desk.url + path, headers={"Accept-Language": header}) as answer:
            assert answer.headers["Content-Language"] == language
            assert f'<html lang="{language}">' in await answer.text()


async def test_the_start_page_says_where_customers_come_in(desk: Desk) -> None:
    async with desk.http.get(f"{desk.url}/?lang=en") as answer:
        page = await answer.text()
    assert f"127.0.0.1:{desk.settings.smtp.port}" in page
    assert "support@example.org" in page
    assert f'href="{desk.url}/forms/contact?lang=en"' in page
    assert 'href="/operations?lang=en"' in page


def test_both_languages_have_the_same_texts() -> None:
    texts = tomllib.loads((pages.FOLDER / "texts.toml").read_text("utf-8"))

    def keys(table: dict[str, Any]) -> dict[str, Any]:
        return {key: keys(value) if isinstance(value, dict) else None for key, value in table.items()}

    assert keys(texts["fr"]) == keys(texts["en"])


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (None, "–", "–"),
        (0.0084, f"8{N}ms", f"8{N}ms"),
        (0.9999, f"1.0{N}s", f"1,0{N}s"),
        (59.4, f"59{N}s", f"59{N}s"),
        (59.6, f"1{N}min", f"1{N}min"),
        (3599.9, f"1{N}h", f"1{N}h"),
        (90_000, f"1{N}d{N}1{N}h", f"1{N}j{N}1{N}h"),
    ],
)
def test_durations_read_well(seconds: float | None, english: str, french: str) -> None:
    assert (numerals.duration(seconds, "en"), numerals.duration(seconds, "fr")) == (english, french)


def test_numbers_are_grouped_as_the_language_does() -> None:
    assert numerals.number(1234567, "en") == "1,234,567"
    assert numerals.number(1234567, "fr") == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert numerals.octets(13_100_000, "fr") == f"13,1{N}Mo"
    assert numerals.octets(999, "en") == f"999{N}B"


# --- in a browser -------------------------------------------------------------------------------------------------


async def live(page: Page) -> None:
    await expect(page.locator("#pulse")).to_have_class("pulse on")


@pytest.mark.parametrize(("language", "well"), [("en", "All is well"), ("fr", "Tout va bien")])
async def test_a_new_mail_shows_without_a_reload(desk: Desk, browser: Browser, language: str, well: str) -> None:
    async with visit(browser, f"{desk.url}/operations?lang={language}") as page:
        await live(page)
        await expect(page.locator(".state .line")).to_have_text(well)
        await page.evaluate("window.same = true; document.querySelector('details').open = true")
        await page.locator("summary").focus()
        await desk.send(letter())
        await desk.settle()
        await expect(page.locator("#received-sum")).to_have_text("1", timeout=10_000)
        await expect(page.locator("#settled-minute")).to_have_text("1", timeout=10_000)
        assert await page.evaluate("window.same && document.querySelector('details').open")
        assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"
        assert await page.locator("#chart canvas").count() == 1


async def test_a_lost_connection_is_said_and_mended(desk: Desk, browser: Browser) -> None:
    async with await browser.new_context(viewport=WIDE) as window:
        page = await window.new_page()
        await page.goto(f"{desk.url}/operations?lang=en")
        await live(page)
        await page.route("**/state.json*", lambda route: route.abort())
        await expect(page.locator("#lost")).to_contain_text("Connection lost", timeout=10_000)
        await page.unroute("**/state.json*")
        await expect(page.locator("#lost")).to_be_empty(timeout=10_000)
        await live(page)


async def test_the_page_serves_a_browser_without_scripts(desk: Desk, browser: Browser) -> None:
    await desk.send(letter())
    await desk.settle()
    await settled_state(desk, "good")
    async with visit(browser, f"{desk.url}/operations?lang=en", java_script_enabled=False, viewport=NARROW) as page:
        await expect(page.locator("#received-sum")).to_have_text("1")
        await expect(page.locator("noscript a")).to_be_visible()
        await page.locator("summary").click()
        await expect(page.locator("details table tbody tr").first).to_be_visible()


# --- keeping count ------------------------------------------------------------------------------------------------


@dataclass
class Shop:
    """A tally over the inbox, with a clock of its own."""

    desk: Desk
    connection: AsyncConnection
    tally: Tally
    marks: Marks

    async def receive(self, at: float, *, state: str = "pending") -> None:
        statement = "INSERT INTO inbox (door_key, received_at, state) VALUES (gen_random_uuid(), to_timestamp(:at), :s)"
        await self.connection.execute(text(statement), {"at": at, "s": state})

    async def count(self, now: float) -> dict[int, int]:
        highest = await self.marks.note(self.connection, now, keep=7200)
        await self.tally.count(self.connection, now, highest=highest)
        return {slot: sum(keys.values()) for slot, keys in self.tally.slots.items()}


@pytest.fixture
async def shop(desk: Desk) -> AsyncIterator[Shop]:
    marks = Marks("inbox", "received_at")
    tally = Tally(Source("inbox", "received_at"), marks, slot=10, span=600, most=5)
    async with desk.database.engine.begin() as connection:
        yield Shop(desk, connection, tally, marks)


async def test_a_tally_counts_late_rows_and_forgets_old_ones(shop: Shop) -> None:
    for at in (100, 1000, 1001, 1500):
        await shop.receive(at)
    assert await shop.count(1503) == {1000: 2, 1500: 1}
    await shop.receive(1504)
    await shop.receive(1460)  # committed late
    assert await shop.count(1510) == {1000: 2, 1460: 1, 1500: 2}
    assert await shop.count(1511) == {1000: 2, 1460: 1, 1500: 2}
    await shop.receive(1890)
    assert await shop.count(1900) == {1460: 1, 1500: 2, 1890: 1}
    assert shop.tally.series(1880, 1910) == [0, 1, 0]
    assert shop.tally.total(1500) == 3


async def test_a_first_count_that_would_read_too_much_says_since_when_it_is_complete(shop: Shop) -> None:
    for at in range(1000, 1100, 10):
        await shop.receive(at)
    assert await shop.count(1100) == {1050: 1, 1060: 1, 1070: 1, 1080: 1, 1090: 1}
    assert shop.tally.begin == 1050


async def test_many_viewers_cost_one_fetch_and_a_dear_one_is_made_seldom() -> None:
    fetched = 0

    async def fetch() -> int:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0.02)
        return fetched

    paced = Paced("number", fetch, (OSError,), timeout=5, least=0.0, share=0.001)
    assert await asyncio.gather(*(paced.look(1) for _ in range(50))) == [1] * 50
    assert [await paced.look(1) for _ in range(5)] == [1] * 5
    assert fetched == 1
    await paced.close()


async def test_a_fetch_that_hangs_keeps_nobody_and_is_no_answer() -> None:
    paced: Paced[int] = Paced("never", asyncio.Event().wait, (OSError,), timeout=60, patience=0.05)
    assert await paced.look(0.06) is None
    assert not paced.answers
    await paced.close()
