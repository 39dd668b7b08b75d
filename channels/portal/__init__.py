"""The customer's own page of a ticket: /t/{token} shows it, takes a reply, gives its files.

A reply becomes bytes at the door (`door`), a message when it is read (`reply`): it counts as the identity that the link
was made for, and answers go out where they went before. The page has no way out of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from channels import Accept, Channel
from channels.clock import utc_now
from channels.portal import reply
from models.envelope import InboundMessage, RawMessage

if TYPE_CHECKING:
    from aiohttp import web

    from config.settings import Settings


class Portal(Channel):
    """The pages of all tickets."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(name, settings)
        self._clock = clock
        self._random = random

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Serve /t. The answers are listed in `door`."""
        # Here, since the child that reads messages needs neither a web server nor templates in its memory.
        from channels.portal.door import Door

        Door(self.name, self.settings, accept, clock=self._clock, random=self._random).mount(app)

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """One message. Raises `Malformed`."""
        return (reply.read(reply.decode(raw.body), raw.envelope),)
