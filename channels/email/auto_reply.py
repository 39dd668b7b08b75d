"""Answers that no person wrote: vacation notices, "we received your mail".

Enters: a `Mail`. Leaves: whether it says of itself that it is an automatic answer, and whether its author is away.
Words are looked for at the beginning of a subject only; a vague beginning ("Out of office") counts when the text goes
on in the same way and asks for nothing, so that a person may ask about such mail, or say when they are away. Pure;
nothing fails.
"""

from __future__ import annotations

import re
from functools import cache

from channels.email.auto_reply_phrases import (
    AUTOMATIC_TEXT,
    AWAY,
    AWAY_TEXT,
    CHALLENGE,
    CHALLENGED,
    CONFIRMS,
    NOTICE,
    REQUEST,
    SELF_NAMED,
)
from channels.email.bounce_signs import QUOTED_SUBJECT
from channels.email.mail import Mail
from channels.email.phrases import any_of, expression, fold

_SEPARATED = (
    r"(?:\s*(?:$|[:;,()\[\]{}\"'«»“”【】|/]|[-–—] ?|\.(?:\s*$|\.)|(?:re|aw|fwd?|sv|vs|antw|tr)\s?:)"
    r"|(?<=[\u0e00-\u0e7f\u3040-\uffdc]))"
)
"""What must stand behind the phrase, so that it is a title and not the beginning of a sentence. CJK needs nothing."""
_BRACKETS = " [(*{【<#!"
_SENTENCE = re.compile(r"\n|(?<=[.!]) ")
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
    if _titles(AWAY).match(subject):
        return says_away(mail) and is_notice(mail)
    if any_of(CHALLENGED).match(subject):
        return "?" not in mail.text[:_TEXT] and any_of(CHALLENGE).search(beginning(mail)) is not None
    return _calls_itself_automatic(mail) and any_of(CONFIRMS).search(subject) is not None


def says_away(mail: Mail) -> bool:
    """Whether the text begins by saying that its author is away."""
    return any_of(AWAY_TEXT).search(beginning(mail)) is not None


def is_notice(mail: Mail) -> bool:
    """Whether a text by somebody who is away is a notice, and no request that names the dates."""
    text = beginning(mail)
    if "?" in text or any_of(REQUEST).search(text):
        return False
    return any_of(NOTICE).search(text) is not None or (_is_answer(mail) and not QUOTED_SUBJECT.match(mail.subject))


def _calls_itself_automatic(mail: Mail) -> bool:
    """Whether a text says of itself that no person wrote it: in a sentence of its own, not in a quote."""
    text = mail.text[:_TEXT]
    if ("utom" not in text and "自" not in text) or QUOTED_SUBJECT.match(mail.subject):
        return False
    sentences = _SENTENCE.split(fold(text))
    return any(any_of(AUTOMATIC_TEXT).match(sentence.strip(" *-_[(")) for sentence in sentences)


def _is_answer(mail: Mail) -> bool:
    return bool(mail.in_reply_to or mail.references)


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
    return not _is_answer(mail) and "?" in mail.text[:_TEXT] and not says_away(mail)
