"""Conversations that customers read in a window, and links to a ticket's own page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("proved", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("answered_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "conversation_unread",
        "conversation",
        ["channel", "answered_at"],
        postgresql_where=sa.text("email <> '' AND answered_number > greatest(read_number, told_number)"),
    )
    op.create_table(
        "page_link",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.Text(), server_default="", nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_token", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("page_link_token", "page_link", ["token_hash"], unique=True)
    op.create_index("page_link_ticket", "page_link", ["ticket_id", "id"])
    op.create_index("page_link_expiry", "page_link", ["expires_at"])


def downgrade() -> None:
    op.drop_table("page_link")
    op.drop_table("conversation")
