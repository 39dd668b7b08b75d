"""Webhooks that go out: who is told of what, and how far each telling got. See docs/webhooks-out.md.

    subscription   enabled ⇄ disabled (by hand, by 410, or after five days of failures)
    delivery       pending ──2xx──▶ done
                      │ └─otherwise─▶ pending, due later … ──schedule over──▶ dead ──replay──▶ pending

As in the ledger there is no state for "being sent": a claimed delivery is not due, and `attempts` is the fence.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Boolean, Index, text
from sqlmodel import Column, Field, Integer, SQLModel

from models.columns import Moment, key, link, moment, one_of, words, words_list

STATES = ("pending", "done", "dead")

EVENTS = {
    "ticket.created": "a ticket was opened",
    "ticket.changed": "a field of a ticket changed: which, from what, to what, by whom",
    "message.received": "a customer's message joined a ticket",
    "message.sent": "an answer was written to a customer",
    "message.noted": "an internal note was written",
    "message.delivery": "what became of an answer: delayed, failed or unknown",
    "webhook.test": "somebody asked for a test",
}
"""Event → what has happened."""


class WebhookSubscription(SQLModel, table=True):
    """An address that is told of events."""

    __tablename__: ClassVar[str] = "webhook_subscription"

    id: int = key()
    url: str = words()
    description: str = words()
    events: list[str] = words_list()
    every_team: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    teams: list[str] = words_list()
    """Whose tickets it is told of, and of those of no team; ignored with `every_team`."""
    nonce: str = words()
    """What its secret is made from, with the installation's key: the secret itself is stored nowhere."""
    previous_nonce: str = words()
    previous_until: Moment = moment(nullable=True)
    """Until when deliveries are signed with the secret before, too."""
    created_by: str = words()
    created_at: Moment = moment(now=True)
    failing_since: Moment = moment(nullable=True)
    disabled_at: Moment = moment(nullable=True)
    disabled_reason: str = words()


class WebhookCursor(SQLModel, table=True):
    """How far the events of one table have been told."""

    __tablename__: ClassVar[str] = "webhook_cursor"

    name: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, nullable=False))


class WebhookEvent(SQLModel, table=True):
    """Something that happened, as it is told."""

    __tablename__: ClassVar[str] = "webhook_event"
    __table_args__ = (Index("webhook_event_key", "key", unique=True), Index("webhook_event_age", "created_at"))

    id: int = key()
    key: str = words()
    """The `webhook-id`: the same for everybody who is told, and whenever it is told again."""
    kind: str = words()
    ticket_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    payload: str = words()
    """The body, byte for byte as it is signed."""
    created_at: Moment = moment(now=True)


class WebhookDelivery(SQLModel, table=True):
    """The duty to tell one subscription of one event."""

    __tablename__: ClassVar[str] = "webhook_delivery"
    __table_args__ = (
        one_of("state", STATES),
        Index("webhook_delivery_once", "subscription_id", "event_id", unique=True),
        Index("webhook_delivery_event", "event_id"),
        Index("webhook_delivery_pending", "subscription_id", "id", postgresql_where=text("state = 'pending'")),
    )

    id: int = key()
    subscription_id: int = link("webhook_subscription.id", nullable=False, delete="CASCADE")
    event_id: int = link("webhook_event.id", nullable=False, delete="CASCADE")
    state: str = words("pending")
    due_at: Moment = moment(now=True)
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    last_status: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    last_error: str = words()
    created_at: Moment = moment(now=True)
    settled_at: Moment = moment(nullable=True)


class WebhookAttempt(SQLModel, table=True):
    """One try, and how it went."""

    __tablename__: ClassVar[str] = "webhook_attempt"
    __table_args__ = (Index("webhook_attempt_delivery", "delivery_id", "id"),)

    id: int = key()
    delivery_id: int = link("webhook_delivery.id", nullable=False, delete="CASCADE")
    at: Moment = moment(now=True)
    status: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    """The HTTP status; NULL where none came."""
    milliseconds: int = 0
    error: str = words()
