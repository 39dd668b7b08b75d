"""Agents, teams, sessions, single-use tokens."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def words(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[Any]:
    server_default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=server_default, nullable=nullable)


def upgrade() -> None:
    _agents()
    _teams()
    _proofs()


def _agents() -> None:
    op.create_table(
        "agent",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        words("email"),
        words("name"),
        words("role", "agent"),
        sa.Column("password_hash", sa.String(), nullable=True),
        words("oidc_issuer"),
        words("oidc_subject"),
        words("language"),
        sa.Column("languages", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        words("timezone", "Europe/Paris"),
        sa.Column("max_level", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("capacity", sa.SmallInteger(), server_default="0", nullable=False),
        words("presence", "offline"),
        words("notify_channel"),
        words("telephone"),
        moment("telephone_verified_at", nullable=True),
        words("quiet_hours"),
        moment("last_seen_at", nullable=True),
        moment("disabled_at", nullable=True),
        moment("created_at", now=True),
        sa.CheckConstraint("role IN ('agent', 'supervisor', 'administrator')", name="role_known"),
        sa.CheckConstraint("presence IN ('available', 'away', 'offline')", name="presence_known"),
        sa.CheckConstraint("max_level IN (1, 2, 3)", name="max_level_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("agent_email", "agent", [sa.text("lower(email)")], unique=True)
    op.create_index(
        "agent_telephone",
        "agent",
        ["telephone"],
        unique=True,
        postgresql_where=sa.text("telephone <> '' AND telephone_verified_at IS NOT NULL"),
    )
    op.create_index(
        "agent_subject",
        "agent",
        ["oidc_issuer", "oidc_subject"],
        unique=True,
        postgresql_where=sa.text("oidc_subject <> ''"),
    )


def _teams() -> None:
    op.create_table(
        "team", sa.Column("name", sa.String(), nullable=False), moment("created_at", now=True),
        sa.PrimaryKeyConstraint("name"),
    )  # fmt: skip
    op.create_table(
        "team_member",
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["team"], ["team.name"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team", "agent_id"),
    )
    op.create_index("team_member_agent", "team_member", ["agent_id"], unique=False)


def _proofs() -> None:
    """What proves who somebody is."""
    op.create_table(
        "agent_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        words("browser"),
        words("address"),
        moment("created_at", now=True),
        moment("seen_at", now=True),
        moment("expires_at"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("agent_session_agent", "agent_session", ["agent_id"], unique=False)
    op.create_index("agent_session_expiry", "agent_session", ["expires_at"], unique=False)
    op.create_table(
        "agent_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        words("purpose", "invitation"),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        words("detail"),
        sa.Column("used", sa.Boolean(), server_default="false", nullable=False),
        moment("created_at", now=True),
        moment("expires_at"),
        sa.CheckConstraint("purpose IN ('invitation', 'reset', 'telephone')", name="purpose_known"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("agent_token_agent", "agent_token", ["agent_id"], unique=False)


def downgrade() -> None:
    for table in ("agent_token", "agent_session", "team_member", "team", "agent"):
        op.drop_table(table)
