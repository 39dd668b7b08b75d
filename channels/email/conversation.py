"""What a mail says about the conversation that it belongs to: ids that it answers, marks, its mailing list. Pure.

Enters: a `Mail`. Leaves: ids as `InboundMessage.references` has them, weaker marks for mails whose ids were lost on
the way, and the list that it came over. Nothing fails. Nothing of this proves anything: whoever has seen a mail can
repeat all of it.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import NamedTuple

from channels.email.mail import Mail

REFERENCES = 40
"""Ids kept: half of them from each end, the parent always among them (B27)."""
THREAD_INDEX_ROOT = 22
"""Octets of a Thread-Index that all mails of a conversation share: time and GUID of the first one ([MS-OXOMSG]
§2.2.1.3); each answer adds five."""

_LIST_NAMES = ("list-id", "x-mailing-list", "list-post", "mailing-list", "x-beenthere")
_CARETAKERS = ("sender", "errors-to", "return-path")
_TELLING = frozenset({*_LIST_NAMES, *_CARETAKERS, "thread-index"})
_ANGLED = re.compile(r"<(?:mailto:)?([^<>\s]{1,255})>")
_BARE = re.compile(r"(?:list\s+)?([^\s<>;]{1,255}@[^\s<>;]{1,255})")
_CARETAKER = re.compile(
    r"<?(?:owner-([^\s<>@+=]{1,64})|([^\s<>@+=]{1,64})-(?:bounces?|owner|errors))(?:[+=][^\s<>@]*)?(@[\w.-]+)"
)
"""Who gets a list's bounces, where the list itself does not name itself."""


class Conversation(NamedTuple):
    """What a mail says of its conversation."""

    references: tuple[str, ...]
    """Ids of the mails that it answers, oldest first, so that what In-Reply-To names stands at the end."""
    marks: tuple[str, ...]
    """The root of Outlook's Thread-Index, which survives where servers put new ids on mails."""
    circle: str
    """The mailing list that it came over, in lower case; '' for none (RFC 2919, RFC 2369 §3.4)."""


def conversation(mail: Mail) -> Conversation:
    """Read it from the headers, at one look."""
    told = {name: value for name, value in reversed(mail.headers.fields) if name in _TELLING}
    ids = _references(mail) if mail.references or mail.in_reply_to else ()
    if not told:
        return Conversation(ids, (), "")
    return Conversation(ids, _marks(told.get("thread-index", "")), _circle(told))


def _references(mail: Mail) -> tuple[str, ...]:
    """People's addresses are left out: `In-Reply-To: <ana@example.com>'s message of Friday` is old prose."""
    people = {person.address for person in (*mail.senders, *mail.to, *mail.cc, *mail.reply_to)}
    parents = [found for found in mail.in_reply_to if found.lower() not in people]
    ids = [found for found in mail.references if found not in parents and found.lower() not in people]
    ids = list(dict.fromkeys([*ids, *parents]))
    half = REFERENCES // 2
    return tuple(ids if len(ids) <= REFERENCES else [*ids[:half], *ids[-half:]])


def _marks(index: str) -> tuple[str, ...]:
    if not index:
        return ()
    try:
        octets = b64decode("".join(index.split())[:400], validate=True)
    except (binascii.Error, ValueError):
        return ()
    return (f"thread-index:{octets[:THREAD_INDEX_ROOT].hex()}",) if len(octets) >= THREAD_INDEX_ROOT else ()


def _circle(told: dict[str, str]) -> str:
    for name in _LIST_NAMES:
        value = told.get(name, "")
        if value and (found := _ANGLED.search(value) or _BARE.search(value)):
            return found[1].lower()
    for name in _CARETAKERS:
        if found := _CARETAKER.search(told.get(name, "").lower()):
            return f"{found[1] or found[2]}{found[3]}"
    return ""
