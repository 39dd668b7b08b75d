"""Clocks of commitments, why an event happened, who has what, incidents."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None

UNRESOLVED = "status NOT IN ('resolved', 'closed')"


def words(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def moment(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[Any]:
    server_default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=server_default, nullable=nullable)


def number(name: str, kind: type[sa.types.TypeEngine[int]] = sa.BigInteger, default: int = 0) -> sa.Column[Any]:
    return sa.Column(name, kind(), server_default=str(default), nullable=False)


def truth(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), server_default="false", nullable=False)


def key() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def link(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def upgrade() -> None:
    op.add_column("ticket_event", words("reason"))
    op.add_column("agent", moment("presence_at", nullable=False, now=True))
    op.create_index(
        "ticket_unassigned",
        "ticket",
        ["id"],
        postgresql_where=sa.text(f"assignee_id IS NULL AND {UNRESOLVED}"),
    )
    op.create_index(
        "ticket_assigned",
        "ticket",
        ["assignee_id", "id"],
        postgresql_where=sa.text(f"assignee_id IS NOT NULL AND {UNRESOLVED}"),
    )
    _clocks()
    _incidents()
    _replies()
    _joins()


def _clocks() -> None:
    op.create_table(
        "ticket_clock",
        link("ticket_id"),
        words("calendar"),
        words("state", "running"),
        number("event_id"),
        moment("due_at"),
        moment("tell_at"),
        moment("response_due"),
        moment("resolution_due"),
        moment("responded_at"),
        moment("ended_at"),
        number("response_promised", sa.Integer),
        number("resolution_promised", sa.Integer),
        number("response_spent", sa.Integer),
        number("resolution_spent", sa.Integer),
        truth("response_late"),
        truth("resolution_late"),
        number("response_told", sa.SmallInteger),
        number("resolution_told", sa.SmallInteger),
        moment("reckoned_at", nullable=False, now=True),
        sa.CheckConstraint("state IN ('running', 'stopped', 'ended')", name="state_known"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("ticket_id"),
    )
    op.create_index("ticket_clock_due", "ticket_clock", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ticket_clock_tell", "ticket_clock", ["tell_at"], postgresql_where=sa.text("tell_at IS NOT NULL"))
    op.create_index(
        "ticket_clock_responded",
        "ticket_clock",
        ["responded_at"],
        postgresql_where=sa.text("responded_at IS NOT NULL"),
    )
    op.create_table(
        "clock_position",
        sa.Column("name", sa.Text(), nullable=False),
        number("position"),
        sa.PrimaryKeyConstraint("name"),
    )


def _incidents() -> None:
    op.create_table(
        "incident",
        key(),
        words("state", "suspected"),
        words("basis", "words"),
        words("subject"),
        words("category"),
        words("product"),
        number("subject_key"),
        sa.Column("sketch", sa.LargeBinary(), nullable=True),
        link("parent_id", nullable=True),
        moment("raised_at", nullable=False, now=True),
        moment("confirmed_at"),
        moment("over_at"),
        moment("told_at"),
        moment("last_at", nullable=False, now=True),
        sa.CheckConstraint("state IN ('suspected', 'confirmed', 'over')", name="state_known"),
        sa.CheckConstraint("basis IN ('words', 'subject', 'category', 'hand')", name="basis_known"),
        sa.ForeignKeyConstraint(["parent_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "incident_ticket",
        link("incident_id"),
        link("ticket_id"),
        words("state", "joined"),
        number("replied_id"),
        words("trouble"),
        moment("at", nullable=False, now=True),
        sa.CheckConstraint("state IN ('joined', 'detached')", name="state_known"),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident_id", "ticket_id"),
    )
    op.create_index("incident_ticket_ticket", "incident_ticket", ["ticket_id"])


def _replies() -> None:
    op.create_table(
        "incident_reply",
        key(),
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        words("once"),
        sa.Column("said", postgresql.JSONB(), server_default="{}", nullable=False),
        words("actor"),
        words("actor_name"),
        truth("later"),
        moment("at", nullable=False, now=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("incident_reply_once", "incident_reply", ["incident_id", "once"], unique=True)


def _joins() -> None:
    op.create_table(
        "contact_join",
        key(),
        sa.Column("gone_id", sa.BigInteger(), nullable=False),
        sa.Column("into_id", sa.BigInteger(), nullable=False),
        words("proof", "agent"),
        words("actor"),
        sa.Column("identities", sa.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("tickets", sa.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        moment("at", nullable=False, now=True),
        moment("undone_at"),
        sa.CheckConstraint("proof IN ('address', 'link', 'agent')", name="proof_known"),
        sa.ForeignKeyConstraint(["gone_id"], ["contact.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["into_id"], ["contact.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contact_join_gone", "contact_join", ["gone_id"])
    op.create_index("contact_join_into", "contact_join", ["into_id"])


def downgrade() -> None:
    for table in ("contact_join", "incident_reply", "incident_ticket", "incident", "clock_position", "ticket_clock"):
        op.drop_table(table)
    op.drop_index("ticket_assigned", "ticket")
    op.drop_index("ticket_unassigned", "ticket")
    op.drop_column("agent", "presence_at")
    op.drop_column("ticket_event", "reason")
