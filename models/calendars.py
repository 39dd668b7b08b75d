"""The calendars of this desk and what it commits itself to: `calendars.toml`, read and checked once at start.

In: the text of such a file. Out: `Calendars`. Fails: `CalendarsError`, which names the file and the key.
Public holidays come from the package `holidays`: those of a country, or of one of its regions.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Container, Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from config.customer_pages import HOURS
from config.settings import Settings
from models.calendar import Calendar
from models.ticket import PRIORITIES

SHIPPED = Path(__file__).parent.parent / "config" / "calendars.toml"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class CalendarsError(ValueError):
    """A mistake in a calendars.toml, with the file and the key."""


class _Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timezone: str
    hours: str
    holidays: str = ""
    closed: list[Any] = []
    open: list[Any] = []


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tickets go by which calendar."""

    calendar: str
    pipeline: list[str] = []
    team: list[str] = []

    def fits(self, pipeline: str, team: str) -> bool:
        """Whether a ticket of that pipeline and team goes by it."""
        return (not self.pipeline or pipeline in self.pipeline) and (not self.team or team in self.team)


class _Warning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    part: float = 0.75


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    default: str
    calendars: dict[str, _Calendar]
    first_response: dict[str, float]
    resolution: dict[str, float]
    warning: _Warning = _Warning()
    choose: list[Choice] = []


class Calendars(msgspec.Struct, frozen=True, kw_only=True):
    """Calendars and commitments, ready to use."""

    by_name: Mapping[str, Calendar]
    default: str
    choices: tuple[Choice, ...]
    first_response: Mapping[str, timedelta]
    """Priority to business time until the first answer."""
    resolution: Mapping[str, timedelta]
    """The same until it is resolved, where nothing else was committed to."""
    warning: float
    """The part of either after which somebody is warned."""

    @classmethod
    def of_settings(cls, settings: Settings) -> Calendars:
        """Those of this desk; each file is read once. Raises `CalendarsError`.

        Holidays are looked up when they are first asked for, which takes a moment; `prove` does it at once.
        """
        return _loaded(settings.clocks.calendars)

    @classmethod
    def load(cls, path: Path | None = None) -> Calendars:
        """Read `path`, or the file that ships. Raises `CalendarsError`."""
        path = path or SHIPPED
        try:
            file = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
            return cls._of(file, path)
        except (OSError, ValueError) as error:
            raise CalendarsError(f"{path}: {error}") from error

    @classmethod
    def _of(cls, file: _File, path: Path) -> Calendars:
        calendars = {name: _calendar(path, name, described) for name, described in file.calendars.items()}
        for place, name in (("default", file.default), *(("choose", choice.calendar) for choice in file.choose)):
            if name not in calendars:
                raise CalendarsError(f"{place}: there is no calendar {name!r}")
        if not 0 < file.warning.part < 1:
            raise CalendarsError("warning.part: it lies between 0 and 1")
        return cls(
            by_name=calendars,
            default=file.default,
            choices=tuple(file.choose),
            first_response=_by_priority("first_response", file.first_response),
            resolution=_by_priority("resolution", file.resolution),
            warning=file.warning.part,
        )

    def prove(self) -> Calendars:
        """The same, once every calendar's holidays are found to be there. Raises `CalendarsError`."""
        for calendar in self.by_name.values():
            calendar.closed(date(2026, 1, 1))
        return self

    def of(self, pipeline: str, team: str) -> Calendar:
        """The calendar that a ticket of that pipeline and team goes by."""
        for choice in self.choices:
            if choice.fits(pipeline, team):
                return self.by_name[choice.calendar]
        return self.by_name[self.default]

    def promised(self, priority: str, commitment_hours: int | None) -> tuple[timedelta, timedelta]:
        """Business time until the first answer and until the end; the first is never longer than the second."""
        resolution = timedelta(hours=commitment_hours) if commitment_hours else self.resolution[priority]
        return min(self.first_response[priority], resolution), resolution


@cache
def _loaded(path: Path | None) -> Calendars:
    return Calendars.load(path)


def _by_priority(table: str, hours: Mapping[str, float]) -> dict[str, timedelta]:
    if set(hours) != set(PRIORITIES):
        raise CalendarsError(f"{table}: it names {', '.join(PRIORITIES)}, each once")
    for priority, number in hours.items():
        if not 0 < number <= 10_000:
            raise CalendarsError(f"{table}.{priority}: {number:g} is no number of hours")
    return {priority: timedelta(hours=number) for priority, number in hours.items()}


def _calendar(path: Path, name: str, described: _Calendar) -> Calendar:
    key = f"calendars.{name}"
    try:
        zone = ZoneInfo(described.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CalendarsError(f"{key}.timezone: there is no time zone {described.timezone!r}") from error
    closed = _closed(path, key, described)
    week = _week(f"{key}.hours", described.hours)
    return Calendar(name=name, zone=zone, week=week, closed=closed) if closed else Calendar(name, zone, week)


def _closed(path: Path, key: str, described: _Calendar) -> Callable[[date], bool] | None:
    """Whether nobody works on a date; None where there are no such dates."""
    shut, worked = _dates(f"{key}.closed", described.closed), _dates(f"{key}.open", described.open)
    country, _, region = described.holidays.partition("-")
    if not country:
        return shut.__contains__ if shut else None

    @cache
    def public() -> Container[date]:
        import holidays  # a large package: only where a calendar asks for it

        try:
            return holidays.country_holidays(country, subdiv=region or None)
        except NotImplementedError as error:
            raise CalendarsError(f"{path}: {key}.holidays: {error}") from error

    return lambda day: day in shut or (day not in worked and day in public())


def _dates(key: str, given: list[Any]) -> frozenset[date]:
    try:
        return frozenset(day if isinstance(day, date) else date.fromisoformat(str(day)) for day in given)
    except ValueError as error:
        raise CalendarsError(f"{key}: {error}") from error


def _week(key: str, hours: str) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The hours of each day of the week from `mon-fri 09:00-12:30, sat 10:00-12:00`."""
    week: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for part in (one.strip() for one in hours.split(",")):
        if not re.fullmatch(HOURS, part):
            raise CalendarsError(f"{key}: {part!r} is not as `mon-fri 09:00-18:00`")
        days, _, times = part.partition(" ")
        first, _, last = days.partition("-")
        begin, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in times.split("-"))
        if end <= begin:
            raise CalendarsError(f"{key}: {part!r} ends before it begins")
        place = DAYS.index(first)
        for day in range(place, place + (DAYS.index(last or first) - place) % 7 + 1):
            week[day % 7].append((begin, end))
    return tuple(tuple(_merged(day)) for day in week)


def _merged(times: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(times):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
