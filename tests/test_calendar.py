"""Business time, against a reference that looks at every minute; holidays; the file of calendars and its mistakes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import Calendar, NeverOpenError
from models.calendars import SHIPPED, Calendars, CalendarsError

MINUTE = timedelta(minutes=1)
NIGHTLY = (((0, 150), (1320, 1440)),) * 7
"""Hours across every change of clocks."""
OFFICE = (((540, 750), (810, 1080)),) * 5 + (((600, 720),), ())
CASES = (
    # zone, a change of clocks or another odd day, hours
    ("Europe/Paris", datetime(2026, 3, 29, tzinfo=UTC), NIGHTLY),
    ("Europe/Paris", datetime(2026, 10, 25, tzinfo=UTC), NIGHTLY),
    ("Europe/Paris", datetime(2026, 12, 24, tzinfo=UTC), OFFICE),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC), NIGHTLY),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC), NIGHTLY),  # changes by half an hour
    ("America/Santiago", datetime(2026, 9, 6, tzinfo=UTC), NIGHTLY),  # midnight is left out
    ("Africa/Cairo", datetime(2026, 10, 30, tzinfo=UTC), NIGHTLY),  # midnight is there twice
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC), NIGHTLY),  # a whole day is left out
    ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC), OFFICE),
    ("UTC", datetime(2026, 6, 1, tzinfo=UTC), (((0, 1440),),) * 7),
)
REACH = 3 * 24 * 60
"""Minutes around each case."""


@cache
def case(number: int) -> tuple[Calendar, datetime, list[bool]]:
    """A calendar, an instant, and for each minute from then on whether it is open: the slow and obvious reference."""
    name, around, week = CASES[number]
    zone = ZoneInfo(name)
    holiday = date(2026, 12, 25)
    begin = around - timedelta(days=1)
    opened = []
    for minute in range(2 * REACH):
        wall = (begin + minute * MINUTE).astimezone(zone)
        at = wall.hour * 60 + wall.minute
        hours = week[wall.weekday()]
        opened.append(wall.date() != holiday and any(first <= at < last for first, last in hours))
    return Calendar(name, zone, week, lambda day: day == holiday), begin, opened


cases = st.integers(0, len(CASES) - 1)


@settings(max_examples=400, deadline=None)
@given(cases, st.integers(0, REACH), st.integers(0, REACH))
def test_business_time_is_the_number_of_open_minutes(number: int, first: int, length: int) -> None:
    calendar, begin, opened = case(number)
    start = begin + first * MINUTE
    assert calendar.between(start, start + length * MINUTE) == sum(opened[first : first + length]) * MINUTE
    assert calendar.is_open(start) == opened[first]


@settings(max_examples=400, deadline=None)
@given(cases, st.integers(0, REACH), st.integers(1, 600))
def test_after_so_many_open_minutes_is_the_end_of_the_last_of_them(number: int, first: int, minutes: int) -> None:
    calendar, begin, opened = case(number)
    left, place = minutes, first
    while left and place < len(opened):
        left -= opened[place]
        place += 1
    if not left:
        assert calendar.after(begin + first * MINUTE, minutes * MINUTE) == begin + place * MINUTE


@settings(max_examples=300, deadline=None)
@given(cases, st.integers(0, REACH * 60), st.integers(1, 600 * 60))
def test_both_agree_to_the_second(number: int, first: int, seconds: int) -> None:
    calendar, begin, _opened = case(number)
    start, business = begin + timedelta(seconds=first), timedelta(seconds=seconds)
    due = calendar.after(start, business)
    assert calendar.between(start, due) == business
    assert calendar.between(start, due - timedelta(seconds=1)) == business - timedelta(seconds=1)


def test_no_time_at_all_is_now_and_time_does_not_run_backwards() -> None:
    calendar, begin, _opened = case(2)
    assert calendar.after(begin, timedelta(0)) == begin
    assert calendar.between(begin + timedelta(days=2), begin) == timedelta(0)


def test_what_never_opens_says_so() -> None:
    with pytest.raises(NeverOpenError, match="nobody"):
        Calendar("nobody", ZoneInfo("UTC"), ((),) * 7).after(datetime(2026, 1, 1, tzinfo=UTC), MINUTE)


def paris(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo("Europe/Paris"))  # type: ignore[arg-type, misc]


def test_the_shipped_office_keeps_french_hours_and_holidays() -> None:
    office = Calendars.load().of("default", "")
    assert office.after(paris(2026, 11, 27, 17, 30), timedelta(hours=1)) == paris(2026, 11, 30, 9, 30)
    closed = [date(2026, 1, 1), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 8), date(2026, 5, 14)]
    closed += [date(2026, 5, 25), date(2026, 7, 14), date(2026, 11, 11), date(2026, 12, 25)]
    year = [date(2026, 1, 1) + timedelta(days=day) for day in range(365)]
    assert [day for day in year if day.weekday() < 5 and not office.hours(day)] == closed
    assert Calendars.load().of("default", "") is not Calendars.load().by_name["always"]


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text("utf-8")
    assert old in text
    path = tmp_path / "calendars.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_regions_own_days_and_choices(tmp_path: Path) -> None:
    own = 'holidays = "FR-57"\nclosed = ["2026-12-24"]\nopen = [2026-05-25]\n#'
    path = changed(tmp_path, 'holidays = "FR"', own)
    path.write_text(
        path.read_text().replace("closed = []", "").replace("\nopen = []", "")
        + '[[choose]]\npipeline = ["vip"]\ncalendar = "always"\n'
    )
    calendars = Calendars.load(path)
    office = calendars.by_name["office"]
    assert [bool(office.hours(date(2026, month, day))) for month, day in ((4, 3), (12, 24), (5, 25))] == [0, 0, 1]
    assert calendars.of("vip", "billing").name == "always"
    assert calendars.of("default", "billing").name == "office"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"Europe/Paris"', '"Europe/Pariss"', "calendars.office.timezone"),
        ('"mon-fri 09:00-18:00"', '"mon-fri 9-18"', "calendars.office.hours"),
        ('"mon-fri 09:00-18:00"', '"mon-fri 18:00-09:00"', "ends before it begins"),
        ('"FR" ', '"XX" ', "calendars.office.holidays"),
        ("closed = []", 'closed = ["24.12."]', "calendars.office.closed"),
        ('default = "office"', 'default = "ofice"', "default"),
        ("urgent = 1", "urgent = 0", "first_response.urgent"),
        ("low = 80", "", "resolution"),
        ("part = 0.75", "part = 1.5", "warning.part"),
        ("default =", "defaults =", "defaults"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(CalendarsError, match=named) as caught:
        Calendars.load(path).prove()
    assert str(path) in str(caught.value)


def test_a_first_response_is_never_promised_later_than_the_end() -> None:
    calendars = Calendars.load()
    assert calendars.promised("normal", None) == (timedelta(hours=8), timedelta(hours=40))
    assert calendars.promised("normal", 2) == (timedelta(hours=2), timedelta(hours=2))
