"""Operations: what was done, alarms, processes, the flow by minute, erasures and their tombstones, replays."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0010"
branch_labels = None
depends_on = None

COUNTS = ("received", "settled", "quarantined", "retried", "delivered", "failed")


def words(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[Any]:
    server_default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=server_default, nullable=nullable)


def key() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def document(name: str) -> sa.Column[Any]:
    return sa.Column(name, postgresql.JSONB(), server_default="{}", nullable=False)


def upgrade() -> None:
    op.add_column("inbox", sa.Column("as_it_is", sa.Boolean(), server_default="false", nullable=False))
    op.create_index("inbox_object", "inbox", ["body_sha256"], postgresql_where=sa.text("body_sha256 <> ''"))
    op.create_index(
        "attachment_object", "attachment", ["sha256"], postgresql_where=sa.text("content IS NULL AND sha256 <> ''")
    )
    op.add_column("ticket", moment("emptied_at", nullable=True))
    op.create_index(
        "ticket_ended",
        "ticket",
        ["updated_at"],
        postgresql_where=sa.text("status = 'closed' AND emptied_at IS NULL"),
    )
    _watching()
    _care()


def _watching() -> None:
    op.create_table(
        "operation",
        key(),
        moment("at", now=True),
        words("actor"),
        words("kind"),
        words("subject"),
        words("note"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("operation_subject", "operation", ["subject", "id"])
    op.create_table(
        "alarm",
        key(),
        words("kind"),
        words("subject"),
        words("grade", "warn"),
        number("count"),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        document("detail"),
        moment("raised_at", now=True),
        moment("seen_at", now=True),
        moment("over_at", nullable=True),
        sa.Column("untold", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        moment("told_after", now=True),
        sa.CheckConstraint("grade IN ('warn', 'bad')", name="grade_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "alarm_open", "alarm", ["kind", "subject"], unique=True, postgresql_where=sa.text("over_at IS NULL")
    )
    op.create_index("alarm_untold", "alarm", ["id"], postgresql_where=sa.text("untold"))
    op.create_table(
        "presence",
        sa.Column("name", sa.Text(), nullable=False),
        words("kind"),
        words("host"),
        sa.Column("pid", sa.Integer(), server_default="0", nullable=False),
        words("version"),
        moment("started_at", now=True),
        moment("seen_at", now=True),
        document("figures"),
        sa.CheckConstraint("kind IN ('gateway', 'worker')", name="kind_known"),
        sa.PrimaryKeyConstraint("name"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "flow",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in COUNTS),
        *(
            sa.Column(name, sa.ARRAY(sa.Integer()), server_default="{}", nullable=False)
            for name in ("settling", "answering")
        ),
        sa.PrimaryKeyConstraint("at", "channel"),
    )
    op.create_index("flow_channel", "flow", ["channel", "at"])


def _care() -> None:
    op.create_table(
        "erasure",
        key(),
        words("actor"),
        words("state", "asked"),
        sa.Column("labels", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("objects", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        document("erased"),
        document("proof"),
        moment("asked_at", now=True),
        moment("done_at", nullable=True),
        sa.CheckConstraint("state IN ('asked', 'erased', 'done')", name="state_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tombstone",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        words("kind", "message"),
        moment("erased_at", now=True),
        sa.CheckConstraint("kind IN ('address', 'message')", name="kind_known"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "care_mark", sa.Column("name", sa.Text(), nullable=False), number("value"), sa.PrimaryKeyConstraint("name")
    )
    op.create_table(
        "unneeded_object",
        sa.Column("sha256", sa.Text(), nullable=False),
        moment("since", now=True),
        sa.PrimaryKeyConstraint("sha256"),
    )


def downgrade() -> None:
    for table in ("unneeded_object", "care_mark", "tombstone", "erasure"):
        op.drop_table(table)
    for table in ("flow", "presence", "alarm", "operation"):
        op.drop_table(table)
    op.drop_index("ticket_ended", "ticket")
    op.drop_column("ticket", "emptied_at")
    op.drop_index("attachment_object", "attachment")
    op.drop_index("inbox_object", "inbox")
    op.drop_column("inbox", "as_it_is")
