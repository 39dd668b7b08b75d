"""The tables of the foundation: ledger, contacts, tickets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Mail bodies hardly compress, and compressing them costs more than all else that the server does for a message.
OUTSIDE_AND_PLAIN = (
    ("inbox", "body"),
    ("message", "text"),
    ("message", "reply_text"),
    ("message", "html"),
    ("attachment", "content"),
)
# Every row of these is written three times in its first second: vacuum has to keep up with that.
QUEUES = ("inbox", "outbox")


def upgrade() -> None:
    op.create_table(
        "acknowledgement_count",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "hour"),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("tier", sa.Text(), server_default="standard", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("door_key", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("account", sa.Text(), server_default="", nullable=False),
        sa.Column("lane", sa.Text(), server_default="", nullable=False),
        sa.Column("trace_id", sa.Text(), server_default="", nullable=False),
        sa.Column("envelope", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('', 'ticket', 'appended', 'duplicate', 'machine', 'quarantined')", name="outcome_known"
        ),
        sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name="state_known"),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("inbox_dead", "inbox", ["id"], unique=False, postgresql_where=sa.text("state = 'dead'"))
    op.create_index("inbox_door_key", "inbox", ["door_key"], unique=True)
    op.create_index("inbox_pending", "inbox", ["id"], unique=False, postgresql_where=sa.text("state = 'pending'"))
    op.create_index(
        "inbox_pending_lane", "inbox", ["lane", "id"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("unique_key", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="reply", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("lane", sa.Text(), server_default="", nullable=False),
        sa.Column("trace_id", sa.Text(), server_default="", nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_id", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('acknowledgement', 'reply', 'notice')", name="kind_known"),
        sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name="state_known"),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("outbox_dead", "outbox", ["id"], unique=False, postgresql_where=sa.text("state = 'dead'"))
    op.create_index("outbox_key", "outbox", ["unique_key"], unique=True)
    op.create_index("outbox_pending", "outbox", ["id"], unique=False, postgresql_where=sa.text("state = 'pending'"))
    op.create_index(
        "outbox_pending_lane", "outbox", ["lane", "id"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_table(
        "thread_key",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", "ticket_id"),
    )
    op.create_table(
        "identity",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "address", name="identity_address"),
    )
    op.create_index(op.f("ix_identity_contact_id"), "identity", ["contact_id"], unique=False)
    op.create_table(
        "ticket",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("priority", sa.Text(), server_default="normal", nullable=False),
        sa.Column("commitment_hours", sa.SmallInteger(), nullable=True),
        sa.Column("category", sa.Text(), server_default="other", nullable=False),
        sa.Column("product", sa.Text(), server_default="", nullable=False),
        sa.Column("perimeter", sa.Text(), server_default="OUT", nullable=False),
        sa.Column("pipeline", sa.Text(), server_default="default", nullable=False),
        sa.Column("stage", sa.Text(), server_default="new", nullable=False),
        sa.Column("level", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("account", sa.Text(), server_default="", nullable=False),
        sa.Column("answer_channel", sa.Text(), server_default="", nullable=False),
        sa.Column("answer_address", sa.Text(), server_default="", nullable=False),
        sa.Column("answer_account", sa.Text(), server_default="", nullable=False),
        sa.Column("conversation", sa.Text(), server_default="", nullable=False),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("participants", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("continues", sa.BigInteger(), nullable=True),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("perimeter IN ('IN', 'OUT')", name="perimeter_known"),
        sa.CheckConstraint("priority IN ('low', 'normal', 'high', 'urgent')", name="priority_known"),
        sa.CheckConstraint("status IN ('open', 'in_progress', 'waiting', 'resolved', 'closed')", name="status_known"),
        sa.CheckConstraint(
            "commitment_hours IS NULL OR commitment_hours IN (2, 4, 6, 8, 24, 48, 72)", name="commitment_hours_known"
        ),
        sa.CheckConstraint("level IN (1, 2, 3)", name="level_known"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["continues"], ["ticket.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["merged_into"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ticket_contact", "ticket", ["contact_id", "id"], unique=False)
    op.create_index(
        "ticket_conversation", "ticket", ["conversation"], unique=False, postgresql_where=sa.text("conversation <> ''")
    )
    op.create_index(
        "ticket_unresolved",
        "ticket",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('resolved', 'closed')"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True),
        sa.Column("direction", sa.Text(), server_default="in", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("identity_id", sa.BigInteger(), nullable=True),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("sender_name", sa.Text(), server_default="", nullable=False),
        sa.Column("external_id", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("subject_key", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_text", sa.Text(), server_default="", nullable=False),
        sa.Column("html", sa.Text(), server_default="", nullable=False),
        sa.Column("proof", sa.Text(), server_default="unproved", nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("remarks", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("fingerprint", sa.UUID(), nullable=True),
        sa.Column("delivery", sa.Text(), server_default="", nullable=False),
        sa.Column("delivery_detail", sa.Text(), server_default="", nullable=False),
        sa.Column("trace_id", sa.Text(), server_default="", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "delivery IN ('', 'queued', 'sent', 'delivered', 'read', 'failed', 'unknown')", name="delivery_known"
        ),
        sa.CheckConstraint("direction IN ('in', 'out', 'note', 'machine')", name="direction_known"),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("message_fingerprint", "message", ["fingerprint"], unique=True)
    op.create_index("message_sender", "message", ["identity_id", "created_at"], unique=False)
    op.create_index(
        "message_sent", "message", ["external_id"], unique=False, postgresql_where=sa.text("direction = 'out'")
    )
    op.create_index("message_ticket", "message", ["ticket_id", "id"], unique=False)
    op.create_table(
        "ticket_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("old", sa.Text(), server_default="", nullable=False),
        sa.Column("new", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ticket_event_ticket", "ticket_event", ["ticket_id", "id"], unique=False)
    op.create_table(
        "attachment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.Text(), server_default="", nullable=False),
        sa.Column("content_type", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("inline", sa.Boolean(), nullable=False),
        sa.Column("content_id", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attachment_message", "attachment", ["message_id"], unique=False)

    for table, column in OUTSIDE_AND_PLAIN:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
    for table in QUEUES:
        op.execute(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02,"
            " autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.02,"
            " autovacuum_vacuum_cost_delay = 0)"
        )


def downgrade() -> None:
    op.drop_index("attachment_message", table_name="attachment")
    op.drop_table("attachment")
    op.drop_index("ticket_event_ticket", table_name="ticket_event")
    op.drop_table("ticket_event")
    op.drop_index("message_ticket", table_name="message")
    op.drop_index("message_sent", table_name="message", postgresql_where=sa.text("direction = 'out'"))
    op.drop_index("message_sender", table_name="message")
    op.drop_index("message_fingerprint", table_name="message")
    op.drop_table("message")
    op.drop_index(
        "ticket_unresolved", table_name="ticket", postgresql_where=sa.text("status NOT IN ('resolved', 'closed')")
    )
    op.drop_index("ticket_conversation", table_name="ticket", postgresql_where=sa.text("conversation <> ''"))
    op.drop_index("ticket_contact", table_name="ticket")
    op.drop_table("ticket")
    op.drop_index(op.f("ix_identity_contact_id"), table_name="identity")
    op.drop_table("identity")
    op.drop_table("thread_key")
    op.drop_index("outbox_pending_lane", table_name="outbox", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("outbox_pending", table_name="outbox", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("outbox_key", table_name="outbox")
    op.drop_index("outbox_dead", table_name="outbox", postgresql_where=sa.text("state = 'dead'"))
    op.drop_table("outbox")
    op.drop_index("inbox_pending_lane", table_name="inbox", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("inbox_pending", table_name="inbox", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("inbox_door_key", table_name="inbox")
    op.drop_index("inbox_dead", table_name="inbox", postgresql_where=sa.text("state = 'dead'"))
    op.drop_table("inbox")
    op.drop_table("contact")
    op.drop_table("acknowledgement_count")
