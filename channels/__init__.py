"""The seam: a channel is one class. Doors bring raw messages in, `normalise` reads them, `deliver` carries answers out.

A channel knows neither the database nor the queue nor any other channel. Errors:

    ChannelError
    ├── Malformed     reading: these bytes cannot be a message of this channel; the item is quarantined
    ├── Refused       delivering: the provider said a permanent no; the agent is told
    ├── Unavailable   delivering: try again later
    └── AcceptError   accepting: what a door must word in its own protocol
        ├── Busy      nothing was stored; the sender should try again (451, 503)
        ├── TooLarge  nothing was stored, and trying again will not help (552, 413)
        └── Lost      another gateway fetches there now; nothing was stored

Anything else that a channel raises is a bug: it is logged and treated as Unavailable.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import to_builtins

from channels.traits import Elsewhere, Probed, Rate, Rehearsed, StaffLine, WayIn
from models.envelope import (
    Accepted,
    Asked,
    AttachedFile,
    Guest,
    InboundMessage,
    Line,
    Order,
    OutboundMessage,
    Outcome,
    PendingFile,
    RawMessage,
    Receipt,
    Template,
)

if TYPE_CHECKING:
    from aiohttp import web

    from config.settings import Settings
    from models.page_link import Page

__all__ = [
    "Accept",
    "AcceptError",
    "Busy",
    "Channel",
    "ChannelError",
    "Conversations",
    "Cursor",
    "Elsewhere",
    "Lost",
    "Malformed",
    "Probed",
    "Rate",
    "Refused",
    "Rehearsed",
    "StaffLine",
    "TooLarge",
    "Unavailable",
    "WayIn",
    "load",
    "staff_lines",
]


class ChannelError(Exception):
    """Base of all that a channel or its door may raise on purpose."""


class Malformed(ChannelError):
    """These bytes cannot be read as a message of this channel. The text is the reason shown in quarantine."""


class Refused(ChannelError):
    """The provider said no for good. The text is the provider's reason, shown to the agent.

    `gone`: the address does not exist, so nothing automatic should be sent there for a while.
    `stopped`: the recipient told the provider that they want nothing more from us.
    """

    def __init__(self, reason: str, *, gone: bool = False, stopped: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone
        self.stopped = stopped


class Unavailable(ChannelError):
    """Not now. `retry_after` (seconds) is the provider's own wish, where it gave one.

    `in_doubt`: the provider may have the message all the same, since the connection broke before its answer came.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, in_doubt: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.in_doubt = in_doubt


class AcceptError(ChannelError):
    """The gateway did not take the message; nothing was stored."""


class Busy(AcceptError):
    """The store cannot commit now; the sender is to try again. `full` says that storage has run out."""

    def __init__(self, reason: str = "", *, full: bool = False) -> None:
        super().__init__(reason)
        self.full = full


class TooLarge(AcceptError):
    """The message exceeds the limit in the settings; trying again does not help."""


class Lost(AcceptError):
    """The cursor was leased to another gateway in the meantime; nothing was stored."""


