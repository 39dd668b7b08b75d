"""Turn away: what was erased, and comes in again by a mailbox that is read anew, is emptied at once.

Enters: claimed items with their readings. Leaves: those that are to be settled. The rows of the others say that they
came, and nothing of what they held; in the balance they count as duplicates: they had been received before. May fail
with what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import ledger, tombstone
from models.envelope import InboundMessage
from models.tombstone import Candidate
from workers.batch import Item
from workers.dedupe import fingerprint


class TurnedAway(NamedTuple):
    """What is left, and what was ended."""

    left: list[Item]
    """Those to settle: of an item with several messages, those that nobody erased."""
    objects: tuple[str, ...]
    """SHA-256 of what they brought into the object store: to be deleted after the commit, if nobody else needs it."""


async def turn_away(connection: AsyncConnection, items: Sequence[Item], secret: bytes) -> TurnedAway:
    """Take out the messages that were erased before, and end the items that held nothing else."""
    messages = [(item, message, place) for item in items for place, message in enumerate(item.messages)]
    candidates = [
        Candidate(
            label=f"{item.envelope.channel}:{message.sender.address}" if message.sender.address else "",
            message_id=message.message_id,
            fingerprint=str(fingerprint(message, item.envelope, place)),
            sent_at=message.sent_at,
        )
        for item, message, place in messages
    ]
    erased = await tombstone.erased(connection, secret, candidates)
    if not erased:
        return TurnedAway(list(items), ())
    kept: dict[int, list[InboundMessage]] = {item.claim.id: [] for item in items}
    for number, (item, message, _place) in enumerate(messages):
        if number not in erased:
            kept[item.claim.id].append(message)
    touched = {messages[number][0].claim.id for number in erased}
    left = [
        replace(item, messages=tuple(kept[item.claim.id])) if item.claim.id in touched else item
        for item in items
        if item.claim.id not in touched or kept[item.claim.id]
    ]
    claims = [item.claim for item in items if item.claim.id in touched and not kept[item.claim.id]]
    ended = await ledger.complete(connection, "inbox", claims, outcome=["duplicate"] * len(claims)) if claims else []
    bodies = (await connection.execute(_BODIES, {"ids": sorted(touched)})).scalars().all()
    await connection.execute(_STRIP, {"ids": sorted(touched)})
    await connection.execute(_EMPTY, {"ids": sorted(ended)})
    still = {name for item in left for name in item.stored}
    files = {name for item in items if item.claim.id in touched for name in item.stored} - still
    return TurnedAway(left, tuple({*bodies, *files}))


_BODIES = text("SELECT body_sha256 FROM inbox WHERE id = ANY(:ids) AND body_sha256 <> ''")
# Of an item that holds others' messages too, the bytes go and the rest stays.
_STRIP = text("UPDATE inbox SET body = NULL, body_sha256 = '' WHERE id = ANY(:ids)")
_EMPTY = text("UPDATE inbox SET envelope = '{}', lane = 'erased:' || id WHERE id = ANY(:ids)")
