"""Numbers as people of a language write them. Pure; nothing fails.

French groups digits with a narrow no-break space and has a decimal comma (Unicode CLDR, fr); English has comma and
point. A figure that is not known is a dash.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

UNKNOWN = "–"
_GROUP = {"fr": "\N{NARROW NO-BREAK SPACE}", "en": ","}
_POINT = {"fr": ",", "en": "."}
_BYTES = {"fr": ("o", "Ko", "Mo", "Go", "To"), "en": ("B", "KB", "MB", "GB", "TB")}
SPACE = "\N{NO-BREAK SPACE}"
MINUTE, HOUR, DAY = 60, 3600, 86_400


def number(value: float | None, language: str, digits: int = 0) -> str:
    """12345.6 → 12 346 or 12,346."""
    if value is None:
        return UNKNOWN
    text = f"{value:,.{digits}f}".replace(",", "\0").replace(".", _POINT[language])
    return text.replace("\0", _GROUP[language])


def duration(seconds: float | None, language: str) -> str:
    """The two largest units that matter: 8 ms, 1.4 s, 42 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        return f"{number(seconds * 1000, language)}{SPACE}ms"
    if seconds < 10:
        return f"{number(seconds, language, 1)}{SPACE}s"
    whole = round(seconds)
    for size, unit, rest, part in ((DAY, "j" if language == "fr" else "d", HOUR, "h"), (HOUR, "h", MINUTE, "min")):
        if whole >= size:
            return _two(whole // size, unit, whole % size // rest, part)
    return _two(whole // MINUTE, "min", whole % MINUTE, "s") if whole >= MINUTE else f"{whole}{SPACE}s"


def _two(large: int, unit: str, small: int, part: str) -> str:
    return f"{large}{SPACE}{unit}" + (f"{SPACE}{small}{SPACE}{part}" if small else "")


def octets(count: int | None, language: str) -> str:
    """Bytes in the largest unit that leaves a figure of 1 or more; thousands, not 1024s."""
    if count is None:
        return UNKNOWN
    size, value = 0, float(count)
    while value >= 1000 and size < len(_BYTES[language]) - 1:
        size, value = size + 1, value / 1000
    return f"{number(value, language, 1 if size and value < 100 else 0)}{SPACE}{_BYTES[language][size]}"


def clock(at: float, seconds: bool = True) -> str:
    """Time of day in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}" if seconds else f"{datetime.fromtimestamp(at, UTC):%H:%M}"


def percent(share: float | None, language: str, digits: int = 0) -> str:
    """0.4567 → 46 % in French, 46% in English."""
    if share is None:
        return UNKNOWN
    space = "\N{NARROW NO-BREAK SPACE}" if language == "fr" else ""
    return f"{number(share * 100, language, digits)}{space}%"


def money(amount: float | None, language: str, currency: str) -> str:
    """1234.5 EUR → 1 234,50 € in French, €1,234.50 in English; a currency without a sign of its own by its code."""
    if amount is None:
        return UNKNOWN
    sign, value = _SIGNS.get(currency, currency), number(amount, language, 2)
    if language == "fr":
        return f"{value}{SPACE}{sign}"
    return f"{sign}{value}" if currency in _SIGNS else f"{sign}{SPACE}{value}"


def day(at: date, language: str, *, year: bool = True) -> str:
    """25 nov. 2026 in French, 25 Nov 2026 in English; the first of a month in French is the 1er."""
    first = "1er" if language == "fr" and at.day == 1 else str(at.day)
    return f"{first} {month(at, language)}" if year else f"{first} {MONTHS[language][at.month - 1]}"


def month(at: date, language: str) -> str:
    """Of a year: nov. 2026, Nov 2026."""
    return f"{MONTHS[language][at.month - 1]} {at.year}"


_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}
MONTHS = {
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
