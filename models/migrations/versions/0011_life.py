"""What may be done to tickets: put off, tied, merged, split; who was mentioned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket", sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("transfers", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("message", sa.Column("home_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ticket_snoozed", "ticket", ["snoozed_until"], postgresql_where=sa.text("snoozed_until IS NOT NULL")
    )
    op.create_table(
        "mention",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", "agent_id"),
    )
    op.create_index("mention_untold", "mention", ["message_id"], postgresql_where=sa.text("told_at IS NULL"))
    op.create_index("mention_agent", "mention", ["agent_id"])
    _ties()


def _ties() -> None:
    op.create_table(
        "ticket_link",
        sa.Column("ticket_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("other_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), server_default="related", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('related', 'duplicate', 'parent', 'split')", name="kind_known"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["other_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("ticket_id", "other_id", "kind"),
    )
    op.create_index("ticket_link_other", "ticket_link", ["other_id"])
    op.create_index(
        "ticket_link_parent", "ticket_link", ["ticket_id"], unique=True, postgresql_where=sa.text("kind = 'parent'")
    )
    op.create_table(
        "ticket_merge",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("into_id", sa.BigInteger(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("last_message", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["into_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ticket_merge_ticket", "ticket_merge", ["ticket_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL")
    )
    op.create_index("ticket_merge_into", "ticket_merge", ["into_id"])


def downgrade() -> None:
    for table in ("ticket_merge", "ticket_link", "mention"):
        op.drop_table(table)
    op.drop_index("ticket_snoozed", "ticket")
    op.drop_column("message", "home_id")
    op.drop_column("ticket", "transfers")
    op.drop_column("ticket", "snoozed_until")
