"""A webhook body of Meta becomes messages and delivery reports. Pure.

Enters: one body, of one event as the door stores it or of many. Leaves: an `InboundMessage` for each event. Raises
`Malformed` for what is no webhook of WhatsApp, or of a number that is not ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from channels import Malformed
from channels.clean_text import line, says_something, words
from channels.meta.batch import UNREADABLE
from channels.meta.content import Content, Message, content, error_text, errors, part, parts
from channels.meta.identity import address_of
from channels.wordless import say
from models.envelope import Address, DeliveryReport, Envelope, InboundMessage

WINDOW = timedelta(hours=24)
"""So long after a customer's message we may answer in words of our own."""
STATES = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed"}


def inbound(body: bytes, envelope: Envelope, *, language: str, numbers: Collection[str]) -> tuple[InboundMessage, ...]:
    """Every event of `body`. `numbers`: ids of our numbers; empty where all are ours."""
    try:
        whole = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise Malformed(f"not JSON: {error}") from error
    if part(whole).get("object") != "whatsapp_business_account":
        raise Malformed(f"not of WhatsApp, but of {line(part(whole).get('object')) or 'nothing named'}")
    if not all(isinstance(entry, dict) and isinstance(entry.get("changes"), list) for entry in whole.get("entry", ())):
        raise Malformed("an entry without changes")
    read = _Reading(envelope, language, numbers)
    return tuple(
        message for entry in parts(whole["entry"]) for change in entry["changes"] for message in read.change(change)
    )


class _Reading:
    """What the events of one body share."""

    def __init__(self, envelope: Envelope, language: str, numbers: Collection[str]) -> None:
        self.envelope = envelope
        self.language = language
        self.numbers = numbers

    def change(self, change: Any) -> Iterator[InboundMessage]:
        """The events of one change."""
        value = part(change, "value")
        if not value:
            raise Malformed("a change without a value")
        account = line(part(value, "metadata").get("phone_number_id"))
        if self.numbers and account and account not in self.numbers:
            raise Malformed(f"the number {account} is not among meta.phone_number_ids; add it, then retry")
        messages, statuses = value.get("messages", []), value.get("statuses", [])
        if not messages and not statuses:
            yield _about_the_account(part(change))
        names = _names(value)
        for message in messages:
            yield self.message(message, account, names)
        for status in statuses:
            yield report(status)

    def message(self, message: Any, account: str, names: dict[str, str]) -> InboundMessage:
        """One message of a customer, or a notice about one. Raises `Malformed` for one that names no sender or id."""
        if not isinstance(message, dict) or not words(message.get("id")):
            raise Malformed("a message without an id")
        address = address_of(message.get("from"), message.get("from_user_id"))
        if not address:
            raise Malformed("a message without a sender")
        # The scoped id stays when the customer hides the number: it names the conversation wherever it is given.
        person = words(message.get("from_user_id")) or address
        found = content(message, self.language)
        sent_at = _moment(message.get("timestamp"))
        return InboundMessage(
            sender=Address(address, names.get(address, "")),
            subject="" if says_something(found.text) else say(self.language, "message_from", address),
            text=found.text,
            reply_text=found.text,
            message_id=words(message["id"]),
            references=(*found.references, *_context(message)),
            conversation=f"{self.envelope.channel}:{account or self.envelope.account}:{person}",
            sent_at=sent_at,
            pending=found.files,
            proof="proved",
            machine=found.notice,
            inert=bool(found.notice),
            also=tuple({person, found.moved_to} - {address, ""}),
            changes=found.changes,
            change=found.change,
            answer_until=None if found.notice else (sent_at or self.envelope.received_at) + WINDOW,
            remarks=(*found.remarks, *self._circumstances(message, found)),
        )

    def _circumstances(self, message: Message, found: Content) -> Iterator[str]:
        """What else is said about it."""
        context, referral = part(message, "context"), part(message, "referral")
        if context.get("forwarded") is True or context.get("frequently_forwarded") is True:
            yield say(self.language, "forwarded")
        if product := line(part(context, "referred_product").get("product_retailer_id")):
            yield say(self.language, "product", product)
        if referral:
            told = [line(referral.get(name), 400) for name in ("headline", "body", "source_url")]
            yield say(self.language, "advertisement", " · ".join(filter(None, told)) or line(referral.get("source_id")))
        if not found.remarks:
            yield from errors(message)


def report(status: Any) -> InboundMessage:
    """What became of a message of ours. Our own id comes back as `biz_opaque_callback_data`."""
    if not isinstance(status, dict) or not words(status.get("id")):
        raise Malformed("a status without an id")
    state = STATES.get(line(status.get("status")))
    problems = parts(status.get("errors"))
    told = DeliveryReport(
        state=state or "",
        recipient=address_of(status.get("recipient_id"), status.get("recipient_user_id")),
        message_id=words(status.get("biz_opaque_callback_data")) or words(status["id"]),
        status=str(problems[0].get("code", ""))[:20] if problems else "",
        reason=error_text(problems[0]).partition(" ")[2] if problems else "",
    )
    return InboundMessage(
        sender=Address(""), machine="A delivery report.", machine_rule="A2", inert=True, unseen=True, report=told
    )


def _about_the_account(change: Message) -> InboundMessage:
    """What concerns our account and no customer: templates, quality, alerts. The inbox keeps it."""
    what = f"A notice of Meta: {line(change.get('field')) or 'unnamed'}."
    return InboundMessage(sender=Address(""), machine=what, machine_rule="A2", inert=True, unseen=True)


def _names(value: Message) -> dict[str, str]:
    """Address → name, from the contact cards of a change."""
    names = {}
    for card in parts(value.get("contacts")):
        name = line(part(card, "profile").get("name")) or line(part(card, "profile").get("username"))
        for address in (address_of(card.get("wa_id")), address_of("", card.get("user_id"))):
            if address:
                names[address] = name
    return names


def _context(message: Message) -> tuple[str, ...]:
    """The message that it quotes."""
    quoted = words(part(message, "context").get("id"))
    return (quoted,) if quoted else ()


def _moment(stamp: Any) -> datetime | None:
    """Seconds since 1970, as digits."""
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
