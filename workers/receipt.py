"""The text of an acknowledgement: tracking number and expected answer, in the customer's language.

In: the message, its ticket's number, by when an answer is expected (`workers.outlook`). Out: an `OutboundMessage`.
The texts are read once from `config/templates/acknowledgement/{language}.txt`, in conversations
`{language}.short.txt`: the first line is the subject, an empty line follows, and a paragraph that names a value which
is empty (`{delay}`, `{link}`) is left out. Fails: `OSError` and `KeyError` for a text that is missing or names an
unknown value.

Nothing that the sender chose is repeated (threat T1: such mails are made to carry somebody's words to a victim): no
name, no quotation, and the subject only where the sender's identity is proved.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from string import Formatter

from models.envelope import Address, InboundMessage, OutboundMessage

TEXTS = Path(__file__).parent.parent / "config" / "templates" / "acknowledgement"
FALLBACK = "en"
LONGEST_SUBJECT = 120

_NO_BREAK = "\N{NO-BREAK SPACE}"
_PHRASES = {
    "en": ("today before {}", "tomorrow before {}", "before {} {}", "on {} {} {} at the latest"),
    "fr": ("aujourd’hui avant {}", "demain avant {}", "avant {} {}", "au plus tard le {} {} {}"),
}
"""Today, tomorrow, within a week (day and time), later (weekday, day and month)."""
_DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
STEP = timedelta(minutes=30)
"""Times are said by the half hour, rounded up."""
_PLAIN = str.maketrans({_NO_BREAK: " ", "’": "'", "û": "u"})
"""An SMS with one letter outside its alphabet (GSM 03.38) holds 70 letters instead of 160."""
_ANSWER_MARKS = re.compile(r"^(?:(?:re|r[eé]f|aw|tr|fw|fwd)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,250}")


def before(due: datetime, now: datetime, language: str) -> str:
    """`due` as the end of a sentence, rounded up: "before Monday 10:00", "avant lundi 10 h".

    In the time zone of `due`, which is that of those who answer.
    """
    spoken = language if language in _PHRASES else FALLBACK
    today, tomorrow, soon, later = _PHRASES[spoken]
    midnight = due.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    steps = -(-timedelta(hours=due.hour, minutes=due.minute, seconds=due.second, microseconds=due.microsecond) // STEP)
    due = midnight + steps * STEP  # on the wall clock: that is what the customer looks at
    days = (due.date() - now.astimezone(due.tzinfo).date()).days
    clock = _clock(due, spoken)
    if days <= 1:
        return (tomorrow if days == 1 else today).format(clock)
    weekday = _DAYS[spoken][due.weekday()]
    if days < 7:
        return soon.format(weekday, clock)
    return later.format(weekday, due.day, _MONTHS[spoken].split()[due.month - 1])


def _clock(moment: datetime, language: str) -> str:
    if language == "fr":
        return f"{moment.hour}{_NO_BREAK}h{f'{_NO_BREAK}{moment.minute:02}' if moment.minute else ''}"
    return f"{moment.hour}:{moment.minute:02}"


def compose(
    message: InboundMessage,
    *,
    ticket_number: int,
    account: str,
    channel: str,
    language: str,
    message_id: str,
    to: str = "",
    reply_address: str = "",
    delay: str = "",
    link: str = "",
    trace_id: str = "",
) -> OutboundMessage:
    """The acknowledgement of `message`. `delay`: by when it is answered ("before Monday 10:00"), '' for nothing."""
    spoken = language if language in _PHRASES else FALLBACK
    subject, paragraphs = _text(f"{spoken}.short" if message.conversation else spoken)
    values = {
        "number": str(ticket_number),
        "delay": delay,
        "link": link,
    }
    if message.conversation:
        values["delay"] = values["delay"].translate(_PLAIN)
    return OutboundMessage(
        channel=channel,
        account=account,
        to=Address(to or message.acknowledge_to or message.sender.address),
        subject=_subject(message, ticket_number) or subject.format_map(values),
        text="\n\n".join(text.format_map(values) for text, names in paragraphs if all(values[name] for name in names)),
        message_id=message_id,
        references=(message.message_id,) if _MESSAGE_ID.fullmatch(message.message_id) else (),
        reply_address=reply_address,
        automatic=True,
        language=spoken,
        trace_id=trace_id,
    )


def _subject(message: InboundMessage, ticket_number: int) -> str:
    """The sender's own subject, where it goes to nobody but them; '' otherwise."""
    if message.proof not in ("proved", "aligned"):
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in message.subject)
    quoted = _ANSWER_MARKS.sub("", " ".join(printable.split()))[:LONGEST_SUBJECT].strip()
    return f"[#{ticket_number}] Re: {quoted}" if quoted else ""


@cache
def _text(name: str) -> tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """Subject and paragraphs of a text, each paragraph with the values that it names."""
    subject, *paragraphs = (TEXTS / f"{name}.txt").read_text(encoding="utf-8").rstrip().split("\n\n")
    return subject, tuple((paragraph, _names(paragraph)) for paragraph in paragraphs)


def _names(paragraph: str) -> tuple[str, ...]:
    return tuple(name for _text, name, _format, _conversion in Formatter().parse(paragraph) if name)
