"""What autovacuum need not do: sample columns that nothing is ever sought by, and read again files that only grow."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0008"
branch_labels = None
depends_on = None

# Bodies and documents: sampling them for statistics costs as much as writing a tenth of them.
NEVER_SOUGHT = {
    "inbox": ("body", "envelope"),
    "message": ("subject", "text", "reply_text", "html", "reasons", "remarks", "sketch", "sender_name"),
    "outbox": ("payload",),
    "attachment": ("content",),
}


def upgrade() -> None:
    for table, columns in NEVER_SOUGHT.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")
        # Bodies outside their rows are written once, and nobody reads their visibility map: freezing them in time is
        # what the vacuum against wraparound does.
        op.execute(f"ALTER TABLE {table} SET (toast.autovacuum_vacuum_insert_threshold = -1)")


def downgrade() -> None:
    for table, columns in NEVER_SOUGHT.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1")
        op.execute(f"ALTER TABLE {table} RESET (toast.autovacuum_vacuum_insert_threshold)")
