"""Tickets that somebody of ours, or one of our programs, opens: for a customer, or for themselves (perimeter IN).

`ordered` makes a raw message of an order, for the API and for pages; `normalise` reads it. The channel has no door and
no way out of its own: answers go by the channel and to the address that the order names. Such a ticket is opened anew
whatever its subject resembles, and nothing is sent to anybody because of it.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import msgspec

from channels import Channel, Malformed
from channels.clean_text import line, words
from models.envelope import Address, Envelope, InboundMessage, Order, RawMessage

ACCOUNT = "orders"


class Internal(Channel):
    """Orders."""

    def ordered(self, order: Order) -> RawMessage:
        """The order as accept wants it. One that comes again under the same `once` is the same one."""
        lane = f"{order.answer_by or self.name}:{order.address}"
        envelope = Envelope(
            channel=self.name,
            account=ACCOUNT,
            external_id=order.once or secrets.token_hex(16),
            sender=order.address,
            received_at=datetime.now(UTC),
            trace_id=secrets.token_hex(16),
            lane=lane,
            facts={"import": "ordered", "author": order.author},
        )
        return RawMessage(envelope, msgspec.json.encode(order))

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """One message an order. Raises `Malformed`."""
        try:
            order = msgspec.json.decode(raw.body, type=Order)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"not an order: {error}") from error
        text = words(order.text)
        fields = {"category": order.category, "priority": order.priority, "product": order.product, "perimeter": "IN"}
        message = InboundMessage(
            sender=Address(order.address, line(order.name)),
            subject=line(order.subject),
            text=text,
            reply_text=text,
            answer_by=order.answer_by,
            answer_from=order.answer_from,
            language=order.language,
            fields={name: value for name, value in fields.items() if value},
            hearsay=True,
            author=order.author,
        )
        return (message,)
