"""What the clocks of a ticket stand at, reckoned from its history alone. Pure.

In: when it was opened, how its status changed, when it was first answered, what was promised; its calendar; the time.
Out: a `Reckoning`. Nothing fails but a calendar that never opens (`NeverOpenError`).

    running ──waiting──▶ stopped ──anything else──▶ running ──resolved, closed, merged──▶ ended ──reopened──▶ running

Both clocks run on business time, from the opening on. They stop while the ticket waits for its customer, and end when
it is resolved; a reopening lets them go on where they stood. The clock of the first response ends with it as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from models.calendar import Calendar

STOPPED, ENDED = ("waiting",), ("resolved", "closed")
NOTHING, WARNED, BROKEN = 0, 1, 2
"""What was told of a clock."""


class Move(NamedTuple):
    """A change of status."""

    at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Story:
    """What the clocks of a ticket depend on."""

    opened_at: datetime
    moves: Sequence[Move]
    """Changes of status, in order; it was opened as `open`."""
    responded_at: datetime | None
    """When a person first answered."""
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Hand:
    """Where one clock stands."""

    spent: timedelta
    """Business time that it ran."""
    due_at: datetime | None
    """When its time is over, if nothing stops it; None where it does not run."""
    warn_at: datetime | None
    """When so much of its time is over that somebody is warned; None where it does not run."""
    broken_at: datetime | None
    """When its time was over; None where that did not happen (yet)."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Where both clocks stand."""

    state: str
    """running, stopped or ended."""
    response: Hand
    resolution: Hand
    ended_at: datetime | None


class _Run(NamedTuple):
    """A stretch in which the clocks run; the last one may be open at its end."""

    begin: datetime
    end: datetime | None


def reckon(
    story: Story, calendar: Calendar, promised: tuple[timedelta, timedelta], *, warning: float, now: datetime
) -> Reckoning:
    """Where the clocks stand at `now`. `promised`: business time until the first response, and until the end."""
    moves = [move for move in story.moves if move.at <= now]
    status = moves[-1].status if moves else "open"
    ended = status in ENDED or story.merged
    last = moves[-1].at if moves else story.opened_at
    runs = list(_runs(story.opened_at, moves, merged_at=last if story.merged else None))
    return Reckoning(
        state="ended" if ended else "stopped" if status in STOPPED else "running",
        response=_hand(list(_until(runs, story.responded_at)), calendar, promised[0], warning, now),
        resolution=_hand(runs, calendar, promised[1], warning, now),
        ended_at=last if ended else None,
    )


def _runs(opened_at: datetime, moves: Sequence[Move], *, merged_at: datetime | None) -> Iterator[_Run]:
    """The stretches in which the clocks ran; one still open ends with a merge."""
    begin: datetime | None = opened_at
    for move in moves:
        runs = move.status not in STOPPED and move.status not in ENDED
        if begin is not None and not runs:
            yield _Run(begin, max(begin, move.at))
            begin = None
        elif begin is None and runs:
            begin = move.at
    if begin is not None:
        yield _Run(begin, max(begin, merged_at) if merged_at else None)


def _until(runs: Sequence[_Run], instant: datetime | None) -> Iterator[_Run]:
    """The same, cut off at `instant`."""
    for run in runs:
        if instant is None:
            yield run
        elif run.begin < instant:
            yield _Run(run.begin, min(run.end, instant) if run.end else instant)


def _hand(runs: Sequence[_Run], calendar: Calendar, promised: timedelta, warning: float, now: datetime) -> Hand:
    spent = timedelta(0)
    broken_at: datetime | None = None
    for run in runs:
        here = calendar.between(run.begin, run.end or now)
        if broken_at is None and spent + here >= promised:
            broken_at = calendar.after(run.begin, promised - spent)
        before, spent = spent, spent + here
    if not runs or runs[-1].end is not None:
        return Hand(spent, None, None, broken_at)
    begin = runs[-1].begin
    due_at = broken_at or calendar.after(begin, promised - before)
    warn_at = min(due_at, calendar.after(begin, promised * warning - before))
    return Hand(spent, due_at, warn_at, broken_at)
