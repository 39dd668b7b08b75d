"""The ticket, what was said in it, and what happened to it.

status   open → in_progress ⇄ waiting → resolved → closed        (a follow-up reopens)
message  in | out | note | machine
delivery (out only)  queued → delayed → sent → failed → delivered → read; each may be left out, never backwards
proof    how the sender is known: proved by a seal of ours, aligned (DMARC), unproved, or failed: somebody else
file     pending (still with the provider) → stored, or unavailable
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, text
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlmodel import Column, Field, SQLModel

from models.columns import Moment, document, key, link, moment, octets, one_of, words, words_list

STATUSES = ("open", "in_progress", "waiting", "resolved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
COMMITMENT_HOURS = (2, 4, 6, 8, 24, 48, 72)
PERIMETERS = ("IN", "OUT")
PROOFS = ("proved", "aligned", "unproved", "failed")
DIRECTIONS = ("in", "out", "note", "machine")
DELIVERY_STATES = ("", "queued", "delayed", "sent", "delivered", "read", "failed", "unknown")
FILE_STATES = ("stored", "pending", "unavailable")


class Ticket(SQLModel, table=True):
    """One matter of one customer (requirement T1)."""

    __tablename__: ClassVar[str] = "ticket"
    __table_args__ = (
        one_of("status", STATUSES),
        one_of("priority", PRIORITIES),
        one_of("commitment_hours", COMMITMENT_HOURS, nullable=True),
        one_of("perimeter", PERIMETERS),
        one_of("level", (1, 2, 3)),
        Index("ticket_contact", "contact_id", "id"),
        Index("ticket_conversation", "conversation", postgresql_where=text("conversation <> ''")),
        Index("ticket_unresolved", "id", postgresql_where=text("status NOT IN ('resolved', 'closed')")),
        Index(
            "ticket_queue",
            "status",
            "team",
            "assignee_id",
            "priority",
            "snoozed_until",
            postgresql_where=text("status NOT IN ('resolved', 'closed') AND merged_into IS NULL"),
        ),
        Index("ticket_resolved", "resolved_at", postgresql_where=text("status = 'resolved'")),
        Index("ticket_snoozed", "snoozed_until", postgresql_where=text("snoozed_until IS NOT NULL")),
        Index(
            "ticket_unassigned",
            "id",
            postgresql_where=text("assignee_id IS NULL AND status NOT IN ('resolved', 'closed')"),
        ),
        Index(
            "ticket_assigned",
            "assignee_id",
            "id",
            postgresql_where=text("assignee_id IS NOT NULL AND status NOT IN ('resolved', 'closed')"),
        ),
        Index("ticket_continues", "continues", postgresql_where=text("continues IS NOT NULL")),
        Index("ticket_ended", "updated_at", postgresql_where=text("status = 'closed' AND emptied_at IS NULL")),
    )

    id: int = key()
    """The tracking number."""
    subject: str = words()
    status: str = words("open")
    priority: str = words("normal")
    commitment_hours: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    """Hours within which it must be closed; NULL: standard."""
    category: str = words("other")
    product: str = words()
    perimeter: str = words("OUT")
    pipeline: str = words("default")
    stage: str = words("new")
    level: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False, server_default="1"))
    contact_id: int = link("contact.id", nullable=False)
    channel: str = words()
    account: str = words()
    """Our address that the customer wrote to."""
    answer_channel: str = words()
    """The channel that answers go out on."""
    answer_address: str = words()
    """Where answers go to."""
    answer_account: str = words()
    """Our address that answers go out from."""
    conversation: str = words()
    assignee_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    team: str = words()
    language: str = words()
    tags: list[str] = words_list()
    participants: list[str] = words_list()
    """`channel:address` of all who take part, its opener first: who may join by naming one of its messages."""
    guests: list[str] = words_list()
    """The same of those who were not asked in: what they add is kept, and nothing is told to them because of it."""
    merged_into: int | None = link("ticket.id")
    continues: int | None = link("ticket.id")
    """The closed ticket that this one takes up again."""
    message_count: int = 0
    acknowledged_at: Moment = moment(nullable=True)
    created_at: Moment = moment(now=True)
    updated_at: Moment = moment(now=True)
    resolved_at: Moment = moment(nullable=True)
    emptied_at: Moment = moment(nullable=True)
    """When its words, names and files were removed: its time had passed, or its customer was erased."""
    snoozed_until: Moment = moment(nullable=True)
    """Put off until then; whatever its customer writes takes it up at once."""
    transfers: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    """How often it was handed from one agent or team to another."""


class Message(SQLModel, table=True):
    """One thing that was said, or that a machine reported, in order of its id."""

    __tablename__: ClassVar[str] = "message"
    __table_args__ = (
        one_of("direction", DIRECTIONS),
        one_of("delivery", DELIVERY_STATES),
        one_of("proof", PROOFS),
        Index("message_ticket", "ticket_id", "id"),
        Index("message_sender", "identity_id", "created_at"),
        Index("message_fingerprint", "fingerprint", unique=True),
        Index("message_sent", "external_id", postgresql_where=text("direction = 'out'")),
    )

    id: int = key()
    ticket_id: int | None = link("ticket.id")
    """NULL only for machine mail that concerns no ticket."""
    home_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    """The ticket in which it would stand without a merge; NULL: this one."""
    inbox_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    direction: str = words("in")
    channel: str = words()
    identity_id: int | None = link("identity.id")
    sender: str = words()
    sender_name: str = words()
    external_id: str = words()
    """Message-ID or the provider's id."""
    subject: str = words()
    subject_key: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Hash of the bare subject, for counting repetitions (rule A18)."""
    text: str = words()
    reply_text: str = words()
    html: str = words()
    proof: str = words("unproved")
    reasons: dict[str, object] = document()
    """Why it was threaded, triaged, acknowledged as it was: one sentence a step."""
    remarks: list[str] = words_list()
    fingerprint: UUID | None = Field(default=None, sa_column=Column(PgUUID(as_uuid=True), nullable=True))
    """Digest of who said what: the same message by a second route has the same one."""
    sketch: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """What it said, as hashes of its words, for recognising near-duplicates; NULL where it says too little."""
    delivery: str = words()
    delivery_detail: str = words()
    trace_id: str = words()
    sent_at: Moment = moment(nullable=True)
    received_at: Moment = moment(nullable=True)
    created_at: Moment = moment(now=True)


class Attachment(SQLModel, table=True):
    """A file of a message; its bytes stand in the row, or in the object store under their SHA-256."""

    __tablename__: ClassVar[str] = "attachment"
    __table_args__ = (
        one_of("state", FILE_STATES),
        Index("attachment_message", "message_id"),
        Index("attachment_object", "sha256", postgresql_where=text("content IS NULL AND sha256 <> ''")),
    )

    id: int = key()
    message_id: int = link("message.id", nullable=False)
    filename: str = words()
    content_type: str = words()
    size: int = 0
    sha256: str = words()
    inline: bool = False
    content_id: str = words()
    content: bytes | None = octets()
    """NULL: in the object store, or not here yet."""
    state: str = words("stored")
    detail: str = words()
    """Why it is unavailable, or what is odd about it."""


class TicketEvent(SQLModel, table=True):
    """One line of a ticket's history (requirement T6): who changed what, when, from what, to what."""

    __tablename__: ClassVar[str] = "ticket_event"
    __table_args__ = (Index("ticket_event_ticket", "ticket_id", "id"),)

    id: int = key()
    ticket_id: int = link("ticket.id", nullable=False)
    at: Moment = moment(now=True)
    actor: str = words()
    """agent:…, contact:…, or the worker step that did it."""
    kind: str = words()
    """created, appended, status, priority, category, assignee, …"""
    old: str = words()
    new: str = words()
    reason: str = words()
    """Why, for machines to word: `rule=billing team=billing open=3`; '' where what changed says it all."""


class ThreadKey(SQLModel, table=True):
    """A message id that belongs to a ticket: that of a message in it, or one that such a message refers to.

    A message whose own id or references hash to a key of a ticket may join it, if its sender takes part there. Ids that
    were only referred to let a root that arrives after its reply join the reply's ticket.
    """

    __tablename__: ClassVar[str] = "thread_key"

    key: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    """First 64 bits of BLAKE2b of the id, signed."""
    ticket_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    own: bool = False
    """True: the id of a message in the ticket; False: an id that was only referred to."""
