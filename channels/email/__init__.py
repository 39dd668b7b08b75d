"""E-mail, the channel: SMTP brings mail in, `mime` and its neighbours read it, a relay or a maildir takes answers out.

`normalise` takes the untouched bytes of one mail and raises nothing on purpose: whatever cannot be read is empty and
has a remark. `deliver` raises `Refused` for a mail that cannot be written or that the relay refuses for good, and
`Unavailable` for all that may pass.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from channels import Accept, Channel, StaffLine, WayIn
from channels.email.authenticity.verdict import judge as judge_author
from channels.email.compose import compose
from channels.email.explained import explained
from channels.email.fetched import annotated, refuse_unfetched
from channels.email.forwarded import unwrapped
from channels.email.inbound import inbound
from channels.email.machine_mail import judge
from channels.email.mime import read
from channels.email.recipients import bare, exactly_ours, mailbox, ours, reply_address
from channels.traits import Probed
from models.envelope import InboundMessage, OutboundMessage, RawMessage, Receipt

if TYPE_CHECKING:
    from aiohttp import web

    from channels.email.authenticity.names import Names
    from channels.email.sender import WayOut
    from channels.email.smtp_listener import Listener
    from config.settings import Relay, Settings


class Email(Channel):
    """Mail in by SMTP, mail out by a relay; without one, into the maildir `var/outgoing`."""

    listener: Listener
    """The listening socket, once mounted."""
    names: Names | None = None
    """Who is asked about senders, once somebody was."""

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__(name, settings)
        relays = (settings.mail.relay, *settings.mail.relays.values())
        self.repeatable = not any(relay.host for relay in relays)  # a maildir takes a mail once, however often given
        self.inquires, self.patience = settings.authenticity.dns, settings.authenticity.timeout_seconds
        self._ways_out: dict[str, WayOut] = {}
        mailboxes = [account.address for account in settings.imap.values()]
        self._own = exactly_ours([*settings.smtp.recipients, *mailboxes])
        self._ours = ours(settings.smtp.recipients)
        self._may_forward = ours(settings.mail.forwarders)

    def mount(self, app: web.Application, accept: Accept) -> None:
        """Listen for as long as `app` runs."""
        # Here, since the child that reads messages needs no server in its memory.
        from channels.email.smtp_listener import Listener

        self.listener = Listener(self.name, self.settings.smtp, accept)
        app.cleanup_ctx.append(self.listener.lifetime)
        if self.settings.imap:
            from channels.email.imap import Poller

            app.cleanup_ctx.append(Poller(self.name, self.settings, accept).lifetime)

    def ways_in(self, language: str) -> tuple[WayIn, ...]:  # noqa: ARG002 - names and addresses need no words
        """The SMTP listener."""
        smtp = self.settings.smtp
        host = f"[{smtp.host}]" if ":" in smtp.host else smtp.host
        mailboxes = [
            WayIn("IMAP", account.address, f"{account.host}: {', '.join(folder.name for folder in account.folders)}")
            for account in self.settings.imap.values()
        ]
        return (WayIn("SMTP", f"{host}:{smtp.port}", ", ".join(smtp.recipients)), *mailboxes)

    def staff_lines(self) -> tuple[StaffLine, ...]:
        """The agent's mailbox."""
        return (StaffLine(self.name, "E-mail", self._account()),)

    def title(self, address: str, language: str) -> str:  # noqa: ARG002 - all are reached by the same way
        """Mail."""
        return "E-mail"

    def _account(self) -> str:
        """Our first address; of a pattern for any domain, at the domain of our mails."""
        names = [*self.settings.smtp.recipients, *(account.address for account in self.settings.imap.values())]
        first = next((name for name in names if not set(name) & set("*?[")), names[0] if names else "support@*")
        local = first.partition("@")[0]
        return first if first in self._own else f"{local}@{self.settings.mail.domain or 'localhost'}"

    async def inquire(self, raw: RawMessage) -> RawMessage:
        """Ask the DNS about the author."""
        from channels.email.authenticity.inquiry import inquire
        from channels.email.authenticity.names import Resolver

        settings = self.settings.authenticity
        if self.names is None:
            self.names = Resolver(settings.nameservers, settings.timeout_seconds)
        evidence = await inquire(raw, self.names, settings, self.settings.acknowledge.trusted_sources)
        return msgspec.structs.replace(raw, evidence=evidence)

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """One message, whatever the bytes are."""
        return self.explain(raw, values=False)[0]

    def explain(self, raw: RawMessage, *, values: bool = True) -> tuple[tuple[InboundMessage, ...], dict[str, object]]:
        """The message of `raw`, and how it was read."""
        refuse_unfetched(raw.envelope.facts)
        mail = read(raw.body)
        # An envelope that names no recipient is not a transport's: then the Return-Path field has to say it.
        verdict = judge(mail, return_path=raw.envelope.sender if raw.envelope.recipients else None)
        author = judge_author(mail, raw, self.settings.authenticity, self.settings.acknowledge.trusted_sources)
        message = inbound(
            mail, raw.envelope, verdict, author=author, own=self._own, hostname=self.settings.smtp.hostname
        )
        if self._may_forward(message.sender.address) and not message.reply_token:
            message = unwrapped(message, mail)
        message = annotated(message, raw.envelope.facts)
        return (message,), explained(mail, verdict, message) if values else {}

    def is_ours(self, address: str) -> bool:
        """Whether `address` is one that the settings name exactly: a pattern for any domain says nothing here."""
        return bare(address) in self._own

    def could_be_ours(self, address: str) -> bool:
        """The same, patterns for any domain included."""
        return bare(address) in self._own or self._ours(address)

    def mailbox(self, address: str) -> str:
        """`address` without what its owner may add to it at will."""
        return mailbox(address)

    def reply_address(self, account: str, token: str) -> str:
        """`account` with `token` in its local part."""
        return reply_address(account, token)

    async def probe(self) -> tuple[Probed, ...]:
        """Log in to every relay and every mailbox."""
        from channels.email import probe  # the reader's child has no use for what it brings along

        return await probe.all_of(self.settings)

    async def deliver(self, outbound: OutboundMessage) -> Receipt:
        """Write `outbound` as mail and hand it over. Raises `Refused` or `Unavailable`."""
        letter = compose(outbound, sender_name=self.settings.mail.sender_name, now=datetime.now(UTC))
        return await self._way_out(outbound.account).send(letter)

    def _way_out(self, account: str) -> WayOut:
        """The relay of `account`, else the relay of all, else the maildir; each is made once."""
        mail = self.settings.mail
        name = next((name for name, relay in mail.relays.items() if ours(relay.accounts)(account)), "")
        if name not in self._ways_out:
            self._ways_out[name] = self._open(mail.relays.get(name, mail.relay))
        return self._ways_out[name]

    def _open(self, relay: Relay) -> WayOut:
        from channels.email import sender

        if not relay.host:
            return sender.Maildir(self.settings.var / "outgoing")
        return sender.Relay(relay, self.settings.smtp.hostname, self.settings.var / "tokens")
