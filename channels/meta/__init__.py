"""WhatsApp by Meta's Cloud API, the channel: signed webhooks bring messages and statuses in, the Graph API takes out.

`normalise` reads what the door stored; `deliver`, `fetch` and `templates` speak to the Graph API. Accounts are ids of
our numbers, addresses E.164 or business-scoped user ids.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from channels import Accept, Channel, Rate, Refused, Rehearsed, StaffLine, WayIn
from channels.clock import utc_now
from channels.meta.inbound import inbound
from models.envelope import (
    AttachedFile,
    InboundMessage,
    OutboundMessage,
    PendingFile,
    RawMessage,
    Receipt,
    Template,
)

if TYPE_CHECKING:
    from aiohttp import web

    from channels.meta.graph import Graph
    from config.settings import Settings


class Meta(Channel):
    """All numbers of one app."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(name, settings)
        self.quiet_seconds = settings.conversation.quiet_seconds
        self.refused.update(dict.fromkeys(("unconfigured", "unsigned", "signature"), 0))
        self._clock = clock
        self._random = random
        self._graph: Graph | None = None

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Serve the webhook. The answers are listed in `door`."""
        # Here, since the child that reads messages needs no web server in its memory.
        from channels.meta.door import Door

        door = Door(self.name, self.settings, accept, self.refused, clock=self._clock, random=self._random)
        app.add_routes(door.routes())
        if self.settings.meta.access_token.get_secret_value() and self.settings.meta.phone_number_ids:
            from channels.meta.health import Health

            app.cleanup_ctx.append(Health(self.name, self.settings.meta, accept).lifetime)

    def ways_in(self, language: str) -> tuple[WayIn, ...]:  # noqa: ARG002 - an address needs no words
        """The webhook, once it has its secret."""
        if not self.settings.meta.app_secret.get_secret_value():
            return ()
        return (WayIn("WhatsApp (Meta)", f"{self.settings.base_url}/webhooks/meta"),)

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """Every event of a webhook body. Raises `Malformed`."""
        return inbound(
            raw.body,
            raw.envelope,
            language=self.settings.triage.languages[0],
            numbers=self.settings.meta.phone_number_ids,
        )

    def rehearse(self, number: str, text: str, name: str) -> Rehearsed | None:
        """A webhook of one text message, for a stand-in of Meta on this machine."""
        from channels.meta.rehearsal import rehearsed

        return rehearsed(self.settings.meta, number, text, name, now=self._clock())

    def staff_lines(self) -> tuple[StaffLine, ...]:
        """The agent's WhatsApp, once our number is known."""
        numbers = self.settings.meta.phone_number_ids
        return (
            (StaffLine(self.name, "WhatsApp", numbers[0], telephone=True, longest=LONGEST_NOTICE),) if numbers else ()
        )

    def title(self, address: str, language: str) -> str:  # noqa: ARG002 - all are reached by the same way
        """WhatsApp."""
        return "WhatsApp"

    def rates(self, account: str, address: str) -> tuple[Rate, ...]:
        """So many a second from one number; to one customer a burst, then one in six seconds (error 131056)."""
        limits = self.settings.meta
        number = f"{self.name}:{account}"
        pace = (Rate(number, limits.per_second, limits.per_second),)
        if not limits.pair_seconds:
            return pace
        return (*pace, Rate(f"{number}:{address}", 1 / limits.pair_seconds, PAIR_BURST))

    async def deliver(self, outbound: OutboundMessage) -> Receipt:
        """Send a text, a template, choices or files. Raises `Refused` or `Unavailable`."""
        return await self._api().send(outbound)

    async def fetch(self, account: str, file: PendingFile) -> AttachedFile:  # noqa: ARG002 - ids need no account
        """Ask where a file is, and get it from there. Raises `Refused` or `Unavailable`."""
        return await self._api().media(file)

    async def templates(self, account: str) -> tuple[Template, ...]:  # noqa: ARG002 - one business account has them
        """The templates of our business account. Raises `Refused` or `Unavailable`."""
        return await self._api().templates()

    async def close(self) -> None:
        """End the connections to the Graph API."""
        if self._graph is not None:
            await self._graph.close()

    def _api(self) -> Graph:
        from channels.meta.graph import Graph

        if not self.settings.meta.access_token.get_secret_value():
            raise Refused("meta.access_token is not set: nothing can be sent or fetched")
        if self._graph is None:
            self._graph = Graph(self.settings.meta)
        return self._graph


LONGEST_NOTICE = 1_000
"""Characters of a notice to an agent: choices may stand beside so many (`outbound.LONGEST_BODY`)."""
PAIR_BURST = 45
"""Messages to one customer that Meta lets pass at once, counted against the pace of the pair."""
