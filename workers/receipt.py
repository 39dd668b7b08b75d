"""The text of an acknowledgement: tracking number and estimated delay, in the customer's language.

In: the message, its ticket's number and priority. Out: an `OutboundMessage`. The texts are read once from
`config/templates/acknowledgement/{language}.txt`, in conversations `{language}.short.txt`: the first line is the
subject, an empty line follows, and a paragraph that names a value which is empty (`{delay}`, `{link}`) is left out.
Fails: `OSError` and `KeyError` for a text that is missing or names an unknown value.

Nothing that the sender chose is repeated (threat T1: such mails are made to carry somebody's words to a victim): no
name, no quotation, and the subject only where the sender's identity is proved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from string import Formatter

from models.envelope import Address, InboundMessage, OutboundMessage

TEXTS = Path(__file__).parent.parent / "config" / "templates" / "acknowledgement"
FALLBACK = "en"
ANSWER_HOURS = {"low": 72, "normal": 24, "high": 8, "urgent": 4}
"""The delay of a first answer by priority, where the rules say nothing else."""
LONGEST_SUBJECT = 120

_NO_BREAK = "\N{NO-BREAK SPACE}"
_PHRASES = {
    "en": ("within the hour", "within {} hours", "within {} days"),
    "fr": ("dans l’heure", f"sous {{}}{_NO_BREAK}heures", f"sous {{}}{_NO_BREAK}jours"),
}
"""The hour, so many hours, so many days."""
_PLAIN = str.maketrans({_NO_BREAK: " ", "’": "'"})
"""An SMS with one letter outside its alphabet (GSM 03.38) holds 70 letters instead of 160."""
_ANSWER_MARKS = re.compile(r"^(?:(?:re|r[eé]f|aw|tr|fw|fwd)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,250}")


def estimate(priority: str, commitment: int | None = None, answer_hours: Mapping[str, int] = ANSWER_HOURS) -> timedelta:
    """How soon a ticket of `priority` is answered, never later than it must be closed (`commitment`, hours)."""
    hours = answer_hours.get(priority, ANSWER_HOURS["normal"])
    return timedelta(hours=min(hours, commitment) if commitment else hours)


def in_words(delay: timedelta, language: str) -> str:
    """`delay` as the end of a sentence, rounded up: "within 24 hours", "sous 3 jours"."""
    hour, hours, days = _PHRASES.get(language, _PHRASES[FALLBACK])
    count = -(-delay // timedelta(hours=1))
    if count <= 1:
        return hour
    return hours.format(count) if count < 72 else days.format(-(-count // 24))


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
    priority: str = "normal",
    commitment: int | None = None,
    answer_hours: Mapping[str, int] = ANSWER_HOURS,
    delay: str | None = None,
    link: str = "",
    trace_id: str = "",
) -> OutboundMessage:
    """The acknowledgement of `message`. `delay` ("before Monday 10:00") overrules what `priority` lets expect."""
    spoken = language if language in _PHRASES else FALLBACK
    subject, paragraphs = _text(f"{spoken}.short" if message.conversation else spoken)
    values = {
        "number": str(ticket_number),
        "delay": in_words(estimate(priority, commitment, answer_hours), spoken) if delay is None else delay,
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
