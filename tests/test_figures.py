"""Figures: a history with known answers, the recount, days and months, the cursor's holes, the report."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Settings
from config.statistics import Cost
from gateway.simulated_history import NotEmptyError, fill_desk
from models.statistics.keep import _fill, _gaps
from models.statistics.period import NAMES, Period, named, period_of
from tests.desk import Desk, letter
from tests.histories import Histories, known_history, paris
from workers.batch import Office
from workers.report import Report, due

HOUR = 3600.0


@pytest.fixture
def past(desk: Desk) -> Histories:
    return Histories(desk)


async def test_every_figure_of_a_history_made_by_hand_is_the_one_that_it_must_be(past: Histories) -> None:
    await known_history(past)
    cost = Cost(hour=30, minutes_per_ticket=10, minutes_per_answer=20, per_ticket={"email": 0.5})
    found = await past.figures(paris("2026-03-28"), paris("2026-03-31"), cost)
    kpis = {kpi.name: kpi.value for kpi in found.kpis}
    assert kpis == {
        "created": 3,
        "monthly": pytest.approx(3 / 4 * 365.2425 / 12),
        "resolved": 2,
        "unresolved": 1,
        "resolution_rate": pytest.approx(2 / 3),
        "first_contact": pytest.approx(1 / 2),
        "reopen_rate": pytest.approx(1 / 2),
        "transfers": pytest.approx(1 / 2),
        "kept": pytest.approx(1.0),
        "csat": pytest.approx(3.5),
        "by_article": 0,
        "cost": pytest.approx((2 * 10 + 3 * 20) / 60 * 30 / 2 + 0.5),
        "open": 1,
        "open_per_agent": None,
    }
    first, response, resolution = (found.times[what, "seconds"] for what in ("first", "response", "resolution"))
    assert (first.mean, first.median, first.p90) == (2.5 * HOUR, 2 * HOUR, 3 * HOUR), "three hours, not four: no 02:00"
    assert response.mean == pytest.approx((3 + 2 + 1) / 3 * HOUR)
    assert (response.median, response.p90) == (1.5 * HOUR, 3 * HOUR)
    assert (resolution.mean, resolution.p90) == ((3 + 22) / 2 * HOUR, 22 * HOUR)
    assert found.times["resolution", "worked"].p90 == 2 * HOUR, "nine to eleven; then it was the customer's, then night"
    assert found.times["first", "worked"].mean == 1 * HOUR, "nobody works on Saturday night"


async def test_every_picture_of_that_history_is_the_one_that_it_must_be(past: Histories) -> None:
    await known_history(past)
    found = await past.figures(paris("2026-03-28"), paris("2026-03-31"))
    shares, by = found.now.shares, found.now.by
    assert shares["category"] == {"billing": 2, "complaint": 1}
    assert shares["priority"] == {"normal": 2, "urgent": 1}
    assert shares["status"] == {"resolved": 1, "closed": 1, "open": 1}
    assert shares["treated"] == {"7": 1, "8": 1}
    assert shares["csat"] == {"5": 1, "2": 1}
    assert {value: sums["created"] for value, sums in by["channel"].items()} == {"email": 2, "phone": 1}
    assert {value: sums["created"] for value, sums in by["perimeter"].items()} == {"OUT": 2, "IN": 1}
    assert {value: sums["created"] for value, sums in by["product"].items()} == {"": 2, "Nova 3": 1}
    assert {value: sums["created"] for value, sums in by["agent"].items()} == {7: 1, 8: 1, 0: 1}
    assert [(one.contact_id, one.complaints) for one in found.now.complaining] == [(1, 1)], "the merged one is none"
    days = {point.start.day: (point.created, point.resolved) for point in found.now.points}
    assert days == {28: (1, 0), 29: (0, 1), 30: (2, 0), 31: (0, 1)}
    lines = {line.agent: (line.assigned, line.treated, line.csat) for line in found.agents}
    assert lines == {7: (1, 1, 5.0), 8: (1, 1, 2.0)}
    assert await past.wrong() == []


async def test_a_commitment_is_missed_by_a_minute_of_business_time(past: Histories) -> None:
    friday = paris("2026-04-10 17:00")
    for minutes in (0, 1):
        number = await past.ticket(friday, commitment_hours=2)
        await past.became(number, paris(f"2026-04-13 10:0{minutes}"), "status", "resolved")
    found = (await past.figures(friday, friday + timedelta(days=4))).now.totals
    assert (found["kept"], found["missed"], found["resolution_worked"]) == (1, 1, 4 * HOUR + 60)


async def test_filters_leave_what_they_name_and_the_period_before_is_compared(past: Histories) -> None:
    await known_history(past)
    email = await past.figures(paris("2026-03-30"), paris("2026-03-31"), channel="email")
    assert (email.now.totals["created"], email.before.totals["created"]) == (1, 1)
    both = await past.figures(paris("2026-03-28"), paris("2026-03-31"), channel="email", agent=8)
    assert (both.now.totals["created"], both.now.totals["transfers"]) == (1, 1)
    nothing = await past.figures(paris("2026-03-28"), paris("2026-03-31"), perimeter="IN", agent=8)
    assert not any(nothing.now.totals.values())


async def test_merging_and_taking_up_again_change_what_was_counted(past: Histories) -> None:
    at = paris("2026-03-30 09:00")
    one, two = await past.ticket(at), await past.ticket(at)
    await past.became(one, at + timedelta(hours=1), "status", "resolved")
    whole = (at, at + timedelta(days=2))
    assert (await past.figures(*whole)).now.totals["created"] == 2
    await past.became(two, at, "merged_into", one)
    await past.became(one, at + timedelta(hours=5), "status", "open")
    found = (await past.figures(*whole)).now.totals
    assert (found["created"], found["settled"], found["resolved"], found["reopened"]) == (1, 0, 0, 1)
    await past.became(two, at, "merged_into", None)
    assert (await past.figures(*whole)).now.totals["created"] == 2
    assert await past.wrong() == []


@pytest.mark.parametrize("seed", range(4))
async def test_sums_agree_with_a_recount_after_any_history(past: Histories, seed: int) -> None:
    chance, at = random.Random(seed), paris("2026-10-24 20:00")  # the night in which an hour comes twice
    numbers = [await past.ticket(at + timedelta(hours=chance.random() * 60)) for _ticket in range(6)]
    for _step in range(60):
        number, when = chance.choice(numbers), at + timedelta(hours=chance.random() * 400)
        field = chance.choice(["status", "status", "assignee", "team", "category", "product", "say", "satisfaction"])
        if field == "say":
            await past.said(number, when, chance.choice(["", "", "agent:7", "agent:8", "support@example.org"]))
        elif field == "satisfaction":
            await past.event(number, when, field, chance.choice("12345"))
        else:
            new = {
                "status": ["open", "in_progress", "waiting", "resolved", "closed"],
                "assignee": [7, 8, None],
                "team": ["", "a", "b"],
                "category": ["billing", "complaint"],
                "product": ["", "x"],
            }[field]
            await past.became(number, when, field, chance.choice(new))
        if chance.random() < 0.2:
            await past.count()
    assert await past.wrong() == []
    found = await past.figures(paris("2026-10-01"), paris("2026-12-31"))
    [total] = await past.desk.rows("SELECT count(*) AS n FROM ticket WHERE merged_into IS NULL")
    assert sum(point.created for point in found.now.points) == found.now.totals["created"] == total.n == 6


async def test_a_sum_that_went_wrong_is_found(past: Histories) -> None:
    await past.ticket(paris("2026-03-30 09:00"))
    await past.count()
    await past.desk.rows("UPDATE figure_cell SET created = created + 1 WHERE grain = 'month' RETURNING start")
    await past.desk.rows("UPDATE figure_fact SET reopened = 4 RETURNING lot")
    assert {one.what.split()[0] for one in await past.wrong()} == {"ticket", "sums"}


async def test_what_commits_late_is_counted_though_later_ids_were_counted_before(past: Histories) -> None:
    at = paris("2026-03-30 09:00")
    number = await past.ticket(at)
    late = past.desk.database.engine
    async with late.connect() as slow:
        transaction = await slow.begin()
        await slow.exec_driver_sql(
            "INSERT INTO ticket_event (ticket_id, at, kind, new)"
            f" VALUES ({number}, '2026-03-30 12:00+02', 'satisfaction', '4')"
        )
        await past.said(number, at)
        await past.became(number, at, "category", "complaint")
        await past.count()
        await transaction.commit()
    assert (await past.figures(at, at)).now.totals["csat_sum"] == 4
    assert await past.count() == 0


async def test_all_is_counted_anew_when_days_begin_elsewhere(past: Histories) -> None:
    await past.ticket(paris("2026-03-30 00:30"))
    await past.count()
    past.desk.settings.statistics.timezone = "UTC"
    found = await past.figures(paris("2026-03-29"), paris("2026-03-30"))
    assert [point.created for point in found.now.points] == [1, 0]
    assert await past.wrong() == []


@given(st.dates(date(2024, 1, 1), date(2028, 1, 1)), st.integers(0, 800))
@settings(max_examples=300, deadline=None)
def test_the_parts_of_a_period_hold_each_of_its_days_once(first: date, length: int) -> None:
    period = Period("custom", first, first + timedelta(days=length))
    parts = period.parts()
    days: list[date] = []
    for low, high in (("d1", "d2"), ("d3", "d4")):
        days += [date.fromordinal(n) for n in range(parts[low].toordinal(), parts[high].toordinal() + 1)]
    month = parts["m1"]
    while month <= parts["m2"]:
        after = (month + timedelta(days=32)).replace(day=1)
        days += [date.fromordinal(n) for n in range(month.toordinal(), after.toordinal())]
        month = after
    assert sorted(days) == [first + timedelta(days=n) for n in range(length + 1)]
    assert period.before.last == first - timedelta(days=1)


@given(st.lists(st.integers(1, 60), unique=True), st.integers(0, 20))
def test_holes_are_the_ids_that_were_not_there_until_they_are(ids: list[int], high: int) -> None:
    seen = sorted(number for number in ids if number > high)
    holes = _gaps(high, seen, 0.0)
    missing = {number for low, top, _since in holes for number in range(low, top + 1)}
    assert missing == set(range(high + 1, max(seen, default=high) + 1)) - set(seen)
    found = sorted(missing)[::2]
    left = {number for low, top, _since in _fill(holes, found) for number in range(low, top + 1)}
    assert left == missing - set(found)


@pytest.mark.parametrize("name", NAMES)
def test_periods_end_today_and_begin_before(name: str) -> None:
    for today in (date(2026, 1, 1), date(2026, 2, 28), date(2024, 2, 29), date(2026, 12, 31)):
        period = named(name, today)
        assert period.first <= period.last <= today
        assert period.before.last < period.first
        assert period_of({"period": name}, today) == period
    assert period_of({"from": "2026-05-01", "to": "2026-01-01"}, today).days == 121
    assert period_of({"from": "x", "period": "'; DROP"}, today).name == "30d"


async def test_a_simulated_past_is_the_same_for_the_same_seed_and_not_told_over_real_tickets(desk: Desk) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    async with desk.database.engine.begin() as connection:
        made = await fill_desk(connection, days=12, seed=5, now=now)
    assert made > 200
    past = Histories(desk)
    assert await past.count() == made
    assert await past.wrong() == []
    rows = await desk.rows("SELECT category, channel, status FROM ticket ORDER BY id")
    assert {row.status for row in rows} >= {"open", "waiting", "resolved", "closed"}
    assert [line.difference for line in await desk.balance()] == [0] * 7
    with pytest.raises(NotEmptyError):
        async with desk.database.engine.begin() as connection:
            await fill_desk(connection, days=1, seed=5, now=now)


async def test_the_report_goes_out_once_with_its_pdf(desk: Desk, office: Office) -> None:
    desk.settings.statistics.report.to = ["boss@example.org"]
    desk.settings.statistics.report.hour = 0
    await known_history(Histories(desk))
    assert [await Report(desk.database, office).drain() for _look in range(2)] == [1, 0]
    assert await Report(desk.database, office).drain() == 0, "nor by another process"
    await desk.dispatch()
    [mail] = [message_from_bytes(raw, policy=policy.default) for raw in desk.outgoing()]
    assert mail["To"] == "boss@example.org"
    [file] = list(mail.iter_attachments())  # type: ignore[attr-defined]
    assert file.get_content_type() == "application/pdf"
    assert file.get_content().startswith(b"%PDF")


@pytest.fixture
def office(desk: Desk) -> Office:
    return desk.ingest.office


def test_reports_are_about_what_ended_last() -> None:
    plain = Settings()
    wednesday = datetime(2026, 11, 25, 8, tzinfo=UTC)
    spans = {}
    for every in ("day", "week", "month"):
        plain.statistics.report.every = every  # type: ignore[assignment]
        period = due(plain, wednesday)
        spans[every] = (str(period.first), str(period.last))
    assert spans == {
        "day": ("2026-11-24", "2026-11-24"),
        "week": ("2026-11-16", "2026-11-22"),
        "month": ("2026-10-01", "2026-10-31"),
    }


async def test_a_mail_is_in_the_figures_once_it_is_settled(desk: Desk) -> None:
    past, now = Histories(desk), datetime.now(UTC)
    await desk.send(letter())
    await desk.settle()
    [line] = await desk.tickets()
    found = await past.figures(now - timedelta(days=1), now + timedelta(days=1))
    assert (found.now.totals["created"], found.now.totals["answered"]) == (1, 0)
    await desk.reply(line.number, "Bonjour, c’est corrigé.")
    found = await past.figures(now - timedelta(days=1), now + timedelta(days=1))
    assert (found.now.totals["answered"], found.now.totals["responses"]) == (1, 1)
    assert await past.wrong() == []
