"""Tombstones: keyed digests of what was erased, so that it does not come back by a mailbox that is read anew.

Enters: the installation's key, and what a message says of itself. Leaves: whether it was erased. A digest is an
HMAC-SHA-256 under the key, so that who reads the table cannot try addresses. A person may write again: their address
blocks only what was sent before the erasing.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came in."""

    label: str
    """`channel:address` of its sender; '' where nobody can be named."""
    message_id: str
    """Counts only together with the sender: anybody may use it again."""
    fingerprint: str
    sent_at: datetime | None


def digest(secret: bytes, kind: str, value: str) -> bytes:
    """The tombstone of an `address` or a `message`."""
    return hmac.digest(secret, f"tombstone\0{kind}\0{value.lower()}".encode("utf-8", "surrogatepass"), "sha256")


async def erect(connection: AsyncConnection, secret: bytes, kind: str, values: Iterable[str]) -> int:
    """Put up a tombstone for each value. Returns how many."""
    digests = [digest(secret, kind, value) for value in set(values) if value]
    await connection.execute(_ERECT, {"digests": digests, "kind": kind})
    return len(digests)


async def erased(connection: AsyncConnection, secret: bytes, candidates: Sequence[Candidate]) -> frozenset[int]:
    """The places of those `candidates` that were erased before."""
    if not (await connection.execute(_ANY)).scalar_one():
        return frozenset()
    said = {one: digest(secret, "message", one) for c in candidates for one in (c.message_id, c.fingerprint) if one}
    senders = {one.label: digest(secret, "address", one.label) for one in candidates if one.label}
    rows = await connection.execute(_FIND, {"digests": [*said.values(), *senders.values()]})
    since = {row.digest: row.erased_at for row in rows}
    found = set()
    for place, one in enumerate(candidates):
        until = since.get(senders.get(one.label, b""))
        earlier = until is not None and one.sent_at is not None and one.sent_at <= until
        again = until is not None and said.get(one.message_id, b"") in since
        if earlier or again or said.get(one.fingerprint, b"") in since:
            found.add(place)
    return frozenset(found)


_ANY = text("SELECT EXISTS (SELECT FROM tombstone)")
_ERECT = text(
    """
    INSERT INTO tombstone (digest, kind) SELECT digest, :kind FROM unnest(cast(:digests AS bytea[])) AS given (digest)
    ON CONFLICT (digest) DO UPDATE SET erased_at = now()
    """
)
_FIND = text("SELECT digest, erased_at FROM tombstone WHERE digest = ANY(cast(:digests AS bytea[]))")
