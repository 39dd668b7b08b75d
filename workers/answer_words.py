"""What of an agent's message is for the customer, and which ticket it names. Pure; nothing fails.

A mail's new words come without quotes and signature already (`channels` reads them so). What programs let through
all the same is cut here: everything from our own mark on, and every address at which only the agent may be written to.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from models.seals import CODE_LENGTH

MARK = "##---- "
"""Begins the line in a notice above which is answered: what stands below it is the notice."""
_FRONT = re.compile(
    rf"""\s*(?: \#(?P<number>\d{{1,12}}) (?:-(?P<code>[a-z2-7]{{{CODE_LENGTH}}}))? (?=[\s:,.;–—-]|$)
           | (?P<plain>\d{{1,12}})\s*:(?!\d) )
        [\s:,.;–—-]*""",
    re.VERBOSE | re.IGNORECASE,
)
_CHOICE = re.compile(r"\s*(\d{1,2})\s*[.)]?\s*")
_MARKED = re.compile(rf"^[\s>|]*{re.escape(MARK.strip())}.*", re.MULTILINE | re.DOTALL)
_TOKENED = re.compile(r"[\w.-]+\+t[a-z2-9]{8,}@[\w.-]+", re.IGNORECASE)


class Named(NamedTuple):
    """A ticket that a text names in front, and what follows."""

    ticket: int
    code: str
    words: str


def for_customer(words: str, addresses: tuple[str, ...], account: str) -> str:
    """`words` without our notice, and with our own address in the place of the agent's `addresses`."""
    words = _TOKENED.sub(account, _MARKED.sub("", words))
    for address in filter(None, addresses):
        words = re.sub(re.escape(address), account, words, flags=re.IGNORECASE)
    return words.strip()


def named(text: str) -> Named | None:
    """`#123 words`, `#123-code words` or `123: words`."""
    found = _FRONT.match(text)
    if found is None:
        return None
    return Named(int(found["number"] or found["plain"]), (found["code"] or "").lower(), text[found.end() :].strip())


def chosen(text: str, tickets: tuple[int, ...]) -> int | None:
    """Which of the `tickets` that were offered a text means, which says nothing else; None for none."""
    found = _CHOICE.fullmatch(text)
    if found and 1 <= int(found[1]) <= len(tickets):
        return tickets[int(found[1]) - 1]
    given = named(text)
    return given.ticket if given and not given.words and given.ticket in tickets else None
