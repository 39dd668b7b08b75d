"""/statistics: who may, what each address answers, exports, live in a browser, without barriers."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from playwright.async_api import Browser, ViewportSize, expect
from pyarrow import parquet

from config.pages import texts
from models.statistics.rows import COLUMNS, harmless
from models.statistics.wording import FOLDER
from tests.browser import WIDE, axe
from tests.desk import Desk
from tests.histories import Histories
from tests.staff import Crew, hire
from tests.test_texts import test_both_languages_say_the_same_things as compare

PATHS = ("", "/state.json", "/figures.json", "/tickets", "/tickets.csv", "/tickets.parquet", "/report.pdf")
NOW = datetime.now(UTC).replace(microsecond=0)
NARROW = ViewportSize(width=390, height=844)


@pytest.fixture
async def crew(desk: Desk) -> Crew:
    return await hire(desk)


@pytest.fixture
async def past(desk: Desk, crew: Crew) -> Histories:
    """Three tickets of the last days; one customer is called like a formula."""
    past, at, marie = Histories(desk), NOW - timedelta(days=2), crew.ids["marie"]
    await past.ticket(at, category="billing", subject="=cmd|' /C calc'!A0", assignee_id=marie, team="billing")
    two = await past.ticket(at, category="complaint", subject="Où est ma commande ?", product="Nova 3")
    await past.said(two, at)
    await past.said(two, at + timedelta(hours=1), f"agent:{marie}")
    await past.became(two, at + timedelta(hours=2), "status", "resolved", f"agent:{marie}")
    await past.ticket(NOW - timedelta(days=40), category="other", subject="old")
    await desk.rows("UPDATE contact SET name = '+33 <b>Claire</b>' RETURNING id")
    await past.count()
    return past


async def body(crew: Crew, who: str, path: str) -> bytes:
    async with await crew.http(who) as http, http.get(f"{crew.desk.url}/statistics{path}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def test_supervisors_and_administrators_alone_see_statistics(desk: Desk, crew: Crew) -> None:
    for who, status in (("", 401), ("marie", 403), ("sonia", 200), ("ada", 200)):
        async with await crew.http(who) as http:
            for path in PATHS:
                accept = {"Accept": "application/json"}
                async with http.get(f"{desk.url}/statistics{path}", headers=accept) as answer:
                    assert answer.status == status, (who, path)


async def test_the_api_says_what_the_page_says(past: Histories, crew: Crew) -> None:
    import json

    found = json.loads(await body(crew, "sonia", "/figures.json"))
    assert found["kpis"]["created"] == {"value": 2, "before": 1, "trend": 1.0, "unit": "count"}
    assert found["times"]["first"]["seconds"] == {"mean": 3600, "median": 3600, "p90": 3600}
    assert found["by"]["category"] == {"billing": 1, "complaint": 1}
    narrowed = json.loads(await body(crew, "sonia", "/figures.json?product=Nova+3&agent=-&period=7d"))
    assert narrowed["kpis"]["resolved"]["value"] == 1
    page = (await body(crew, "sonia", "?lang=en")).decode()
    assert "Billing" in page
    assert "Marie Dupont" in page
    assert "+33 &lt;b&gt;Claire&lt;/b&gt;" in page


LISTS: dict[str, list[int]] = {
    "figure=created": [2, 1],
    "figure=resolved": [2],
    "figure=unresolved": [1],
    "figure=open": [3, 1],
    "figure=complaints&contact_id=1": [2],
    "figure=created&category=billing": [1],
    "figure=created&agent=-": [2],
    "figure=created&period=90d": [3, 2, 1],
    "figure=nothing&category=%27%3B--": [],
}


async def test_each_number_opens_the_list_of_its_tickets(past: Histories, crew: Crew) -> None:
    async with await crew.http("sonia") as http:
        for query, numbers in LISTS.items():
            async with http.get(f"{crew.desk.url}/statistics/tickets.csv?{query}") as answer:
                lines = csv.reader(io.StringIO((await answer.read()).decode("utf-8-sig")))
            assert [int(line[0]) for line in list(lines)[1:]] == numbers, query
            async with http.get(f"{crew.desk.url}/statistics/tickets?{query}&lang=en") as answer:
                assert f"{len(numbers)} tickets" in await answer.text(), query


async def test_exports_have_a_row_a_ticket_and_start_no_formula(past: Histories, crew: Crew) -> None:
    rows = list(csv.DictReader(io.StringIO((await body(crew, "sonia", "/tickets.csv?period=90d")).decode("utf-8-sig"))))
    assert list(rows[0]) == [name for name, _source, _kind in COLUMNS]
    assert [row["number"] for row in rows] == ["3", "2", "1"]
    assert rows[2]["subject"] == "'=cmd|' /C calc'!A0"
    assert {row["customer"] for row in rows} == {"'+33 <b>Claire</b>"}
    assert rows[1]["first_response_seconds"] == "3600"
    table = parquet.read_table(io.BytesIO(await body(crew, "sonia", "/tickets.parquet?period=90d"))).to_pylist()
    assert [row["number"] for row in table] == [3, 2, 1]
    assert table[1]["resolution_seconds"] == 7200
    assert table[2]["subject"].startswith("=cmd"), "only spreadsheets run what stands in a cell"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1"])
def test_cells_that_begin_like_a_formula_are_made_harmless(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless(f"a{cell}") == f"a{cell}"


async def test_the_page_follows_what_happens(desk: Desk, browser: Browser, past: Histories, crew: Crew) -> None:
    window = await crew.window(browser, "sonia")
    page = await window.new_page()
    await page.goto(f"{desk.url}/statistics?lang=en")
    value = page.locator(".kpi .value").first
    await expect(value).to_have_text("2")
    await page.locator("summary", has_text="table").click()
    await past.ticket(NOW - timedelta(hours=1))
    await past.count()
    await expect(value).to_have_text("3", timeout=4000)
    assert await page.locator("section.trend details").get_attribute("open") is not None, "what was open stays open"
    await page.select_option("[name=product]", "Nova 3")
    await page.wait_for_url("**product=Nova+3*")
    await expect(page.locator(".kpi .value").first).to_have_text("1")
    await page.locator(".kpi .value a").first.click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await window.close()


async def test_the_pages_have_no_barriers(desk: Desk, browser: Browser, past: Histories, crew: Crew) -> None:
    window = await crew.window(browser, "sonia")
    page = await window.new_page()
    looks: tuple[tuple[str, str, Literal["light", "dark"], ViewportSize], ...] = (
        ("fr", "?", "light", NARROW),
        ("en", "?", "dark", WIDE),
        ("en", "/tickets?", "dark", NARROW),
    )
    for language, path, scheme, size in looks:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        await page.goto(f"{desk.url}/statistics{path}lang={language}")
        assert await axe(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await window.close()


def test_the_words_are_there_in_both_languages() -> None:
    compare("statistics")
    words = texts(FOLDER)["fr"]
    assert set(words["kpi"]) == set(words["means"])
