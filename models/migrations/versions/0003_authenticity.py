"""How senders are proved, guests of a ticket, what continues a ticket, deliveries that are late."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DELIVERY = "'', 'queued', 'sent', 'delivered', 'read', 'failed', 'unknown'"


def upgrade() -> None:
    op.add_column("ticket", sa.Column("guests", sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.create_index(
        "ticket_continues", "ticket", ["continues"], unique=False, postgresql_where=sa.text("continues IS NOT NULL")
    )
    op.create_check_constraint("proof_known", "message", "proof IN ('proved', 'aligned', 'unproved', 'failed')")
    op.drop_constraint("delivery_known", "message", type_="check")
    op.create_check_constraint("delivery_known", "message", f"delivery IN ({DELIVERY}, 'delayed')")


def downgrade() -> None:
    op.drop_constraint("delivery_known", "message", type_="check")
    op.execute("UPDATE message SET delivery = 'queued' WHERE delivery = 'delayed'")
    op.create_check_constraint("delivery_known", "message", f"delivery IN ({DELIVERY})")
    op.drop_constraint("proof_known", "message", type_="check")
    op.drop_index("ticket_continues", table_name="ticket", postgresql_where=sa.text("continues IS NOT NULL"))
    op.drop_column("ticket", "guests")
