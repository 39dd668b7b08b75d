"""Merge and split: what was two matters becomes one, what was one becomes two; and both taken back.

    merge     the messages move to the survivor, which the customer's later replies reach by every old id, address and
              page; the other ticket is closed and points at it
    unmerge   gives back what came along, and the state that was; what arrived since stays with the survivor
    split     chosen messages move into a new ticket of the same contact
    unsplit   merges that ticket into the one that it came from

Only tickets of one contact are merged: whoever holds a link to one of them reads the other from then on. Every function
works inside the caller's transaction on tickets that the actor may see. May fail: `Refusal`, or what the database
raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from config.database import to_json
from models.actor import Actor
from models.columns import Moment, document, key, link, moment
from models.keys import message_key
from models.life.cycle import ENDED, Cycle
from models.life.refusals import NotAllowed
from models.life.row import Change, Done, keys, lock, lock_one, merged, note, shown

MOST_MOVED = 500


class Merge(SQLModel, table=True):
    """One ticket that was merged into another, and what is needed to take that back."""

    __tablename__: ClassVar[str] = "ticket_merge"
    __table_args__ = (
        Index("ticket_merge_ticket", "ticket_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        Index("ticket_merge_into", "into_id"),
    )

    id: int = key()
    ticket_id: int = link("ticket.id", nullable=False)
    into_id: int = link("ticket.id", nullable=False)
    before: dict[str, object] = document()
    """Of the merged ticket: status, stage, resolved_at, snoozed_until; of the survivor: participants, guests,
    conversation."""
    last_message: int = Field(sa_column=Column(BigInteger, nullable=False))
    """The newest message at that time: what is newer arrived in the survivor, and stays there."""
    at: Moment = moment(now=True)
    undone_at: Moment = moment(nullable=True)


async def merge(connection: AsyncConnection, actor: Actor, number: int, into: int) -> Done:
    """Make `number` part of `into`."""
    if number == into:
        raise NotAllowed("itself", "A ticket cannot be tied to itself.")
    rows = await lock(connection, actor, (number, into))
    gone, kept = rows[number], rows[into]
    for row in (gone, kept):
        if row.merged_into is not None:
            raise merged(row)
    if gone.contact_id != kept.contact_id:
        raise NotAllowed("other_contact", f"Tickets {number} and {into} are of different contacts; link them instead.")
    if kept.status in ENDED and gone.status not in ENDED:
        raise NotAllowed("into_ended", f"Ticket {into} is {kept.status}, and {number} is not: reopen it first.")
    before = {
        "status": gone.status,
        "stage": gone.stage,
        "resolved_at": gone.resolved_at.isoformat() if gone.resolved_at else None,
        "snoozed_until": gone.snoozed_until.isoformat() if gone.snoozed_until else None,
        "participants": list(kept.participants),
        "guests": list(kept.guests),
        "conversation": kept.conversation,
    }
    await connection.execute(_REMEMBER, {"ticket": number, "into": into, "before": to_json(before)})
    moved = await connection.execute(_MOVE, {"ticket": number, "into": into})
    values = {
        "id": into,
        "count": moved.rowcount,
        "participants": [one for one in gone.participants if one not in (*kept.participants, *kept.guests)],
        "guests": [one for one in gone.guests if one not in (*kept.participants, *kept.guests)],
        "conversation": gone.conversation,
    }
    await connection.execute(_RECEIVE, values)
    await connection.execute(_GO, {"id": number, "into": into})
    change = Change("merged", "", str(into))
    ended = [] if gone.status == "closed" else [Change("status", gone.status, "closed")]
    ended += [Change("snoozed", shown(gone.snoozed_until), "")] if gone.snoozed_until else []
    await note(connection, actor, number, [change, *ended])
    await note(connection, actor, into, [Change("merged_from", "", str(number))])
    return Done(number=number, changes=(change, *ended), keys=keys(gone, kept))


async def unmerge(connection: AsyncConnection, actor: Actor, number: int) -> Done:
    """Give `number` back what it was merged with."""
    gone = (await lock(connection, actor, [number]))[number]
    if gone.merged_into is None:
        raise NotAllowed("not_merged", f"Ticket {number} was not merged.")
    kept = (await lock(connection, actor, [gone.merged_into]))[gone.merged_into]
    record = (await connection.execute(_RECORD, {"ticket": number})).one()
    before: dict[str, Any] = record.before
    back = await connection.execute(_BACK, {"ticket": number, "into": kept.id, "last": record.last_message})
    await connection.execute(_RETURN, {"id": number, "count": back.rowcount, **before_of(before)})
    came = set(gone.participants) | set(gone.guests)
    values = {
        "id": kept.id,
        "count": back.rowcount,
        "participants": [one for one in kept.participants if one in before["participants"] or one not in came],
        "guests": [one for one in kept.guests if one in before["guests"] or one not in came],
        "conversation": before["conversation"] if kept.conversation == gone.conversation else kept.conversation,
    }
    await connection.execute(_GIVE, values)
    await connection.execute(_UNDONE, {"id": record.id})
    change = Change("merged", str(kept.id), "")
    reopened = [] if before["status"] == "closed" else [Change("status", "closed", str(before["status"]))]
    if put_off := before.get("snoozed_until"):
        reopened.append(Change("snoozed", "", shown(datetime.fromisoformat(put_off))))
    await note(connection, actor, number, [change, *reopened])
    await note(connection, actor, kept.id, [Change("merged_from", str(number), "")])
    return Done(number=number, changes=(change, *reopened), keys=keys(gone, kept))


async def split(
    connection: AsyncConnection,
    actor: Actor,
    number: int,
    messages: Sequence[int],
    *,
    subject: str = "",
    cycle: Cycle,
) -> Done:
    """Move `messages` into a new ticket of the same contact. `Done.number` is the new one's."""
    row = await lock_one(connection, actor, number)
    chosen = sorted(set(messages))
    found = (await connection.execute(_CHOSEN, {"ticket": number, "messages": chosen})).all()
    if len(found) != len(chosen) or not chosen or len(chosen) > MOST_MOVED:
        raise NotAllowed("no_messages", f"1 to {MOST_MOVED} messages of ticket {number} are split from it at once.")
    if len(chosen) == row.message_count or not any(one.direction == "in" for one in found):
        raise NotAllowed("no_split", "At least one message stays, and at least one of the customer's goes.")
    status, stage = "open", cycle.settle(row.pipeline, "", "", "open")
    title = " ".join(subject.split())[:500] or row.subject
    values = {"id": number, "subject": title, "status": status, "stage": stage, "count": len(chosen)}
    new = int((await connection.execute(_NEW, values)).scalar_one())
    await connection.execute(_SPLIT, {"ticket": new, "messages": chosen})
    await connection.execute(_FEWER, {"id": number, "count": len(chosen)})
    marks = [message_key(one.external_id) for one in found if one.external_id]
    await connection.execute(_KEYS, {"old": number, "new": new, "keys": marks})
    await connection.execute(_TIE, {"ticket": new, "other": number})
    change = Change("split_to", "", str(new))
    await note(connection, actor, number, [change])
    await note(connection, actor, new, [Change("created", "", status), Change("split_from", "", str(number))])
    return Done(number=new, changes=(change,), keys=(*keys(row), f"ticket:{new}"))


