"""Answers that no person wrote: vacation notices, "we received your mail".

Enters: a `Mail`. Leaves: whether it says of itself that it is an automatic answer, and whether its author is away.
Words are looked for at the beginning of a subject only; a vague beginning ("Out of office") counts when the text goes
on in the same way, so that a person may ask about such mail. Pure; nothing fails.
"""

from __future__ import annotations

import re
from functools import cache

from channels.email.auto_reply_phrases import AWAY, AWAY_TEXT, SELF_NAMED
from channels.email.mail import Mail
from channels.email.phrases import any_of, expression, fold

_SEPARATED = (
    r"(?:\s*(?:$|[:;,()\[\]{}\"'«»“”【】|/]|[-–—] ?|\.(?:\s*$|\.)|(?:re|aw|fwd?|sv|vs|antw|tr)\s?:)"
    r"|(?<=[\u0e00-\u0e7f\u3040-\uffdc]))"
)
"""What must stand behind the phrase, so that it is a title and not the beginning of a sentence. CJK needs nothing."""
_BRACKETS = " [(*{【<#!"
_SUBJECT = 200
_TEXT = 1_500
"""Characters that are looked at."""


def named_automatic(mail: Mail) -> bool:
    """Whether the subject begins as an automatic answer's does, in one of some thirty languages (rule A11)."""
    subject = fold(mail.subject[:_SUBJECT]).lstrip(_BRACKETS)
    if not subject:
        return False
    if _titles(SELF_NAMED).match(subject):
        return not _asks(mail)
    return _titles(AWAY).match(subject) is not None and says_away(mail)


def says_away(mail: Mail) -> bool:
    """Whether the text begins by saying that its author is away."""
    return any_of(AWAY_TEXT).search(beginning(mail)) is not None


def is_out_of_office(mail: Mail) -> bool:
    """Whether an automatic answer is about an absence rather than, say, a confirmation that mail arrived."""
    return any_of(AWAY).match(fold(mail.subject[:_SUBJECT]).lstrip(_BRACKETS)) is not None or says_away(mail)


def beginning(mail: Mail) -> str:
    """The folded beginning of the text, on one line."""
    return " ".join(fold(mail.text[:_TEXT]).split())


@cache
def _titles(phrases: str) -> re.Pattern[str]:
    """Any of `phrases` standing by itself."""
    return re.compile(expression(phrases) + _SEPARATED)


def _asks(mail: Mail) -> bool:
    """A person's question about automatic answers: it answers no mail, says of nobody that they are away, and asks."""
    return not mail.in_reply_to and not mail.references and "?" in mail.text[:_TEXT] and not says_away(mail)
