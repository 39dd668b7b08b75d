"""What channels of short lines need beside the rows that every message writes, inside the settling transaction.

    windows    until when a conversation may be answered in words of our own
    quiet      an acknowledgement that waits for its customer to fall silent waits on with each further line
    files      a place in the ticket for what the provider still keeps, and the duty to fetch it
    changes    messages that their author corrected or withdrew say so

Enters: drafts whose ids are drawn. May fail with what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from config.database import copy, draw
from models import answer_window
from models.answer_window import Heard
from models.ledger import MediaItem
from models.ticket import Attachment
from workers.batch import Draft
from workers.burst import LONGEST_QUIET
from workers.known import JUDGED, Known


async def put(connection: AsyncConnection, drafts: Sequence[Draft], known: Known) -> None:
    """Write it all. `drafts` are those that became rows."""
    await answer_window.heard(connection, [heard for draft in drafts if (heard := _heard(draft))])
    quiet = {d.ticket.id: d.quiet_seconds for d in drafts if d.outcome == "appended" and d.quiet_seconds and d.ticket}
    if quiet:
        keys = [f"acknowledgement:{number}" for number in quiet]
        await connection.execute(_QUIET, {"keys": keys, "seconds": list(quiet.values())})
    await _files(connection, drafts, known)
    await _judge(connection, drafts)
    changed = [d for d in drafts if d.message.changes and d.ticket]
    for draft in changed:
        assert draft.ticket is not None  # noqa: S101 - selected so
        values = {"ticket": draft.ticket.id, "name": draft.message.changes, "sender": draft.message.sender.address}
        await connection.execute(_CHANGED, {**values, "change": draft.message.change})


def _heard(draft: Draft) -> Heard | None:
    """The window that a message of a person opens."""
    message, envelope = draft.message, draft.item.envelope
    if not message.conversation or message.inert or not message.sender.address:
        return None
    return Heard(
        channel=message.answer_by or envelope.channel,
        account=message.answer_from or envelope.account,
        address=message.sender.address,
        key=message.conversation,
        at=message.sent_at or envelope.received_at,
        window_until=message.answer_until,
    )


async def _files(connection: AsyncConnection, drafts: Sequence[Draft], known: Known) -> None:
    waiting = [(draft, file) for draft in drafts for file in draft.message.pending]
    if not waiting:
        return
    [ids] = await draw(connection, (("attachment", len(waiting)),))
    places = [
        {
            "id": number,
            "message_id": draft.id,
            "filename": file.filename,
            "content_type": file.content_type,
            "size": file.size,
            "sha256": file.sha256,
            "inline": False,
            "state": "pending",
        }
        for number, (draft, file) in zip(ids, waiting, strict=True)
    ]
    duties = [
        {
            "attachment_id": number,
            "channel": draft.item.envelope.channel,
            "account": draft.item.envelope.account,
            "lane": f"file:{number}",
            "trace_id": draft.item.envelope.trace_id,
            "payload": msgspec.to_builtins(file),
            "created_at": known.now,
        }
        for number, (draft, file) in zip(ids, waiting, strict=True)
    ]
    await copy(connection, _table(Attachment), places)
    await copy(connection, _table(MediaItem), duties)


async def _judge(connection: AsyncConnection, drafts: Sequence[Draft]) -> None:
    """What further lines told of tickets that stood before."""
    tickets = {id(d.ticket): d.ticket for d in drafts if d.ticket and d.ticket.judged and not d.ticket.new}
    for ticket in tickets.values():
        values = {name: ticket.columns[name] for name in JUDGED}
        await connection.execute(_JUDGED, {"id": ticket.id, **values})


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


_QUIET = text(
    f"""
    UPDATE outbox SET due_at = greatest(due_at, least(
        now() + make_interval(secs => seconds), created_at + make_interval(secs => {LONGEST_QUIET} * seconds)))
    FROM unnest(cast(:keys AS text[]), cast(:seconds AS float[])) AS given (key, seconds)
    WHERE unique_key = given.key AND state = 'pending' AND attempts = 0 AND due_at > now()
    """
)
_JUDGED = text(f"UPDATE ticket SET {', '.join(f'{name} = :{name}' for name in JUDGED)} WHERE id = :id")
_CHANGED = text(
    """
    UPDATE message SET remarks = array_append(remarks, cast(:change AS text))
    WHERE ticket_id = :ticket AND external_id = :name AND sender = :sender AND direction = 'in'
      AND NOT remarks @> ARRAY[cast(:change AS text)]
    """
)
