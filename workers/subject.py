"""Subjects: what is left of one without the marks that mail programs put before it. Pure."""

from __future__ import annotations

import re

from models.keys import hash_key

LONGEST = 500
"""Characters that are looked at."""
_ANSWERS = "re|r|r[eé]p|aw|sv|vs|antw|antwort|odp|res|ynt|vá|atb|svar|回复|回覆|答复|ответ"
_FORWARDS = "tr|fwd?|wg|rv|enc|vb|vl|pd|doorst|i|转发"
_COUNT = "\\s?(?:\\[\\d+\\]|\\(\\d+\\)|\\^\\d+|\\*\\d+)?\\s?[:\uff1a]"
_TAG = r"\[[^\[\]]{1,40}\]"
_PREFIXES = re.compile(rf"(?:\s*(?:{_ANSWERS}|{_FORWARDS}|r[eé]f){_COUNT})+", re.IGNORECASE)
_ANSWER = re.compile(rf"(?:\s*(?:{_TAG}|(?:{_FORWARDS}){_COUNT}))*\s*(?:{_ANSWERS}){_COUNT}", re.IGNORECASE)
_DECORATION = re.compile(rf"\s*(?:(?:{_ANSWERS}|{_FORWARDS}|r[eé]f){_COUNT}|{_TAG})", re.IGNORECASE)


def is_answer(subject: str) -> bool:
    """Whether a mail program marked it as an answer: "Re: …", "[list] AW: …"."""
    return _ANSWER.match(subject[:LONGEST]) is not None


def bare(subject: str) -> str:
    """`subject` without the prefixes of answers and forwards, in one case, white space folded."""
    marks = _PREFIXES.match(subject)
    return " ".join(subject[marks.end() if marks else 0 :].casefold().split())


def matter(subject: str) -> str:
    """`bare`, and without tags in brackets before it: what the answers to one mail have in common."""
    rest = subject[:LONGEST]
    while found := _DECORATION.match(rest):
        rest = rest[found.end() :]
    return " ".join(rest.casefold().split())


def subject_key(subject: str) -> int:
    """The key under which repetitions of one subject are counted (rule A18)."""
    return hash_key("subject:" + bare(subject))
