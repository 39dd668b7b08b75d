"""The history of access."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0011"
branch_labels = None
depends_on = None

KINDS = (
    "invited", "role", "teams", "name", "disabled", "enabled", "reset_asked", "password", "identity",
    "signed_in", "signed_out", "sessions_ended", "telephone", "notify", "work",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "access_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Text(), server_default="invited" if name == "kind" else "", nullable=False)
            for name in ("actor", "kind", "old", "new", "address")
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(f"kind IN {KINDS}", name="kind_known"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("access_event_agent", "access_event", ["agent_id", "id"])


def downgrade() -> None:
    op.drop_table("access_event")
