"""The values of one settle: claimed items with what reading gave, and each message's draft as the steps fill it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from channels import Channel
from config.settings import Settings
from models.envelope import DeliveryReport, Envelope, InboundMessage, OutboundMessage
from models.ledger import Claim
from models.life.cycle import Cycle
from workers.known import KnownIdentity, KnownTicket
from workers.outlook import Outlook
from workers.resemble import Sketch
from workers.said import Said
from workers.thread import Writer
from workers.triage import Rules, Triage


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed inbox item with what reading it gave: one message or several."""

    claim: Claim
    envelope: Envelope
    messages: tuple[InboundMessage, ...]
    stored: frozenset[str] = frozenset()
    """SHA-256 of those attachments whose bytes stand in the object store."""


@dataclass(slots=True)
class Acknowledgement:
    """An acknowledgement that was decided; its ids and its text follow once all ids are drawn."""

    identity: KnownIdentity
    """Whom it goes to."""
    language: str
    outbox_id: int = 0
    message_id: int = 0
    outbound: OutboundMessage | None = None
    link: dict[str, Any] | None = None
    """The row of the link to the ticket's page that its text names, if any."""


@dataclass(slots=True)
class Draft:
    """One message on its way into the tables, with every decision about it and why."""

    item: Item
    message: InboundMessage
    fingerprint: UUID
    writer: Writer
    id: int = 0
    subject_key: int = 0
    quiet_seconds: float = 0.0
    """An acknowledgement waits until the customer was silent for so long."""
    identity: KnownIdentity | None = None
    ticket: KnownTicket | None = None
    proof: str = "unproved"
    """How the sender is known: what the channel says, or 'proved' by a seal of ours."""
    outcome: str = ""
    """ticket, appended, duplicate or machine, once decided."""
    duplicate_of: tuple[int, int | None] | None = None
    """Of a duplicate: message id and ticket id of the first one."""
    first: Draft | None = None
    """Of a duplicate within the batch: the draft that came first."""
    triage: Triage | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    """Step → why, one sentence each."""
    remarks: list[str] = field(default_factory=list)
    acknowledgement: Acknowledgement | None = None
    sketch: Sketch | None = None
    said: Said | None = None
    """What later messages of the contact are compared with."""
    resembles: tuple[Said, float] | None = None
    """What it says again, and how alike they are, from 0 to 1."""
    report: DeliveryReport | None = None
    """What it says about a message of ours."""

    @property
    def kept(self) -> bool:
        """Whether it becomes a row of its own: all do but duplicates, and what nobody has to read."""
        return self.outcome != "duplicate" and not self.message.unseen


@dataclass(frozen=True, slots=True)
class Office:
    """What every settle needs beside the batch."""

    settings: Settings
    channels: Mapping[str, Channel]
    rules: Rules
    secret: bytes
    outlook: Outlook
    """By when customers may expect an answer."""

    @property
    def cycle(self) -> Cycle:
        """The pipelines in force."""
        return Cycle.of(self.settings)
