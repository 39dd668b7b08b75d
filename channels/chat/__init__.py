"""The chat channel: customers write in a window on a web site, and read our answers there.

A line becomes bytes at the door (`door`, `session`), a message when it is read (`said`). Our answers stand in the
conversation as soon as they are written: the window fetches them, and `deliver` has nothing left to carry. What nobody
comes to read goes out elsewhere (`elsewhere`). docs/chat.md describes the protocol.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from channels import Accept, Channel, Elsewhere, WayIn
from channels.chat import said
from channels.clock import utc_now
from models.envelope import InboundMessage, OutboundMessage, RawMessage, Receipt

if TYPE_CHECKING:
    from aiohttp import web

    from config.settings import Settings

WINDOW = {"fr": "Fenêtre de discussion", "en": "Chat window"}


class Chat(Channel):
    """The chat window of all web sites in the settings."""

    repeatable = True

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
        """Serve /chat. The answers are listed in `door`."""
        # Here, since the child that reads messages needs no web server in its memory.
        from channels.chat.door import Door

        Door(self.name, self.settings, accept, clock=self._clock, random=self._random).mount(app)

    def ways_in(self, language: str) -> tuple[WayIn, ...]:
        """A page of ours that shows the window."""
        return (WayIn(WINDOW.get(language, WINDOW["en"]), f"{self.settings.base_url}/chat/example?lang={language}"),)

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """One message a line. Raises `Malformed`."""
        return (said.read(said.decode(raw.body), raw.envelope),)

    def elsewhere(self) -> Elsewhere:
        """By mail, where the visitor gave an address."""
        chat = self.settings.chat
        return Elsewhere(chat.absence_seconds, chat.answer_by, chat.answer_from)

    async def deliver(self, outbound: OutboundMessage) -> Receipt:  # noqa: ARG002 - nothing is left to carry
        """Say yes: the line stands in the conversation, and the hint that follows makes open windows look."""
        return Receipt()
