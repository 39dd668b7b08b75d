"""Sketches of messages, and the near-duplicates that they show."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("sketch", sa.LargeBinary(), nullable=True))
    op.create_table(
        "resemblance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("earlier_id", sa.BigInteger(), nullable=False),
        sa.Column("earlier_ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="offered", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('offered', 'merged', 'dismissed')", name="state_known"),
        *(
            sa.ForeignKeyConstraint([column], [target], ondelete="CASCADE")
            for column, target in (
                ("message_id", "message.id"),
                ("ticket_id", "ticket.id"),
                ("earlier_id", "message.id"),
                ("earlier_ticket_id", "ticket.id"),
            )
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("resemblance_ticket", "resemblance", ["ticket_id"], unique=False)
    op.create_index("resemblance_earlier_ticket", "resemblance", ["earlier_ticket_id"], unique=False)


def downgrade() -> None:
    op.drop_table("resemblance")
    op.drop_column("message", "sketch")
