"""What closing asks: is it solved, how satisfied are you; and the agents' own survey."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

SCORES = "score IN (1, 2, 3, 4, 5)"


def words(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[Any]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def upgrade() -> None:
    op.create_index("ticket_resolved", "ticket", ["resolved_at"], postgresql_where=sa.text("status = 'resolved'"))
    op.create_table(
        "solved_question",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        words("why"),
        words("answer"),
        moment("asked_at", now=True),
        moment("closes_at"),
        moment("answered_at", nullable=True),
        sa.CheckConstraint("answer IN ('', 'yes', 'no', 'silence', 'withdrawn')", name="answer_known"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    waiting = sa.text("answer = ''")
    op.create_index("solved_question_open", "solved_question", ["ticket_id"], unique=True, postgresql_where=waiting)
    op.create_index("solved_question_due", "solved_question", ["closes_at"], postgresql_where=waiting)
    op.create_index("solved_question_ticket", "solved_question", ["ticket_id", "id"])
    op.create_index("solved_question_answered", "solved_question", ["answered_at"])
    _satisfaction()
    _survey()


def _satisfaction() -> None:
    op.create_table(
        "satisfaction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=True),
        words("channel"),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=True),
        words("comment"),
        moment("asked_at", now=True),
        moment("open_until"),
        moment("answered_at", nullable=True),
        sa.CheckConstraint(f"score IS NULL OR {SCORES}", name="score_known"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("satisfaction_ticket", "satisfaction", ["ticket_id"], unique=True)
    op.create_index("satisfaction_contact", "satisfaction", ["contact_id", "asked_at"])
    answered = sa.text("score IS NOT NULL")
    op.create_index("satisfaction_answered", "satisfaction", ["answered_at"], postgresql_where=answered)


def _survey() -> None:
    op.create_table(
        "agent_survey_turnout",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("month", "agent_id"),
    )
    op.create_table(
        "agent_survey_answer",
        sa.Column("key", sa.UUID(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        words("comment"),
        sa.CheckConstraint(SCORES, name="score_known"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("agent_survey_month", "agent_survey_answer", ["month"])


def downgrade() -> None:
    for table in ("agent_survey_answer", "agent_survey_turnout", "satisfaction", "solved_question"):
        op.drop_table(table)
    op.drop_index("ticket_resolved", "ticket")
