"""The seam: a channel is one class. Doors bring raw messages in, `normalise` reads them, `deliver` carries answers out.

A channel knows neither the database nor the queue nor any other channel. Errors:

    ChannelError
    ├── Malformed     reading: these bytes cannot be a message of this channel; the item is quarantined
    ├── Refused       delivering: the provider said a permanent no; the agent is told
    ├── Unavailable   delivering: try again later
    └── AcceptError   accepting: what a door must word in its own protocol
        ├── Busy      nothing was stored; the sender should try again (451, 503)
        └── TooLarge  nothing was stored, and trying again will not help (552, 413)

Anything else that a channel raises is a bug: it is logged and treated as Unavailable.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

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
    """The provider said no for good. The text is the provider's reason, shown to the agent."""


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


class Accept(Protocol):
    """The gateway's one way in. Returns only after the raw bytes are committed and flushed."""

    async def __call__(self, raw: RawMessage) -> Accepted:
        """Store `raw`, or find that it is stored already. Raises `Busy` or `TooLarge`."""
        ...

    async def outcome(self, channel: str, account: str, external_id: str, *, wait: float = 0.0) -> Outcome | None:
        """What became of an accepted item, waiting up to `wait` seconds for it to leave 'pending'; None if unknown."""
        ...


class Channel:
    """Base of all channels. Each hook does nothing by default.

    `repeatable` says that delivering the same `OutboundMessage` twice cannot reach the customer twice, so an
    acknowledgement whose delivery was cut off may safely be delivered again.
    """

    repeatable: bool = False

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Add this channel's routes to `app`, and its listeners and pollers to `app.cleanup_ctx`."""

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """Read `raw`. Pure: no I/O, no clock. Runs in a child process with limits. Raises `Malformed`."""
        raise NotImplementedError

    def is_ours(self, address: str) -> bool:  # noqa: ARG002 - a hook: channels that have addresses answer it
        """Whether `address` is one of our own on this channel."""
        return False

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
