"""Date header values: text in, an aware datetime or None out. Takes RFC 5322 §3.3 and §4.3, asctime and ISO 8601.

Besides, what programs write in the language of their users: 'lun., 3 févr. 2025 10:00', 'Jan 6, 2025 3:00 PM'.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_NAMES = (
    "jan ene gen", "feb fev", "mar mrz mrt", "apr avr abr", "may mai mag mei maj", "jun juin giu",
    "jul juil lug", "aug aou ago", "sep set", "oct okt ott out", "nov", "dec dez dic",
)  # fmt: skip
"""What the months begin with in English, French, German, Spanish, Italian, Portuguese, Dutch and Polish."""
_MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
_UNACCENTED = str.maketrans("éèêûàäáç", "eeeuaaac")
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
          "CET": 1, "MET": 1, "BST": 1, "CEST": 2, "MEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9}  # fmt: skip
_COMMENT = re.compile(r"\([^()]*\)")
_MONTH = r"(?P<month>[^\W\d_]{3})[^\W\d_]{0,9}"
_TIME = r"(?P<hour>\d{1,2})\s*[:.]\s*(?P<minute>\d{2})(?:\s*[:.]\s*(?P<second>\d{2}))?(?:\.\d+)?"
_HALF = r"(?:\s*(?P<half>[AaPp])\.?[Mm]\b\.?)?"
_ZONE = r"(?:\s*(?P<zone>(?:GMT|UTC|UT)?[+-]\d{1,2}:?\d{0,2}|[A-Za-z]+))?"
_USUAL = re.compile(
    rf"(?P<day>\d{{1,2}})\s*[-\s/.]\s*{_MONTH}\.?,?\s*[-\s/]\s*(?P<year>\d{{2,4}}),?\s+{_TIME}{_HALF}{_ZONE}"
)
_ASCTIME = re.compile(
    rf"{_MONTH}\s+(?P<day>\d{{1,2}}),?\s+{_TIME}(?P<half>)(?:\s+(?P<zone>[+-]\d{{4}}|[A-Z]{{3,4}}))?\s+(?P<year>\d{{4}})"
)
_AMERICAN = re.compile(rf"{_MONTH}\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}}),?\s+{_TIME}{_HALF}{_ZONE}")
_ISO = re.compile(
    rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}})[T ]{_TIME}{_HALF}{_ZONE}",
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
        return _moment(int(year), _month(month), int(day), int(hour), int(minute), int(second), zone)
    value = _COMMENT.sub(" ", value[:200])
    found = _USUAL.search(value) or _ASCTIME.search(value) or _AMERICAN.search(value) or _ISO.search(value)
    if found is None:
        return None
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    month = found["month"]
    number = int(month) if month.isdigit() else _month(value[found.start("month") :][:4])
    return _moment(_year(found["year"]), number, int(found["day"]), hour, minute, second, found["zone"] or "")


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: str) -> datetime | None:
    try:
        return datetime(year, month, day, hour % 24, minute, min(second, 59), tzinfo=_zone(zone))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=128)
def _month(word: str) -> int:
    """The number of the month that begins like `word`, 0 for none."""
    word = word.lower().translate(_UNACCENTED)
    return _MONTHS.get(word[:4]) or _MONTHS.get(word[:3]) or 0


def _year(digits: str) -> int:
    """RFC 5322 §4.3: two digits below 50 are of this century, other two and all three digits of the last."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


@lru_cache(maxsize=128)
def _zone(text: str) -> timezone:
    """An offset ('+0100', '+01:00', 'GMT+1') or one of the names above; UTC for all others."""
    text = text.upper()
    offset = text.lstrip("GMTUC")
    if offset[:1] not in ("+", "-"):
        return timezone(timedelta(hours=_ZONES[text])) if text in _ZONES else UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
    distance = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-distance if offset[0] == "-" else distance) if distance < timedelta(hours=24) else UTC
