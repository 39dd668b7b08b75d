"""Points in time as people read them, in their zone and language. Pure; an unknown zone counts as UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS = {
    "fr": (
        "janv.", "févr.", "mars", "avr.", "mai", "juin",
        "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}  # fmt: skip
SPACE = "\N{NO-BREAK SPACE}"


@lru_cache(64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; UTC where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def day(at: datetime, language: str, zone: str = "UTC") -> str:
    """3 mars 2026, or 3 Mar 2026."""
    there = at.astimezone(zone_of(zone))
    return f"{there.day}{SPACE}{MONTHS[language][there.month - 1]} {there.year}"


def moment(at: datetime, language: str, zone: str = "UTC", now: datetime | None = None) -> str:
    """The day and the time; today's without the day: 14:05, or 3 mars 2026 à 14:05."""
    there, today = at.astimezone(zone_of(zone)), (now or datetime.now(UTC)).astimezone(zone_of(zone))
    clock = f"{there:%H:%M}"
    if there.date() == today.date():
        return clock
    return f"{day(at, language, zone)}{f' à{SPACE}' if language == 'fr' else ', '}{clock}"
