"""Twilio, the channel: WhatsApp, SMS and calls come in by signed webhooks, answers go out by its REST API.

`normalise` reads what the door stored; `deliver`, `fetch` and `templates` speak to Twilio. Accounts are our numbers,
addresses theirs, as Twilio writes them: `+33612345678` for SMS and calls, `whatsapp:+33612345678` for WhatsApp. What
somebody consented to on one of the two says nothing about the other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from channels import Accept, Channel, Rate, Refused, Rehearsed, StaffLine, WayIn
from channels.clock import utc_now
from channels.twilio.accounts import WHATSAPP, accounts
from channels.twilio.inbound import inbound
from channels.twilio.outbound import LONGEST_TEXT
from channels.twilio.segments import segments
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

    from channels.twilio.rest import Rest
    from config.settings import Settings

LONGEST_NOTICE = 1_000
"""Characters of a notice to an agent by WhatsApp."""
LONGEST_SMS = 306
"""Characters of a notice to an agent by SMS: two parts of 153 (GSM 03.38)."""
PAIR_BURST = 45
"""Messages to one WhatsApp customer that pass at once, counted against the pace of the pair."""


class Twilio(Channel):
    """All numbers of all accounts."""

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
        self._rest: Rest | None = None

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Serve the webhooks, which `door` lists, and compare Twilio's list with ours."""
        # Here, since the child that reads messages needs no web server in its memory.
        from channels.twilio.door import Door
        from channels.twilio.shared_file import route

        door = Door(self.name, self.settings, accept, self.refused, clock=self._clock, random=self._random)
        app.add_routes([*door.routes(), route(self.settings, self._clock)])
        if accounts(self.settings.twilio) and self.settings.twilio.reconcile_seconds:
            from channels.twilio.reconcile import Reconciliation

            app.cleanup_ctx.append(Reconciliation(self.name, self.settings, accept, clock=self._clock).lifetime)

    def ways_in(self, language: str) -> tuple[WayIn, ...]:  # noqa: ARG002 - addresses need no words
        """The webhooks, once they have their secret."""
        known = accounts(self.settings.twilio)
        numbers = ", ".join(number for account in known for number in account.numbers)
        url = f"{self.settings.base_url}/webhooks/twilio"
        return (WayIn("WhatsApp, SMS (Twilio)", url, numbers), WayIn("Voice (Twilio)", f"{url}/voice")) if known else ()

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """What one request says. Raises `Malformed`."""
        return inbound(raw.body, raw.envelope, self.settings)

    def rehearse(self, number: str, text: str, name: str) -> Rehearsed | None:
        """A request about one message, for a stand-in of Twilio on this machine: WhatsApp and SMS by turns."""
        from channels.twilio.rehearsal import rehearsed

        return rehearsed(self.settings, number, text, name)

    def parts(self, account: str, text: str) -> int:
        """Segments of an SMS, messages of WhatsApp."""
        return -(-len(text) // LONGEST_TEXT) if account.startswith(WHATSAPP) else segments(text)

    def staff_lines(self) -> tuple[StaffLine, ...]:
        """The agent's WhatsApp and SMS, once a number of ours is known."""
        number = next((number for account in accounts(self.settings.twilio) for number in account.numbers), "")
        if not number:
            return ()
        whatsapp = StaffLine(f"{self.name}:whatsapp", "WhatsApp (Twilio)", WHATSAPP + number, telephone=True)
        sms = StaffLine(self.name, "SMS", number, telephone=True, longest=LONGEST_SMS, forgeable=True)
        return whatsapp._replace(before=WHATSAPP, longest=LONGEST_NOTICE), sms

    def title(self, address: str, language: str) -> str:  # noqa: ARG002 - names need no words
        """WhatsApp or SMS."""
        return "WhatsApp" if address.startswith(WHATSAPP) else "SMS"

    def rates(self, account: str, address: str) -> tuple[Rate, ...]:
        """So many a second from one number; to one customer of WhatsApp a burst, then one in six seconds."""
        limits = self.settings.twilio
        number = f"{self.name}:{account}"
        if not account.startswith(WHATSAPP):
            return (Rate(number, limits.sms_per_second, max(1.0, limits.sms_per_second)),)
        pace = (Rate(number, limits.whatsapp_per_second, max(1.0, limits.whatsapp_per_second)),)
        if not limits.pair_seconds:
            return pace
        return (*pace, Rate(f"{number}:{address}", 1 / limits.pair_seconds, PAIR_BURST))

    async def deliver(self, outbound: OutboundMessage) -> Receipt:
        """Send a text or a template. Raises `Refused` or `Unavailable`."""
        return await self._api().send(outbound)

    async def fetch(self, account: str, file: PendingFile) -> AttachedFile:
        """Get a file or a recording. Raises `Refused` or `Unavailable`."""
        return await self._api().media(account, file)

    async def templates(self, account: str) -> tuple[Template, ...]:
        """The templates of the account that has this number. Raises `Refused` or `Unavailable`."""
        return await self._api().templates(account)

    async def close(self) -> None:
        """End the connections to Twilio."""
        if self._rest is not None:
            await self._rest.close()

    def _api(self) -> Rest:
        from channels.twilio.rest import Rest

        if not accounts(self.settings.twilio):
            raise Refused("twilio.account_sid and twilio.auth_token are not set: nothing can be sent or fetched")
        if self._rest is None:
            self._rest = Rest(self.settings)
        return self._rest
