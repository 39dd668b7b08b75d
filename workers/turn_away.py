"""Turn away: what was erased, and comes in again by a mailbox that is read anew, is emptied at once.

Enters: claimed items with their readings. Leaves: the numbers of those that are done with: their rows say that they
came, and nothing of what they held. In the balance they count as duplicates: they had been received before. May fail
with what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import ledger, tombstone
from models.tombstone import Candidate
from workers.batch import Item
from workers.dedupe import fingerprint


class TurnedAway(NamedTuple):
    """What was ended."""

    items: frozenset[int]
    objects: tuple[str, ...]
    """SHA-256 of what they brought into the object store: to be deleted after the commit, if nobody else needs it."""


async def turn_away(connection: AsyncConnection, items: Sequence[Item], secret: bytes) -> TurnedAway:
    """End the items of which something was erased before."""
    candidates = [
        Candidate(
            item=item.claim.id,
            label=f"{item.envelope.channel}:{message.sender.address}" if message.sender.address else "",
            marks=(message.message_id, str(fingerprint(message, item.envelope, place))),
            sent_at=message.sent_at,
        )
        for item in items
        for place, message in enumerate(item.messages)
    ]
    gone = await tombstone.erased(connection, secret, candidates)
    if not gone:
        return TurnedAway(gone, ())
    claims = [item.claim for item in items if item.claim.id in gone]
    ended = await ledger.complete(connection, "inbox", claims, outcome=["duplicate"] * len(claims))
    bodies = (await connection.execute(_BODIES, {"ids": sorted(ended)})).scalars().all()
    await connection.execute(_EMPTY, {"ids": sorted(ended)})
    files = {name for item in items if item.claim.id in ended for name in item.stored}
    return TurnedAway(gone, tuple({*bodies, *files}))


_BODIES = text("SELECT body_sha256 FROM inbox WHERE id = ANY(:ids) AND body_sha256 <> ''")
_EMPTY = text(
    """
    UPDATE inbox SET envelope = '{}', body = NULL, body_sha256 = '', lane = 'erased:' || id WHERE id = ANY(:ids)
    """
)
