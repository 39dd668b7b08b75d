"""Tokens of the API, requests that must not be done twice, webhooks that go out."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0015"
branch_labels = None
depends_on = None


def key() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def words(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def several(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.ARRAY(sa.Text()), server_default="{}", nullable=False)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[Any]:
    server_default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=server_default, nullable=nullable)


def number(name: str, default: int = 0) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), server_default=str(default), nullable=False)


def upgrade() -> None:
    _tokens()
    _subscriptions()
    _deliveries()


def _tokens() -> None:
    op.create_table(
        "api_token",
        key(),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        words("name"),
        sa.Column("agent_id", sa.BigInteger(), nullable=True),
        words("role"),
        several("teams"),
        several("scopes"),
        words("created_by"),
        moment("created_at", now=True),
        moment("used_at", nullable=True),
        moment("expires_at", nullable=True),
        moment("revoked_at", nullable=True),
        sa.CheckConstraint("role IN ('', 'agent', 'supervisor', 'administrator')", name="role_known"),
        sa.CheckConstraint("(agent_id IS NULL) = (role <> '')", name="somebody_answers_for_it"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("api_token_hash", "api_token", ["token_hash"], unique=True)
    op.create_table(
        "api_request",
        sa.Column("token_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        words("body"),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        moment("created_at", now=True),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_id", "key"),
    )
    op.create_index("api_request_age", "api_request", ["created_at"], unique=False)


def _subscriptions() -> None:
    op.create_table(
        "webhook_subscription",
        key(),
        words("url"),
        words("description"),
        several("events"),
        sa.Column("every_team", sa.Boolean(), server_default="false", nullable=False),
        several("teams"),
        words("nonce"),
        words("previous_nonce"),
        moment("previous_until", nullable=True),
        words("created_by"),
        moment("created_at", now=True),
        moment("failing_since", nullable=True),
        moment("disabled_at", nullable=True),
        words("disabled_reason"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "webhook_cursor",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "webhook_event",
        key(),
        words("key"),
        words("kind"),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        words("payload"),
        moment("created_at", now=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_event_key", "webhook_event", ["key"], unique=True)
    op.create_index("webhook_event_age", "webhook_event", ["created_at"], unique=False)


def _deliveries() -> None:
    op.create_table(
        "webhook_delivery",
        key(),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        words("state", "pending"),
        moment("due_at", now=True),
        number("attempts"),
        sa.Column("last_status", sa.Integer(), nullable=True),
        words("last_error"),
        moment("created_at", now=True),
        moment("settled_at", nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name="state_known"),
        sa.ForeignKeyConstraint(["subscription_id"], ["webhook_subscription.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["event_id"], ["webhook_event.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_delivery_once", "webhook_delivery", ["subscription_id", "event_id"], unique=True)
    op.create_index("webhook_delivery_event", "webhook_delivery", ["event_id"], unique=False)
    op.create_index(
        "webhook_delivery_pending",
        "webhook_delivery",
        ["subscription_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "webhook_attempt",
        key(),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        moment("at", now=True),
        sa.Column("status", sa.Integer(), nullable=True),
        number("milliseconds"),
        words("error"),
        sa.ForeignKeyConstraint(["delivery_id"], ["webhook_delivery.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_attempt_delivery", "webhook_attempt", ["delivery_id", "id"], unique=False)


def downgrade() -> None:
    for table in (
        "webhook_attempt", "webhook_delivery", "webhook_event", "webhook_cursor", "webhook_subscription",
        "api_request", "api_token",
    ):  # fmt: skip
        op.drop_table(table)
