"""The frozen values that cross folders: from the doors to accept, from reading to settle, from settle to delivery.

Nothing here knows a database, a socket or a channel. All values are immutable and serialise to MessagePack
(between a worker and its reader child) and to JSON (in the ledger's payloads).
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What the transport said about one message, before anybody looked inside it.

    `channel`, `account` and `external_id` together name the message: a second one with the same three is a
    provider's retry, answered yes and stored once.
    """

    channel: str
    """The name of the channel in the settings."""
    account: str
    """Which of our addresses received it: a mailbox, a number, a form's name."""
    external_id: str
    """The provider's id for it, or a digest of its bytes where there is none."""
    sender: str
    """Who the transport says it is from; '' for the null reverse path (RFC 5321 §4.5.5)."""
    recipients: tuple[str, ...] = ()
    """All our addresses that the transport named."""
    received_at: datetime
    """When the door had the last byte, UTC, by the door's clock."""
    remote: str = ""
    """The peer's IP address, '' where there is none."""
    trace_id: str
    """32 hex digits, made at the door; every later log line and row of this message carries it."""
    lane: str
    """The sender's identity as the door saw it. Messages of one lane are settled in order of arrival."""
    facts: dict[str, str] = {}
    """What else the transport said (HELO name, TLS version, content type), for people and for replay."""


class RawMessage(msgspec.Struct, frozen=True):
    """An envelope and the untouched bytes that came in it."""

    envelope: Envelope
    body: bytes
    evidence: dict[str, tuple[str, ...]] = {}
    """What was asked outside about its sender before it was read; the channel's own business. Never stored."""


class Address(msgspec.Struct, frozen=True):
    """Somebody's address on a channel, and the name that they gave, which proves nothing."""

    address: str
    """Lower-cased addr-spec, E.164 number or provider id; '' where it could not be read."""
    name: str = ""


class AttachedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a message, decoded."""

    filename: str
    """For display only: normalised, without path or control characters; '' where the sender gave none."""
    content_type: str
    content: bytes
    inline: bool = False
    content_id: str = ""

    @property
    def sha256(self) -> str:
        """Hex digest of the content, its name in the object store."""
        return hashlib.sha256(self.content).hexdigest()


class PendingFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the provider keeps for us: named by the message, fetched later, as work of its own."""

    reference: str
    """What the channel's `fetch` needs to find it: an id or an address; never a secret."""
    filename: str = ""
    content_type: str = ""
    size: int = 0
    """Bytes, 0 where the provider does not say."""
    sha256: str = ""
    """Hex digest that the provider gives, '' for none."""


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message from a customer, normalised: the same shape whatever channel it came by.

    Every string is free of NUL and of lone surrogates, so that PostgreSQL takes it.
    """

    sender: Address
    """The identity that it counts for. Its address is '' where nobody can be named: such mail is kept, unanswered."""
    subject: str = ""
    text: str = ""
    """Everything that was written, quotes included, as plain text."""
    reply_text: str = ""
    """The new words only."""
    html: str = ""
    """The HTML as it came, unsanitised; '' where there was none."""
    recipients: tuple[Address, ...] = ()
    """To and Cc, ours and others."""
    aliases: tuple[str, ...] = ()
    """Further addresses that the sender names as theirs (Reply-To). As little proved as the sender's own."""
    message_id: str = ""
    """The sender's id of the message, without angle brackets; '' where there was none."""
    references: tuple[str, ...] = ()
    """Ids of the messages that it answers, oldest first, without angle brackets."""
    marks: tuple[str, ...] = ()
    """What the messages of its conversation share beside their ids, each as `kind:value`."""
    circle: str = ""
    """The mailing list that it came over, where everybody may answer everybody; '' for none."""
    reply_token: str = ""
    """The signed part of our own reply address, where the message was sent to one."""
    conversation: str = ""
    """On channels of short lines: the conversation that it belongs to. Open conversations take further lines."""
    sent_at: datetime | None = None
    attachments: tuple[AttachedFile, ...] = ()
    pending: tuple[PendingFile, ...] = ()
    """Files that are still with the provider."""
    language: str = ""
    """ISO 639-1, where the channel knows it (the form's language, say); '' where triage must find out."""
    fields: dict[str, str] = {}
    """What the channel's configuration lets a sender say about the ticket: category, priority, product."""
    proof: str = "unproved"
    """How the sender's identity is known: 'proved' by a secret that they hold, 'aligned' by DMARC, 'unproved', or
    'failed': it is somebody else."""
    proof_reason: str = ""
    """What shows it, in words; '' where nothing does."""
    hearsay: bool = False
    """True where somebody else told us the sender's address: it may be anybody's."""
    machine: str = ""
    """Why nobody sits at the other end, in words, with the rule that says so; '' for a person."""
    machine_rule: str = ""
    """The acknowledgement rule (A1 … A14) that the channel itself recognised; '' for none."""
    inert: bool = False
    """True for mail that is about other mail (bounces, receipts, out-of-office): kept, never a new ticket."""
    report: DeliveryReport | None = None
    """What a bounce, delay or receipt says about a message of ours."""
    unseen: bool = False
    """True where nobody has to read it: its report counts, and no message is stored."""
    consent: str = ""
    """'stop': the sender wants nothing more from us. 'start': they take that back; without a stop, plain words."""
    also: tuple[str, ...] = ()
    """Other addresses of the same person on this channel; the provider vouches for that."""
    changes: str = ""
    """The id of an earlier message of the same sender that this one corrects or withdraws."""
    change: str = ""
    """What people read beside that earlier message."""
    answer_until: datetime | None = None
    """Until when the channel lets us answer in words of our own; None: for ever."""
    spam: str = ""
    """Why it was taken for abuse (honeypot, typed too fast); '' otherwise."""
    answer_by: str = ""
    """The channel that answers to it go out on; '' for the one that it came by."""
    answer_from: str = ""
    """Our account there; '' for the one that it came to."""
    acknowledge_to: str = ""
    """Where automatic answers go, if not to the sender: the envelope sender of a mail (RFC 3834 §4)."""
    remarks: tuple[str, ...] = ()
    """What could not be read and what was cut, one plain sentence each; shown to the agent."""
    author: str = ""
    """Who of ours wrote it, in the sender's place: agent:7. It opens a ticket of its own, whatever it resembles."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of ours opens a ticket with."""

    author: str
    """Who does: agent:7, program:3."""
    subject: str
    text: str
    address: str
    """Of whom it is about: a customer, or its author."""
    name: str = ""
    answer_by: str = ""
    """The channel of that address, on which answers go out; '': none do."""
    answer_from: str = ""
    """Our account there."""
    language: str = ""
    category: str = ""
    priority: str = ""
    product: str = ""
    once: str = ""
    """What names the order among all; '': every one is another."""


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider or a mail server says became of a message of ours."""

    state: str
    """delayed, failed, sent, delivered or read."""
    recipient: str = ""
    message_id: str = ""
    """Our Message-ID or the provider's id, '' where the report does not name it."""
    complaint: bool = False
    """True where the recipient called it abuse: they must get nothing automatic any more."""
    status: str = ""
    """Enhanced status code (RFC 3463) or the provider's error code."""
    reason: str = ""
    stopped: bool = False
    """True where the provider says that the recipient wants nothing more from us."""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A text that the provider approved, for customers whose window is closed."""

    name: str
    """The provider's name or id of it."""
    language: str = "en"
    """As the provider writes it: fr, en_US."""
    parameters: tuple[str, ...] = ()
    """What is put in the place of {{1}}, {{2}} …"""
    title: str = ""
    """For people who choose one."""
    text: str = ""
    """Its words, with {{1}}, {{2}} … in them."""
    state: str = ""
    """approved, pending, rejected …, as the provider says."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of several answers that a customer may tap."""

    id: str
    title: str
    description: str = ""


class OutboundMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message to be handed to a channel. Delivering the same value again must not look like a second message."""

    channel: str
    account: str
    """Our address that it goes out from: the one that the customer wrote to."""
    to: Address
    subject: str = ""
    text: str
    html: str = ""
    message_id: str
    """Ours, fixed when the message was queued; a repeated delivery carries the same one."""
    references: tuple[str, ...] = ()
    reply_address: str = ""
    """Where answers should go: our address with a signed token; '' for channels without one."""
    automatic: bool = False
    """True for acknowledgements and notices: marked as such, and never bounced back (RFC 3834 §3.1.8)."""
    attachments: tuple[AttachedFile, ...] = ()
    template: Template | None = None
    """Sent in the place of `text`, which then says the same for the ticket."""
    choices: tuple[Choice, ...] = ()
    """Answers to tap, on channels that have them."""
    language: str = "en"
    trace_id: str = ""


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """Who sits at the other end of a conversation, as they or their web site say."""

    name: str = ""
    email: str = ""
    """Where answers go while nobody reads them in the conversation."""
    language: str = ""
    proved: bool = False
    """True where the host site signed it."""


class LineFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a line, without its bytes."""

    id: int
    filename: str
    content_type: str
    size: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was said, as its customer may see it."""

    number: int
    """Its place: grows within a conversation."""
    direction: str
    """in (the customer's) or out (ours)."""
    id: str = ""
    """The sender's own id of it."""
    channel: str = ""
    name: str = ""
    text: str = ""
    html: bool = False
    """Whether there is a formatted version."""
    delivery: str = ""
    automatic: bool = False
    """True for what no person of ours wrote: acknowledgements."""
    at: datetime
    files: tuple[LineFile, ...] = ()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer's page asks."""

    question: bool = False
    """Whether "is it solved?" waits for an answer."""
    rating: bool = False
    """Whether a score may be given, or changed."""
    score: int | None = None
    comment: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The channel's yes: the provider has the message now."""

    provider_id: str = ""
    detail: str = ""
    quoted_as: str = ""
    """The id by which answers to it will name it, where that is not our own."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Accept's yes: the bytes are committed and flushed."""

    item_id: int
    repeated: bool = False
    """True where the same (channel, account, external id) had been accepted before."""
    altered: bool = False
    """True where it was repeated with other bytes than those stored, which stay as they are."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an accepted item, for doors that tell their sender."""

    kind: str
    """pending, ticket, appended, duplicate, machine or quarantined."""
    ticket_number: int | None = None
