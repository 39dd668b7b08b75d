"""The agents' own survey: once a month each, and no answer leads to who gave it."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.async_api import Browser

from models import survey
from tests.browser import NARROW, WIDE, axe
from tests.desk import Desk
from tests.staff import hire
from tests.test_accessibility import fits


async def test_answers_are_counted_once_and_stand_in_rows_that_came_together(desk: Desk) -> None:
    crew = await hire(desk)
    for who, score in (("marie", "2"), ("paul", "5"), ("marie", "1")):
        async with await crew.http(who) as http:
            said = {"score": score, "comment": "Trop de tickets" if who == "marie" else ""}
            async with http.post(f"{desk.url}/account/survey", data=said) as answer:
                assert answer.status == 200
                assert "survey" in str(answer.url)
    rows = await desk.rows("SELECT score, comment, xmin::text AS by FROM agent_survey_answer ORDER BY score")
    assert [(row.score, row.comment) for row in rows] == [(2, "Trop de tickets"), (5, "")]
    turnout = await desk.rows("SELECT agent_id, xmin::text AS by FROM agent_survey_turnout")
    assert {row.agent_id for row in turnout} == {crew.ids["marie"], crew.ids["paul"]}
    assert len({row.by for row in (*rows, *turnout)}) == 1, "one transaction wrote all of them"
    columns = "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.columns"
    [row] = await desk.rows(f"{columns} WHERE table_name = 'agent_survey_answer'")
    assert row[0] == "comment key month score", "no agent, no time"


async def test_results_are_for_months_that_are_over_and_have_enough_answers(desk: Desk) -> None:
    values = "(gen_random_uuid(), '2026-01-01', {score}, '{said}')"
    rows = ", ".join(values.format(score=score, said=said) for score, said in ((1, ""), (4, "b"), (4, "a")))
    await desk.rows(f"INSERT INTO agent_survey_answer (key, month, score, comment) VALUES {rows} RETURNING 1")
    today = datetime(2026, 2, 3, tzinfo=UTC).date()
    async with desk.database.engine.connect() as connection:
        [month] = await survey.results(connection, today=today, least=3)
        assert (month.answers, month.average, month.counts, month.comments) == (3, 3.0, (1, 0, 0, 2, 0), ("a", "b"))
        assert await survey.results(connection, today=today, least=4) == []
        assert await survey.results(connection, today=today.replace(month=1), least=1) == []


async def test_the_page_has_no_barriers_and_shows_results_to_who_reads_statistics(desk: Desk, browser: Browser) -> None:
    crew = await hire(desk)
    values = ", ".join("(gen_random_uuid(), '2026-01-01', 4, 'bien')" for _ in range(5))
    await desk.rows(f"INSERT INTO agent_survey_answer (key, month, score, comment) VALUES {values} RETURNING 1")
    for who, size, scheme in (("marie", NARROW, "light"), ("sonia", WIDE, "dark")):
        window = await crew.window(browser, who, viewport=size, color_scheme=scheme)
        page = await window.new_page()
        await page.goto(f"{desk.url}/account/survey")
        assert await axe(page) == []
        await fits(page)
        assert await page.locator("table").count() == (who == "sonia")
        await window.close()
