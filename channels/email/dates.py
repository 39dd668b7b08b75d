"""Date header values: text in, an aware datetime or None out. Takes RFC 5322 §3.3 and §4.3, asctime and ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
          "CET": 1, "MET": 1, "BST": 1, "CEST": 2, "MEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9}  # fmt: skip
_COMMENT = re.compile(r"\([^()]*\)")
_TIME = r"(?P<hour>\d{1,2})\s*[:.]\s*(?P<minute>\d{2})(?:\s*[:.]\s*(?P<second>\d{2}))?(?:\.\d+)?"
_ZONE = r"(?:\s*(?P<zone>[+-]\d{2}:?\d{2}|[A-Za-z]+))?"
_USUAL = re.compile(
    rf"(?P<day>\d{{1,2}})\s*[-\s/.]\s*(?P<month>[A-Za-z]{{3}})[A-Za-z]*\.?,?\s*[-\s/]\s*(?P<year>\d{{2,4}}),?\s+{_TIME}{_ZONE}"
)
_ASCTIME = re.compile(
    rf"(?P<month>[A-Za-z]{{3}})[a-z]*\s+(?P<day>\d{{1,2}}),?\s+{_TIME}(?:\s+(?P<zone>[+-]\d{{4}}|[A-Z]{{3,4}}))?\s+(?P<year>\d{{4}})"
)
_ISO = re.compile(
    rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}})[T ]{_TIME}{_ZONE}",
)


_EXACT = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d{4})(?: \([A-Z]{1,5}\))?"
)
"""As RFC 5322 §3.3 writes it, and nearly everybody."""


def parse(value: str) -> datetime | None:
    """The moment that a Date header names; None for garbage. Without a zone it is taken as UTC; 2099 is returned."""
    exact = _EXACT.fullmatch(value)
    if exact:
        day, month, year, hour, minute, second, zone = exact.groups()
        return _moment(int(year), _MONTHS.get(month.lower(), 0), int(day), int(hour), int(minute), int(second), zone)
    value = _COMMENT.sub(" ", value[:200])
    found = _USUAL.search(value) or _ASCTIME.search(value) or _ISO.search(value)
    if found is None:
        return None
    month = _MONTHS.get(found["month"].lower(), 0) if found["month"].isalpha() else int(found["month"])
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    return _moment(_year(found["year"]), month, int(found["day"]), hour, minute, second, found["zone"] or "")


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: str) -> datetime | None:
    try:
        return datetime(year, month, day, hour % 24, minute, min(second, 59), tzinfo=_zone(zone))
    except (ValueError, OverflowError):
        return None


def _year(digits: str) -> int:
    """RFC 5322 §4.3: two digits below 50 are of this century, other two and all three digits of the last."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


@lru_cache(maxsize=128)
def _zone(text: str) -> timezone:
    if text[:1] in ("+", "-"):
        digits = text[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-offset if text[0] == "-" else offset) if offset < timedelta(hours=24) else UTC
    return timezone(timedelta(hours=_ZONES[text.upper()])) if text.upper() in _ZONES else UTC