async def unsplit(connection: AsyncConnection, actor: Actor, number: int) -> Done:
    """Merge a ticket into the one that it was split from."""
    origin = await connection.scalar(_ORIGIN, {"ticket": number})
    if origin is None:
        await lock_one(connection, actor, number)
        raise NotAllowed("not_split", f"Ticket {number} was not split from another.")
    return await merge(connection, actor, number, int(origin))


def before_of(before: dict[str, Any]) -> dict[str, Any]:
    """The merged ticket's own part of what was remembered."""
    return {name: before.get(name) for name in ("status", "stage", "resolved_at", "snoozed_until")}


_REMEMBER = text(
    """
    INSERT INTO ticket_merge (ticket_id, into_id, before, last_message)
    VALUES (:ticket, :into, cast(:before AS jsonb),
        (SELECT coalesce(max(id), 0) FROM message WHERE ticket_id = :ticket))
    """
)
_MOVE = text("UPDATE message SET home_id = coalesce(home_id, ticket_id), ticket_id = :into WHERE ticket_id = :ticket")
_RECEIVE = text(
    """
    UPDATE ticket SET message_count = message_count + :count, updated_at = now(),
        participants = participants || cast(:participants AS text[]), guests = guests || cast(:guests AS text[]),
        conversation = CASE WHEN conversation = '' THEN :conversation ELSE conversation END
    WHERE id = :id
    """
)
_GO = text(
    """
    UPDATE ticket SET merged_into = :into, status = 'closed', message_count = 0, snoozed_until = NULL,
        resolved_at = coalesce(resolved_at, now()), updated_at = now()
    WHERE id = :id
    """
)
_RECORD = text("SELECT id, before, last_message FROM ticket_merge WHERE ticket_id = :ticket AND undone_at IS NULL")
_BACK = text(
    """
    UPDATE message SET ticket_id = :ticket, home_id = CASE WHEN home_id = :ticket THEN NULL ELSE home_id END
    WHERE ticket_id = :into AND id <= :last AND home_id IN (
        WITH RECURSIVE part AS (
            SELECT cast(:ticket AS bigint) AS id
            UNION SELECT ticket.id FROM ticket JOIN part ON ticket.merged_into = part.id
        ) SELECT id FROM part
    )
    """
)
_RETURN = text(
    """
    UPDATE ticket SET merged_into = NULL, status = :status, stage = :stage, message_count = :count,
        resolved_at = cast(cast(:resolved_at AS text) AS timestamptz), updated_at = now(),
        snoozed_until = cast(cast(:snoozed_until AS text) AS timestamptz)
    WHERE id = :id
    """
)
_GIVE = text(
    """
    UPDATE ticket SET message_count = message_count - :count, participants = :participants, guests = :guests,
        conversation = :conversation, updated_at = now()
    WHERE id = :id
    """
)
_UNDONE = text("UPDATE ticket_merge SET undone_at = now() WHERE id = :id")
_CHOSEN = text(
    "SELECT id, direction, external_id FROM message WHERE ticket_id = :ticket AND id = ANY(:messages) ORDER BY id"
)
_NEW = text(
    """
    INSERT INTO ticket (subject, status, priority, commitment_hours, category, product, perimeter, pipeline, stage,
        level, contact_id, channel, account, answer_channel, answer_address, answer_account, conversation, assignee_id,
        team, language, tags, participants, guests, message_count)
    SELECT :subject, :status, priority, commitment_hours, category, product, perimeter, pipeline, :stage,
        level, contact_id, channel, account, answer_channel, answer_address, answer_account, '', assignee_id,
        team, language, tags, participants, guests, :count
    FROM ticket WHERE id = :id RETURNING id
    """
)
_SPLIT = text("UPDATE message SET ticket_id = :ticket WHERE id = ANY(:messages)")
_FEWER = text("UPDATE ticket SET message_count = message_count - :count, updated_at = now() WHERE id = :id")
_KEYS = text("UPDATE thread_key SET ticket_id = :new WHERE ticket_id = :old AND key = ANY(:keys)")
_TIE = text("INSERT INTO ticket_link (ticket_id, other_id, kind) VALUES (:ticket, :other, 'split')")
_ORIGIN = text("SELECT other_id FROM ticket_link WHERE ticket_id = :ticket AND kind = 'split'")