class Cursor(Protocol):
    """How far a channel has fetched from a place outside. One gateway at a time holds its lease.

    Every method raises `Busy` where the database does not answer.
    """

    async def lease(self, seconds: float) -> str | None:
        """Take or renew the lease; the value stored last ('' at first), or None where another gateway has it."""
        ...

    async def release(self) -> None:
        """Give the lease back before its time."""
        ...

    async def store(self, raws: Sequence[RawMessage], value: str) -> list[Accepted]:
        """Store all of `raws` and the new value in one commit, or nothing. Raises `Busy`, `TooLarge` or `Lost`."""
        ...

    async def absent(self, keys: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """Those of `keys` (channel, account, external id) that were never accepted."""
        ...

    async def succeed(self, *, backlog: int, complaint: str = "") -> None:
        """Note for people: a look went well, so many messages are still to be fetched, and what could not be done."""
        ...

    async def fail(self, error: str) -> None:
        """Note for people: why fetching failed."""
        ...

    async def check(self, *, drift: int) -> None:
        """Note for people: so many messages lie there that should have been stored and are not."""
        ...


class Conversations(Protocol):
    """What a channel may know of what became of its messages: for channels whose customers look at the whole.

    A conversation has a key, `channel:address`: the lane of its messages and their `conversation`. Every method that
    waits raises `Busy` where the database does not answer.
    """

    async def lines(self, key: str, *, after: int = 0, most: int = 200) -> Sequence[Line]:
        """Lines that the customer may see, oldest first: up to `most` (200) beyond `after`, or with 0 the latest."""
        ...

    async def waiting(self, key: str) -> Sequence[RawMessage]:
        """What was accepted in the lane `key` and is not settled yet, oldest first."""
        ...

    async def newest(self, keys: Sequence[str]) -> Mapping[str, int]:
        """The number of the newest message under each key that has one."""
        ...

    async def guest(self, key: str) -> Guest | None:
        """Who sits at the other end, as far as they said."""
        ...

    async def introduce(self, key: str, guest: Guest) -> None:
        """Note who it is."""
        ...

    async def seen(self, key: str, number: int) -> None:
        """Note that the customer has read up to line `number`."""
        ...

    async def file(self, file_id: int, lines: Sequence[Line]) -> AttachedFile | None:
        """A file of one of `lines`; None where it belongs to none of them."""
        ...

    async def page(self, token: str) -> Page | None:
        """The ticket that a link's token opens; None for every other token, whatever the reason."""
        ...

    async def page_lines(self, page: Page) -> Sequence[Line]:
        """What the holder of the link may see, oldest first."""
        ...

    async def asked(self, page: Page) -> Asked:
        """What the page asks its holder now."""
        ...

    async def answer_solved(self, page: Page, answer: str) -> bool:
        """Take their "yes" or "no" to whether it is solved. False where that is not asked (any more)."""
        ...

    async def rate(self, page: Page, score: int, comment: str) -> bool:
        """Take how satisfied they are, 1 to 5. False where that is not asked (any more)."""
        ...

    async def html(self, page: Page, number: int) -> str | None:
        """The HTML of one of those lines, as it came; None where there is none."""
        ...

    async def renew(self, number: int, address: str) -> None:
        """Send a fresh link of ticket `number` to `address`, if links were made for that address before."""
        ...

    def watch(self, hear: Callable[[str, str, str], None]) -> None:
        """Call `hear(key, kind, detail)` for every hint from now on. Hints may get lost: look from time to time."""
        ...

    def hint(self, key: str, kind: str = "said", detail: str = "") -> None:
        """Tell everybody who watches."""
        ...


class Accept(Protocol):
    """The gateway's one way in. Returns only after the raw bytes are committed and flushed."""

    async def __call__(self, raw: RawMessage) -> Accepted:
        """Store `raw`, or find that it is stored already. Raises `Busy` or `TooLarge`."""
        ...

    def cursor(self, name: str) -> Cursor:
        """The cursor of that name, `<channel>:<place>`; it need not exist yet."""
        ...

    @property
    def conversations(self) -> Conversations:
        """What became of the messages, for channels that show it."""
        ...

    async def outcome(self, channel: str, account: str, external_id: str, *, wait: float = 0.0) -> Outcome | None:
        """What became of an accepted item, waiting up to `wait` seconds for it to leave 'pending'; None if unknown."""
        ...


class Channel:
    """Base of all channels. Each hook does nothing by default.

    `repeatable` says that delivering the same `OutboundMessage` twice cannot reach the customer twice, so an
    acknowledgement whose delivery was cut off may safely be delivered again. `inquires` says that `inquire` is to be
    called, for `patience` seconds at most.
    """

    repeatable: bool = False
    inquires: bool = False
    patience: float = 0.0
    quiet_seconds: float = 0.0
    """On channels of short lines: an acknowledgement waits until its sender was silent for so long."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self.refused: Counter[str] = Counter()
        """What the door turned away since this process began, by reason."""

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Add this channel's routes to `app`, and its listeners and pollers to `app.cleanup_ctx`."""

    def ways_in(self, language: str) -> tuple[WayIn, ...]:  # noqa: ARG002 - likewise, for channels that have doors
        """Where customers come in, worded in `language`."""
        return ()

    def staff_lines(self) -> tuple[StaffLine, ...]:
        """The lines on which people of ours are told of work and answer. None on channels that cannot tell who writes.

        Whoever offers one vouches for senders: a `proof` of 'aligned' or 'proved' is then that of an agent's address.
        """
        return ()

    def title(self, address: str, language: str) -> str:  # noqa: ARG002 - likewise
        """What people call the way by which `address` is reached."""
        return self.name

    async def inquire(self, raw: RawMessage) -> RawMessage:
        """Ask outside what `normalise` needs to judge who wrote, and add it as evidence. Called where `inquires`.

        Runs in a worker, before the message is read, and is cut off after `patience` seconds: then there is none.
        """
        return raw

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """Read `raw`. Pure: no I/O, no clock. Runs in a child process with limits. Raises `Malformed`."""
        raise NotImplementedError

    def noted(self, note: Mapping[str, str]) -> RawMessage | None:  # noqa: ARG002 - likewise
        """What somebody of ours wrote down by hand, as the raw message that `normalise` reads.

        None on channels where nothing is written down; ValueError, in words, for a note that cannot be one.
        """
        return None

    def ordered(self, order: Order) -> RawMessage | None:  # noqa: ARG002 - likewise
        """What somebody of ours opens a ticket with, as the raw message that `normalise` reads; None elsewhere."""
        return None

    def rehearse(self, number: str, text: str, name: str) -> Rehearsed | None:  # noqa: ARG002 - likewise
        """What the provider would send if `number` wrote `text`, signed; `name` is letters that no other message has.

        None where nothing may be rehearsed: answers would go to real people wherever the provider is the real one.
        """
        return None

    def is_ours(self, address: str) -> bool:  # noqa: ARG002 - a hook: channels that have addresses answer it
        """Whether `address` is one of our own on this channel."""
        return False

    def could_be_ours(self, address: str) -> bool:
        """Whether `address` may be one of ours, as far as the settings can say."""
        return self.is_ours(address)

    def mailbox(self, address: str) -> str:
        """The mailbox that `address` leads to, where several lead to the same one."""
        return address

    def reply_address(self, account: str, token: str) -> str:  # noqa: ARG002 - likewise
        """Our address that carries `token`, for answers to be told apart; '' on channels that have none."""
        return ""

    def parts(self, account: str, text: str) -> int:  # noqa: ARG002 - likewise
        """How many messages `text` becomes on its way from `account`; 0 where length does not matter."""
        return 0

    def elsewhere(self) -> Elsewhere | None:
        """What becomes of answers that the customer does not come to read; None on channels that carry them home."""
        return None

    def explain(self, raw: RawMessage) -> tuple[tuple[InboundMessage, ...], dict[str, object]]:
        """Read `raw` as `normalise` does, and say how: values that go into JSON, by name."""
        messages = self.normalise(raw)
        return messages, to_builtins(messages[0]) if messages else {}

    async def deliver(self, outbound: OutboundMessage) -> Receipt:  # noqa: ARG002 - the hook's signature
        """Hand `outbound` to the provider. Raises `Refused` or `Unavailable`."""
        raise Refused(f"channel {self.name} has no way out")

    def rates(self, account: str, address: str) -> tuple[Rate, ...]:  # noqa: ARG002 - likewise
        """The paces that a message from `account`, ours, to `address` must keep to."""
        return ()

    async def fetch(self, account: str, file: PendingFile) -> AttachedFile:  # noqa: ARG002 - likewise
        """Get a file that the provider keeps for us. Raises `Refused` (gone for good) or `Unavailable`."""
        raise Refused(f"channel {self.name} keeps no files")

    async def probe(self) -> tuple[Probed, ...]:
        """Try what this channel depends on outside, changing nothing there. Raises nothing."""
        return ()

    async def templates(self, account: str) -> tuple[Template, ...]:  # noqa: ARG002 - likewise
        """The approved texts of `account`, asked from the provider. Raises `Refused` or `Unavailable`."""
        return ()

    async def close(self) -> None:
        """Give back what `deliver` and `fetch` keep open."""


def staff_lines(channels: Mapping[str, Channel]) -> dict[str, tuple[str, StaffLine]]:
    """Every line by its name, with its channel's: what an agent may choose to be told by."""
    return {line.name: (name, line) for name, channel in channels.items() for line in channel.staff_lines()}


def load(settings: Settings) -> Mapping[str, Channel]:
    """Build every channel that the settings name (`name = "module:Class"`), in the settings' order."""
    channels: dict[str, Channel] = {}
    for name, path in settings.channels.items():
        module, _, attribute = path.partition(":")
        channels[name] = getattr(importlib.import_module(module), attribute)(name, settings)
    return channels
