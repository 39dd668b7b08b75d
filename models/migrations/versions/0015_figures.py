"""The figures: facts of tickets, groups, sums by day and month, how far they are counted, reports that were sent."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0012"
branch_labels = None
depends_on = None

SMALL = (
    "created", "settled", "resolved_once", "reopened", "first_contact", "answered", "responses", "resolved",
    "transfers", "kept", "missed", "by_article", "answers", "csat_count", "csat_sum",
)  # fmt: skip
LARGE = (
    "first_seconds", "first_worked", "response_seconds", "response_worked", "resolution_seconds", "resolution_worked",
)  # fmt: skip


def words(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def whole(name: str, kind: type[sa.Integer] = sa.Integer, default: str = "0") -> sa.Column[Any]:
    return sa.Column(name, kind(), server_default=default, nullable=False)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[Any]:
    server_default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=server_default, nullable=nullable)


def truth(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), server_default="false", nullable=False)


def number(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[Any]:
    return sa.Column(name, kind(), nullable=True)


def upgrade() -> None:
    _facts()
    _sums()
    op.create_table(
        "figure_cursor",
        sa.Column("source", sa.Text(), nullable=False),
        whole("high", sa.BigInteger),
        sa.Column("holes", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        words("basis"),
        moment("counted_at", now=True),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "figure_report", sa.Column("key", sa.Text(), nullable=False), moment("sent_at", now=True),
        sa.PrimaryKeyConstraint("key"),
    )  # fmt: skip


def _facts() -> None:
    names = ("pipeline", "channel", "team", "product", "perimeter", "category", "priority", "status", "stage")
    op.create_table(
        "figure_fact",
        sa.Column("ticket_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot", sa.SmallInteger(), nullable=False),
        *(words(name) for name in (*names, "language")),
        whole("agent", sa.BigInteger),
        whole("level", sa.SmallInteger, "1"),
        number("contact_id", sa.BigInteger),
        truth("complaint"),
        whole("treated", sa.BigInteger),
        moment("created_at"),
        sa.Column("created_day", sa.Date(), nullable=False),
        moment("first_at", nullable=True),
        number("first_seconds"),
        number("first_worked"),
        whole("responses"),
        whole("response_seconds", sa.BigInteger),
        whole("response_worked", sa.BigInteger),
        whole("answers"),
        moment("resolved_at", nullable=True),
        sa.Column("resolved_day", sa.Date(), nullable=True),
        number("resolution_seconds"),
        number("resolution_worked"),
        whole("waiting_seconds", sa.BigInteger),
        truth("resolved_once"),
        whole("reopened"),
        whole("transfers"),
        number("commitment_hours", sa.SmallInteger),
        sa.Column("kept", sa.Boolean(), nullable=True),
        truth("by_article"),
        number("csat", sa.SmallInteger),
        sa.Column("csat_day", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("ticket_id"),
    )
    there = sa.text("resolved_day IS NOT NULL")
    op.create_index("figure_fact_created", "figure_fact", ["created_day"])
    op.create_index("figure_fact_resolved", "figure_fact", ["resolved_day"], postgresql_where=there)
    op.create_index("figure_fact_lot_created", "figure_fact", ["lot", "created_day"])
    op.create_index("figure_fact_lot_resolved", "figure_fact", ["lot", "resolved_day"], postgresql_where=there)
    op.create_index("figure_fact_complaint", "figure_fact", ["created_day"], postgresql_where=sa.text("complaint"))
    rated = sa.text("csat_day IS NOT NULL")
    op.create_index("figure_fact_rated", "figure_fact", ["csat_day"], postgresql_where=rated)


def _sums() -> None:
    dimensions = ("pipeline", "channel", "team", "agent", "product", "perimeter")
    op.create_table(
        "figure_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *(whole(name, sa.BigInteger) if name == "agent" else words(name) for name in dimensions),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(*dimensions, name="figure_group_values"),
    )
    for table, further in (("figure_cell", ()), ("figure_share", ("aspect", "value"))):
        op.create_table(
            table,
            sa.Column("grain", sa.Text(), nullable=False),
            sa.Column("start", sa.Date(), nullable=False),
            sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
            *(sa.Column(name, sa.Text(), nullable=False) for name in further),
            *(() if further else (*map(whole, SMALL), *(whole(name, sa.BigInteger) for name in LARGE))),
            *((whole("count"),) if further else ()),
            sa.CheckConstraint("grain IN ('day', 'month')", name="grain_known"),
            *(
                (
                    sa.CheckConstraint(
                        "aspect IN ('category', 'priority', 'status', 'stage', 'treated', 'csat')", name="aspect_known"
                    ),
                )
                if further
                else ()
            ),
            sa.PrimaryKeyConstraint("grain", "start", "group_id", *further),
        )


def downgrade() -> None:
    for table in ("figure_report", "figure_cursor", "figure_share", "figure_cell", "figure_group", "figure_fact"):
        op.drop_table(table)
