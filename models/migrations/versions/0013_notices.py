"""What agents are told of, how far that was read, and words of theirs that wait for their ticket."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0018"
branch_labels = None
depends_on = None


def words(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def upgrade() -> None:
    op.create_table(
        "agent_notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        words("source"),
        words("kind"),
        words("detail"),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("agent_id", "source", name="agent_notice_source"),
    )
    op.create_index("agent_notice_at", "agent_notice", ["at"], unique=False)
    op.create_index(
        "agent_notice_owed", "agent_notice", ["id"], unique=False, postgresql_where=sa.text("told_at IS NULL")
    )
    op.create_table(
        "notice_mark",
        words("source"),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in ("done", "seen", "running")),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "agent_question",
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        words("lane"),
        words("messages"),
        words("tickets"),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("lane"),
    )


def downgrade() -> None:
    for table in ("agent_question", "notice_mark", "agent_notice"):
        op.drop_table(table)
