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
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import to_builtins

from models.envelope import Accepted, InboundMessage, OutboundMessage, Outcome, RawMessage, Receipt

if TYPE_CHECKING:
    from aiohttp import web

    from config.settings import Settings


class ChannelError(Exception):
    """Base of all that a channel or its door may raise on purpose."""


class Malformed(ChannelError):
    """These bytes cannot be read as a message of this channel. The text is the reason shown in quarantine."""


class Refused(ChannelError):
    """The provider said no for good. The text is the provider's reason, shown to the agent.

    `gone`: the address does not exist, so nothing automatic should be sent there for a while.
    """

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


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


class Accept(Protocol):
    """The gateway's one way in. Returns only after the raw bytes are committed and flushed."""

    async def __call__(self, raw: RawMessage) -> Accepted:
        """Store `raw`, or find that it is stored already. Raises `Busy` or `TooLarge`."""
        ...

    def cursor(self, name: str) -> Cursor:
        """The cursor of that name, `<channel>:<place>`; it need not exist yet."""
        ...

    async def outcome(self, channel: str, account: str, external_id: str, *, wait: float = 0.0) -> Outcome | None:
        """What became of an accepted item, waiting up to `wait` seconds for it to leave 'pending'; None if unknown."""
        ...


class WayIn(NamedTuple):
    """Where customers reach a channel, for people to read."""

    name: str
    """What it is: 'SMTP', the title of a form."""
    address: str
    """An address to write to, or to open in a browser where it begins with http."""
    detail: str = ""
    """What else one must know."""


class Channel:
    """Base of all channels. Each hook does nothing by default.

    `repeatable` says that delivering the same `OutboundMessage` twice cannot reach the customer twice, so an
    acknowledgement whose delivery was cut off may safely be delivered again. `inquires` says that `inquire` is to be
    called, for `patience` seconds at most.
    """

    repeatable: bool = False
    inquires: bool = False
    patience: float = 0.0

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Add this channel's routes to `app`, and its listeners and pollers to `app.cleanup_ctx`."""

    def ways_in(self, language: str) -> tuple[WayIn, ...]:  # noqa: ARG002 - likewise, for channels that have doors
        """Where customers come in, worded in `language`."""
        return ()

    async def inquire(self, raw: RawMessage) -> RawMessage:
        """Ask outside what `normalise` needs to judge who wrote, and add it as evidence. Called where `inquires`.

        Runs in a worker, before the message is read, and is cut off after `patience` seconds: then there is none.
        """
        return raw

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """Read `raw`. Pure: no I/O, no clock. Runs in a child process with limits. Raises `Malformed`."""
        raise NotImplementedError

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

    def explain(self, raw: RawMessage) -> tuple[tuple[InboundMessage, ...], dict[str, object]]:
        """Read `raw` as `normalise` does, and say how: values that go into JSON, by name."""
        messages = self.normalise(raw)
        return messages, to_builtins(messages[0]) if messages else {}

    async def deliver(self, outbound: OutboundMessage) -> Receipt:  # noqa: ARG002 - the hook's signature
        """Hand `outbound` to the provider. Raises `Refused` or `Unavailable`."""
        raise Refused(f"channel {self.name} has no way out")


def load(settings: Settings) -> Mapping[str, Channel]:
    """Build every channel that the settings name (`name = "module:Class"`), in the settings' order."""
    channels: dict[str, Channel] = {}
    for name, path in settings.channels.items():
        module, _, attribute = path.partition(":")
        channels[name] = getattr(importlib.import_module(module), attribute)(name, settings)
    return channels
