"""The clocks of commitments, against a reference that walks through every minute of a ticket's life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import Calendar
from models.reckoning import Hand, Move, Story, reckon

MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 10, 23, 8, tzinfo=UTC)
"""A Friday before the clocks are set back."""
CALENDAR = Calendar("office", ZoneInfo("Europe/Paris"), (((540, 720), (780, 1080)),) * 5 + (((0, 200),), ((100, 240),)))
LONGEST = 6 * 24 * 60
STATUSES = ("open", "in_progress", "waiting", "resolved", "closed")

moves = st.lists(st.tuples(st.integers(0, LONGEST), st.sampled_from(STATUSES)), max_size=8).map(sorted)


def at(minute: int) -> datetime:
    return BEGIN + minute * MINUTE


def walked(story: list[tuple[int, str]], answered: int | None, promised: int, now: int) -> tuple[int, int | None, str]:
    """Minutes spent, the minute in which the last of those promised passed, the status in the end."""
    spent, broken, status = 0, None, "open"
    for minute in range(now):
        for moved, new in story:
            if moved == minute:
                status = new
        if answered is not None and minute >= answered:
            continue
        if status in ("open", "in_progress") and CALENDAR.is_open(at(minute)):
            spent += 1
            if spent == promised:
                broken = minute + 1
    for moved, new in story:
        if moved == now:
            status = new
    return spent, broken, status


@settings(max_examples=150, deadline=None)
@given(moves, st.none() | st.integers(1, LONGEST), st.integers(1, 900), st.integers(1, LONGEST))
def test_the_clocks_agree_with_the_walk(
    story: list[tuple[int, str]], answered: int | None, promised: int, now: int
) -> None:
    responded = at(answered) if answered is not None and answered <= now else None
    found = reckon(
        Story(BEGIN, [Move(at(minute), status) for minute, status in story], responded),
        CALENDAR,
        (promised * MINUTE, promised * MINUTE),
        warning=0.5,
        now=at(now),
    )
    for hand, until in ((found.resolution, None), (found.response, answered if responded else None)):
        spent, broken, status = walked(story, until, promised, now)
        assert hand.spent == spent * MINUTE
        assert hand.broken_at == (at(broken) if broken is not None else None)
        runs = status in ("open", "in_progress") and (until is None)
        assert (hand.due_at is not None) == runs
        if hand.due_at is not None and hand.broken_at is None:
            assert CALENDAR.between(at(now), hand.due_at) == (promised - spent) * MINUTE
        assert (found.state == "running") == (status in ("open", "in_progress"))
        assert (found.state == "ended") == (found.ended_at is not None) == (status in ("resolved", "closed"))


def response(story: Story, *, hours: float, now: datetime) -> Hand:
    promised = timedelta(hours=hours)
    return reckon(story, CALENDAR, (promised, promised), warning=0.75, now=now).response


def test_a_warning_comes_when_three_quarters_are_gone() -> None:
    hand = response(Story(BEGIN, [], None), hours=4, now=BEGIN)
    monday = datetime(2026, 10, 23, 14, tzinfo=UTC)
    assert hand.due_at == monday - timedelta(hours=1), "10:00 to 12:00 and 13:00 to 15:00 in Paris"
    assert hand.warn_at == monday - timedelta(hours=2)


def test_a_merged_ticket_has_ended() -> None:
    found = reckon(Story(BEGIN, [], None, merged=True), CALENDAR, (MINUTE, MINUTE), warning=0.75, now=at(3000))
    assert (found.state, found.resolution.spent, found.resolution.due_at) == ("ended", timedelta(0), None)
