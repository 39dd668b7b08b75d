"""Full text of the messages, saved views of the queue, canned texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0014"
branch_labels = None
depends_on = None

# Own functions and not the extension `unaccent`: not every server lets its users create one. Both are immutable.
FUNCTIONS = (
    """
    CREATE FUNCTION search_plain(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT replace(replace(replace(translate(lower(normalize(words, NFC)),
            'àáâãäåçèéêëìíîïñòóôõöùúûüýÿ’', 'aaaaaaceeeeiiiinooooouuuuyy'''), 'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss')
    $$
    """,
    """
    CREATE FUNCTION search_vector(language text, words text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE language WHEN 'en' THEN to_tsvector('pg_catalog.english', search_plain(words))
            ELSE to_tsvector('pg_catalog.french', search_plain(words)) END
    $$
    """,
    """
    CREATE FUNCTION search_question(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT websearch_to_tsquery('pg_catalog.french', search_plain(words))
            || websearch_to_tsquery('pg_catalog.english', search_plain(words))
    $$
    """,
)


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)
    op.create_table(
        "message_search",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index(
        "message_search_words",
        "message_search",
        ["words"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "search_progress",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("up_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("query", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("saved_view_agent", "saved_view", ["agent_id"], unique=False)
    op.create_table(
        "canned_text",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("team", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_by", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("canned_text_name", "canned_text", ["team", "name", "language"], unique=True)
    op.create_index(
        "ticket_queue",
        "ticket",
        ["status", "team", "assignee_id", "priority", "snoozed_until"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('resolved', 'closed') AND merged_into IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ticket_queue",
        table_name="ticket",
        postgresql_where=sa.text("status NOT IN ('resolved', 'closed') AND merged_into IS NULL"),
    )
    for table in ("canned_text", "saved_view", "search_progress", "message_search"):
        op.drop_table(table)
    op.execute("DROP FUNCTION search_question(text)")
    op.execute("DROP FUNCTION search_vector(text, text)")
    op.execute("DROP FUNCTION search_plain(text)")
