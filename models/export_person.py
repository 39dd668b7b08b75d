"""Export of one person: all that is kept of them, as values that go into JSON, and the files (GDPR, articles 15, 20).

Enters: one address of theirs. Leaves: who they are, their tickets with every message that they wrote or that was
written to them, what happened, where they are known; and their files. Notes of the desk among itself are left out, and
so are other people's names. Raises `erase.NobodyError`, and what the database raises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import erase


class StoredFile(NamedTuple):
    """A file of theirs; its bytes, or their name in the object store."""

    name: str
    content: bytes | None
    sha256: str


async def everything(connection: AsyncConnection, address: str) -> dict[str, Any]:
    """All but the files."""
    contact, labels = await erase.person(connection, address)
    values = {"contact": contact, "labels": list(labels), "addresses": list(erase.addresses_of(labels))}
    return {
        name: [dict(row._mapping) for row in await connection.execute(statement, values)]
        for name, statement in _PARTS.items()
    }


async def files(connection: AsyncConnection, address: str) -> AsyncIterator[StoredFile]:
    """The files, one after the other; their names are `message/number-filename`."""
    contact, _labels = await erase.person(connection, address)
    for row in (await connection.execute(_FILES, {"contact": contact})).all():
        name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in row.filename).lstrip(".")
        content = (await connection.execute(_CONTENT, {"id": row.id})).scalar_one()
        yield StoredFile(f"{row.message_id}/{row.id}-{name[:100] or 'file'}", content, row.sha256)


_OF_THEIRS = "ticket_id IN (SELECT id FROM ticket WHERE contact_id = :contact)"
_PARTS = {
    "person": text("SELECT name, language, tier, created_at FROM contact WHERE id = :contact"),
    "addresses": text(
        "SELECT channel, address, stopped_at, created_at FROM identity WHERE contact_id = :contact ORDER BY id"
    ),
    "tickets": text(
        """
        SELECT id AS number, subject, status, priority, category, product, channel, language, tags, created_at,
            updated_at, resolved_at FROM ticket WHERE contact_id = :contact ORDER BY id
        """
    ),
    "messages": text(
        f"""
        SELECT id, ticket_id AS ticket, direction, channel, sender, sender_name, subject, text, html, external_id,
            sent_at, received_at, created_at
        FROM message WHERE direction <> 'note' AND ({_OF_THEIRS}
            OR identity_id IN (SELECT id FROM identity WHERE contact_id = :contact)) ORDER BY id
        """
    ),
    "files": text(
        f"""
        SELECT id, message_id AS message, filename, content_type, size, sha256 FROM attachment
        WHERE message_id IN (SELECT id FROM message WHERE direction <> 'note' AND {_OF_THEIRS}) ORDER BY id
        """
    ),
    "history": text(f"SELECT ticket_id AS ticket, at, kind, old, new FROM ticket_event WHERE {_OF_THEIRS} ORDER BY id"),
    "conversations": text(
        """
        SELECT key, channel, name, email, language, created_at FROM conversation
        WHERE key = ANY(:labels) OR lower(email) = ANY(:addresses) ORDER BY key
        """
    ),
}
_FILES = text(
    f"""
    SELECT id, message_id, filename, sha256 FROM attachment
    WHERE state = 'stored' AND message_id IN (SELECT id FROM message WHERE direction <> 'note' AND {_OF_THEIRS})
    ORDER BY id
    """
)
_CONTENT = text("SELECT content FROM attachment WHERE id = :id")
