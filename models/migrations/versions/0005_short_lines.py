"""Consent, windows for answers, and files that are fetched later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identity", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("attachment", sa.Column("state", sa.Text(), server_default="stored", nullable=False))
    op.add_column("attachment", sa.Column("detail", sa.Text(), server_default="", nullable=False))
    op.create_check_constraint("state_known", "attachment", "state IN ('stored', 'pending', 'unavailable')")
    op.create_table(
        "answer_window",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("last_in_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("window_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("channel", "account", "address"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "answer_window_closing",
        "answer_window",
        ["window_until"],
        unique=False,
        postgresql_where=sa.text("window_until IS NOT NULL"),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("attachment_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("account", sa.Text(), server_default="", nullable=False),
        sa.Column("lane", sa.Text(), server_default="", nullable=False),
        sa.Column("trace_id", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name="state_known"),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("media_pending", "media", ["id"], unique=False, postgresql_where=sa.text("state = 'pending'"))
    op.create_index(
        "media_pending_lane", "media", ["lane", "id"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index("media_dead", "media", ["id"], unique=False, postgresql_where=sa.text("state = 'dead'"))


def downgrade() -> None:
    op.drop_index("media_dead", table_name="media", postgresql_where=sa.text("state = 'dead'"))
    op.drop_index("media_pending_lane", table_name="media", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("media_pending", table_name="media", postgresql_where=sa.text("state = 'pending'"))
    op.drop_table("media")
    op.drop_index(
        "answer_window_closing", table_name="answer_window", postgresql_where=sa.text("window_until IS NOT NULL")
    )
    op.drop_table("answer_window")
    op.drop_constraint("state_known", "attachment", type_="check")
    op.drop_column("attachment", "detail")
    op.drop_column("attachment", "state")
    op.drop_column("identity", "stopped_at")
