"""Business time: how much of it lies between two instants, and which instant lies so much of it ahead. Pure.

In: aware instants. Out: `timedelta`s of business time, and instants in UTC. Fails: `NeverOpenError`, where nothing
opens within ten years.

Hours are those of the clock on the wall. When clocks are set back, an hour within business hours is there twice and
counts twice; when they are set forward, the hour that is left out does not count. So every answer is exact to the
second on every day of the year, whatever the zone does (IANA time zone database, through `zoneinfo`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]
"""From one instant to another, the second not included; in UTC."""
DAY = timedelta(days=1)
REACH = timedelta(hours=15)
"""No zone is further from UTC than this: a local day lies within its UTC day and so much on both sides."""
LONGEST_CLOSED = 3660
"""Days that are looked through for an opening."""
MOST_REMEMBERED = 4_000
"""Days whose hours are kept."""


class NeverOpenError(ValueError):
    """The calendar has no business hours within ten years."""


def _never(_day: date) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Calendar:
    """When somebody works."""

    name: str
    zone: ZoneInfo
    week: tuple[tuple[tuple[int, int], ...], ...]
    """Monday to Sunday: from which minute of the day to which (1440: midnight), in order, apart from each other."""
    closed: Callable[[date], bool] = _never
    """Whether it is closed all day on that date: holidays."""
    _days: dict[date, tuple[Span, ...]] = field(default_factory=dict, compare=False, repr=False)

    def is_open(self, instant: datetime) -> bool:
        """Whether `instant` lies in business hours."""
        return any(begin <= instant < end for begin, end in self.hours(instant.astimezone(self.zone).date()))

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """The business time from `begin` to `end`; zero where `end` is not later."""
        total, day = timedelta(0), begin.astimezone(self.zone).date()
        last = end.astimezone(self.zone).date()
        while day <= last:
            for opens, closes in self.hours(day):
                total += max(min(closes, end) - max(opens, begin), timedelta(0))
            day += DAY
        return total

    def after(self, begin: datetime, business: timedelta) -> datetime:
        """The first instant by which `business` of business time has passed since `begin`.

        With no time at all it is `begin` itself, open or closed. Raises `NeverOpenError`.
        """
        if business <= timedelta(0):
            return begin.astimezone(UTC)
        left, closed_days = business, 0
        day = begin.astimezone(self.zone).date()
        while closed_days < LONGEST_CLOSED:
            closed_days += 1
            for opens, closes in self.hours(day):
                here = closes - max(opens, begin)
                if here <= timedelta(0):
                    continue
                if here >= left:
                    return max(opens, begin).astimezone(UTC) + left
                left, closed_days = left - here, 0
            day += DAY
        raise NeverOpenError(f"the calendar {self.name} has no business hours after {begin:%Y-%m-%d}")

    def hours(self, day: date) -> tuple[Span, ...]:
        """The business hours of a local date, as instants."""
        known = self._days.get(day)
        if known is None:
            if len(self._days) > MOST_REMEMBERED:
                self._days.clear()
            known = self._days[day] = tuple(_joined(self._spans(day)))
        return known

    def _spans(self, day: date) -> Iterator[Span]:
        times = self.week[day.weekday()]
        if not times or self.closed(day):
            return
        midnight = datetime.combine(day, time(), UTC)
        for begin, end, offset in _steady(self.zone, midnight - REACH, midnight + DAY + REACH):
            for first, last in times:
                # The wall clock shows UTC + offset while that offset holds.
                opens, closes = (midnight + timedelta(minutes=minute) - offset for minute in (first, last))
                if max(opens, begin) < min(closes, end):
                    yield max(opens, begin), min(closes, end)


def _steady(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The stretches from `begin` to `end` on which the zone's distance from UTC is the same, with that distance."""
    while begin < end:
        offset = _offset(zone, begin)
        change = end if _offset(zone, end) == offset else _change(zone, begin, end)
        yield begin, change, offset
        begin = change


def _change(zone: ZoneInfo, begin: datetime, end: datetime) -> datetime:
    """The instant between the two at which the distance from UTC changes, to the second."""
    before = _offset(zone, begin)
    low, high = 0, int((end - begin).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, begin + timedelta(seconds=middle)) == before else (low, middle)
    return begin + timedelta(seconds=high)


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def _joined(spans: Iterator[Span]) -> Sequence[Span]:
    """Spans in order, those that touch as one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined
