"""Until when somebody is away, as their vacation notice says.

Enters: the text of the notice and when it was written. Leaves: a date, or None where none can be read without
guessing. Pure; nothing fails.
"""

from __future__ import annotations

import re
from datetime import date, datetime

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier januar januari enero ene gennaio janeiro stycznia ledna января",
            "february feb fevrier fev februar februari febrero febbraio fevereiro lutego unora февраля",
            "march mar mars marz maart marzo marco marca marts brezna марта",
            "april apr avril avr abril aprile abr kwietnia dubna апреля",
            "may mai mei mayo maggio maio maja maj kvetna мая",
            "june jun juin juni junio giugno junho czerwca cervna июня",
            "july jul juillet juil juli julio luglio julho lipca cervence июля",
            "august aug aout augustus agosto ago sierpnia augusti srpna августа",
            "september sep sept septembre septiembre settembre setembro wrzesnia zari сентября",
            "october oct octobre oktober okt octubre ottobre outubro pazdziernika rijna октября",
            "november nov novembre noviembre listopada novembro listopadu ноября",
            "december dec decembre dezember dez diciembre dicembre dezembro grudnia prosince декабря",
        ),
        start=1,
    )
    for name in names.split()
}
_UNTIL = "|".join(
    (
        "until|till|thru|through|to|back (?:in the office )?(?:on|from)|return(?:ing)?(?: to (?:the )?office)?(?: on)?",
        "jusqu'?(?:au|a|en)(?: et y compris le)?|(?:de )?retour(?: au bureau)?(?: prevu)?(?: le| a partir du)?|au",
        "bis(?: einschliesslich)?(?: zum)?|(?:wieder )?(?:ab|am)(?: dem)?",
        "hasta el?|regreso el|fino al?|rientro il|ate(?: (?:ao|o) dia| a)?|t/m|tot(?: en met)?",
        "do(?: dnia)?|till och med|til og med|frem til|til|tillbaka|tilbage|tilbake|до",
    )
)
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"\b(?P<until>{_UNTIL}) (?:the )?(?:[a-z]{{2,12}}[.,]? (?:den |the |le |dem )?)?(?:"
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"|(?P<d1>\d{1,2})(?P<mark>[./-]) ?(?P<m1>\d{1,2})(?:[./-] ?(?P<y1>\d{4}|\d{2}))?\b"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th|er|\.|o)?(?: of| de)? (?P<m2>{_MONTH})\b\.?(?:,? (?:de )?(?P<y2>\d{{4}}))?"
    rf"|(?P<m3>{_MONTH})\.? (?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<y3>\d{{4}}))?)",
)
_ENGLISH = ("until", "till", "thru", "through", "to", "back", "return")


def away_until(text: str, written: datetime | None) -> date | None:
    """The last day of absence or the day of return that `text` (folded, on one line) names."""
    found = _DATE.search(text)
    if not found:
        return None
    day, month, year = (
        next(filter(None, (found[name] for name in names)), "")
        for names in (("day", "d1", "d2", "d3"), ("month", "m1", "m2", "m3"), ("year", "y1", "y2", "y3"))
    )
    numbers = int(day), int(month) if month.isdigit() else _MONTHS[month]
    if found["mark"] == "/" and found["until"].startswith(_ENGLISH):
        numbers = _either_way(*numbers)
    return _date(*numbers, year, written)


def _either_way(first: int, second: int) -> tuple[int, int]:
    """Day and month of an English 3/4: unreadable (0) where both orders make sense."""
    if first > 12 or first == second:
        return first, second
    return (second, first) if second > 12 else (0, 0)


def _date(day: int, month: int, year: str, written: datetime | None) -> date | None:
    """That day; a missing year is the next one to come after the mail was written."""
    if not year and written is None:
        return None
    number = int(year) + (2000 if len(year) == 2 else 0) if year else written.year if written else 0
    try:
        found = date(number, month, day)
        return found.replace(year=number + 1) if written and not year and found < written.date() else found
    except ValueError:
        return None
