"""What a channel says of itself when it is asked: ways in, lines of our own people, paces. Values, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Elsewhere(NamedTuple):
    """Where answers go too that nobody reads on their own channel."""

    seconds: float
    """How long an answer stays unread before."""
    channel: str
    account: str
    """Our address there."""


class WayIn(NamedTuple):
    """Where customers reach a channel, for people to read."""

    name: str
    """What it is: 'SMTP', the title of a form."""
    address: str
    """An address to write to, or to open in a browser where it begins with http."""
    detail: str = ""
    """What else one must know."""


class StaffLine(NamedTuple):
    """A line on which people of ours are told of work, and answer customers."""

    name: str
    """What an agent chooses it by: the channel's name, `:` and the part where it has several."""
    title: str
    """What people call it."""
    account: str
    """Our address that it goes out from; '' where the settings name none."""
    telephone: bool = False
    """Whether their telephone is reached; else their mailbox."""
    before: str = ""
    """What stands before the number in addresses."""
    longest: int = 0
    """Characters that one message should not exceed; 0: as many as there are."""
    forgeable: bool = False
    """Whether a sender's number can be forged on it, whatever the provider signs: then a code proves who answers."""

    def address(self, email: str, telephone: str) -> str:
        """Where somebody is reached on it; '' where they are not."""
        if not self.telephone:
            return email.lower()
        return self.before + telephone if telephone else ""


class Probed(NamedTuple):
    """What came of trying one thing that a channel depends on."""

    name: str
    ok: bool
    said: str
    """What was found; or what is wrong and what to do about it."""


class Rehearsed(NamedTuple):
    """A request as a provider would send it, for rehearsals."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    external_id: str


class Rate(NamedTuple):
    """A pace that a provider asks for: `burst` messages at once, then one each 1/`per_second` seconds."""

    key: str
    """Who keeps to it together: a number of ours, or a pair of numbers."""
    per_second: float
    burst: float = 1.0
