"""Write: the rows of a settled batch, in bulk, inside its transaction.

`number` draws all ids in one statement once every decision is made. `put` copies the new rows, updates the old ones and
completes the items. May fail: `Fenced`, where somebody else claimed an item meanwhile, or what the database raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from config.database import copy, draw, to_json
from models import closing
from models.contact import Contact, Identity, hour_of
from models.ledger import OutboxItem, complete
from models.page_link import PageLink
from models.resemblance import Resemblance
from models.ticket import Attachment, Message, Ticket, TicketEvent
from workers import reports, short_lines
from workers.batch import Acknowledgement, Draft, Item
from workers.known import Known, KnownIdentity, KnownTicket
from workers.recognise import resemblances, tell


class FencedError(Exception):
    """Another worker claimed one of these items meanwhile: this batch must change nothing."""


async def number(connection: AsyncConnection, drafts: Sequence[Draft], known: Known) -> None:
    """Give every new ticket, message, contact, identity and outbox item its id, in order of arrival."""
    tickets = [d.ticket for d in drafts if d.outcome == "ticket" and d.ticket is not None]
    kept = [d for d in drafts if d.kept]
    acknowledged = [d.acknowledgement for d in drafts if d.acknowledgement is not None]
    fresh = known.newcomers
    counts = (
        ("ticket", len(tickets)),
        ("message", len(kept) + len(acknowledged)),
        ("contact", len(fresh)),
        ("identity", len(fresh)),
        ("outbox", len(acknowledged)),
    )
    ticket_ids, message_ids, contact_ids, identity_ids, outbox_ids = await draw(connection, counts)
    for identity, contact_id, identity_id in zip(fresh, contact_ids, identity_ids, strict=True):
        identity.contact_id, identity.id = contact_id, identity_id
    for identity in fresh:
        if identity.person is not None:
            identity.contact_id = identity.person.contact_id
    for ticket, ticket_id in zip(tickets, ticket_ids, strict=True):
        ticket.id = ticket_id
        assert ticket.identity is not None  # noqa: S101 - a new ticket has its opener
        ticket.contact_id = ticket.identity.contact_id
    remaining = iter(message_ids)
    outbox = iter(outbox_ids)
    for draft in kept:
        draft.id = next(remaining)
        if draft.acknowledgement is not None:
            draft.acknowledgement.message_id = next(remaining)
            draft.acknowledgement.outbox_id = next(outbox)


async def put(connection: AsyncConnection, items: Sequence[Item], drafts: Sequence[Draft], known: Known) -> None:
    """Write all that the drafts decided, and complete their items."""
    kept = [draft for draft in drafts if draft.kept]
    tell(kept)
    tickets = list({id(d.ticket): d.ticket for d in kept if d.ticket is not None}.values())
    await copy(connection, _table(Contact), [_contact(identity) for identity in known.newcomers if not identity.person])
    await copy(connection, _table(Identity), [_identity(i) for i in known.newcomers if i.address[1]])
    await copy(connection, _table(Ticket), [_ticket(ticket, known) for ticket in tickets if ticket.new])
    await copy(connection, _table(Message), list(_messages(kept, known)))
    await copy(connection, _table(Attachment), list(_attachments(kept)))
    await short_lines.put(connection, kept, known)
    await copy(connection, _table(TicketEvent), list(_events(tickets, known)))
    await copy(connection, _table(Resemblance), list(resemblances(kept, known)))
    await copy(connection, _table(OutboxItem), list(_outbox(kept, known)))
    pages = [
        d.acknowledgement.link for d in kept if d.acknowledgement is not None and d.acknowledgement.link is not None
    ]
    await copy(connection, _table(PageLink), pages)
    await _update(connection, tickets, known)
    await reports.apply(connection, drafts, known)
    await _complete(connection, items, drafts)


async def _update(connection: AsyncConnection, tickets: Sequence[KnownTicket], known: Known) -> None:
    """Change what was there before: thread keys, tickets that got messages, identities, budgets."""
    keys = [(key, ticket.id, own) for key, rows in known.new_keys.items() for ticket, own in rows]
    if keys:
        columns = dict(zip(("keys", "tickets", "own"), map(list, zip(*sorted(keys), strict=True)), strict=True))
        await connection.execute(_REGISTER, columns)
    appended = [t for t in tickets if not t.new]
    if appended:
        await connection.execute(
            _APPEND,
            {
                "ids": [ticket.id for ticket in appended],
                "statuses": [ticket.status for ticket in appended],
                "stages": [ticket.stage for ticket in appended],
                "snoozed": [ticket.snoozed_until for ticket in appended],
                "messages": [ticket.added_messages for ticket in appended],
                "participants": [to_json(ticket.added_participants) for ticket in appended],
                "guests": [to_json(ticket.added_guests) for ticket in appended],
            },
        )
    answered = [(ticket.id, *answer) for ticket in tickets for answer in ticket.answers]
    await closing.heard(connection, answered)
    acknowledged = [i.id for i in known.identities.values() if i.changed and not i.new]
    if acknowledged:
        await connection.execute(_ACKNOWLEDGED, {"ids": sorted(acknowledged), "now": known.now})
    consenting = [i for i in known.identities.values() if i.consent_changed and not i.new]
    if consenting:
        stops = {"ids": [i.id for i in consenting], "stopped": [i.stopped_at for i in consenting]}
        await connection.execute(_CONSENT, stops)
    if known.added:
        scopes = sorted(known.added)
        counts = [known.added[scope] for scope in scopes]
        await connection.execute(_SPEND, {"scopes": scopes, "counts": counts, "hour": hour_of(known.now)})


async def _complete(connection: AsyncConnection, items: Sequence[Item], drafts: Sequence[Draft]) -> None:
    """Mark the items done. An item with several messages takes the outcome of its first one."""
    firsts: dict[int, Draft] = {}
    for draft in drafts:
        firsts.setdefault(draft.item.claim.id, draft)
    results = [_result(firsts.get(item.claim.id)) for item in items]
    outcomes, ticket_ids, message_ids = (list(column) for column in zip(*results, strict=True))
    done = await complete(
        connection,
        "inbox",
        [item.claim for item in items],
        outcome=outcomes,
        ticket_id=ticket_ids,
        message_id=message_ids,
    )
    if len(done) != len(items):
        raise FencedError(f"{len(items) - len(done)} of {len(items)} items were claimed by somebody else")


def _result(draft: Draft | None) -> tuple[str, int | None, int | None]:
    if draft is None:
        return "machine", None, None  # a batch of nothing but status reports holds no message
    if draft.duplicate_of is not None:
        return draft.outcome, draft.duplicate_of[1], draft.duplicate_of[0]
    source = draft.first or draft
    return draft.outcome, source.ticket.id if source.ticket else None, source.id or None


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def _contact(identity: KnownIdentity) -> Mapping[str, Any]:
    return {"id": identity.contact_id, "name": identity.name, "language": identity.language}


def _identity(identity: KnownIdentity) -> Mapping[str, Any]:
    return {
        "id": identity.id,
        "contact_id": identity.contact_id,
        "channel": identity.address[0],
        "address": identity.address[1],
        "acknowledged_at": identity.acknowledged_at,
        "stopped_at": identity.stopped_at,
    }


def _ticket(ticket: KnownTicket, known: Known) -> Mapping[str, Any]:
    return {
        "id": ticket.id,
        "contact_id": ticket.contact_id,
        "status": ticket.status,
        "conversation": ticket.conversation,
        "participants": ticket.participants,
        "guests": ticket.guests,
        "continues": ticket.continues,
        "message_count": ticket.added_messages,
        "acknowledged_at": known.now if ticket.acknowledged else None,
        "created_at": known.now,
        "updated_at": known.now,
        **ticket.columns,
    }


def _messages(drafts: Sequence[Draft], known: Known) -> Iterator[Mapping[str, Any]]:
    """Each message, and behind it the acknowledgement that answers it."""
    for draft in drafts:
        message, envelope, identity = draft.message, draft.item.envelope, draft.identity
        yield _message(
            id=draft.id,
            ticket_id=draft.ticket.id if draft.ticket else None,
            inbox_id=draft.item.claim.id,
            direction="machine" if draft.outcome == "machine" else "in",
            channel=envelope.channel,
            identity_id=identity.id if identity and identity.address[1] else None,
            sender=message.sender.address,
            sender_name=message.sender.name,
            external_id=message.message_id,
            subject=message.subject,
            subject_key=draft.subject_key,
            text=message.text,
            reply_text=message.reply_text if message.reply_text != message.text else "",
            html=message.html,
            proof=draft.proof,
            reasons=draft.reasons,
            remarks=[*message.remarks, *draft.remarks],
            fingerprint=draft.fingerprint,
            sketch=draft.said.sketch.stored() if draft.said else None,
            trace_id=envelope.trace_id,
            sent_at=message.sent_at,
            received_at=envelope.received_at,
            created_at=known.now,
        )
        if draft.acknowledgement is not None:
            yield _sent(draft, draft.acknowledgement, known)


def _sent(draft: Draft, decided: Acknowledgement, known: Known) -> Mapping[str, Any]:
    outbound = decided.outbound
    assert outbound is not None  # noqa: S101 - composed before writing
    return _message(
        id=decided.message_id,
        ticket_id=draft.ticket.id if draft.ticket else None,
        direction="out",
        channel=outbound.channel,
        identity_id=decided.identity.id,
        sender=outbound.account,
        external_id=outbound.message_id,
        subject=outbound.subject,
        text=outbound.text,
        delivery="queued",
        trace_id=outbound.trace_id,
        created_at=known.now,
    )


_MESSAGE_DEFAULTS: dict[str, Any] = {
    "inbox_id": None, "identity_id": None, "sender": "", "sender_name": "", "external_id": "", "subject": "",
    "subject_key": 0, "text": "", "reply_text": "", "html": "", "proof": "unproved", "reasons": {}, "remarks": [],
    "fingerprint": None, "sketch": None, "delivery": "", "trace_id": "", "sent_at": None, "received_at": None,
}  # fmt: skip


def _message(**columns: Any) -> Mapping[str, Any]:
    """A message row. COPY wants the same columns in the same order in each."""
    row = {name: columns.get(name, default) for name, default in _MESSAGE_DEFAULTS.items()}
    for name in ("id", "ticket_id", "direction", "channel", "created_at"):
        row[name] = columns[name]
    return row


def _attachments(drafts: Sequence[Draft]) -> Iterator[Mapping[str, Any]]:
    for draft in drafts:
        for attached in draft.message.attachments:
            digest = attached.sha256
            yield {
                "message_id": draft.id,
                "filename": attached.filename,
                "content_type": attached.content_type,
                "size": len(attached.content),
                "sha256": digest,
                "inline": attached.inline,
                "content_id": attached.content_id,
                "content": None if digest in draft.item.stored else attached.content,
            }


def _events(tickets: Sequence[KnownTicket], known: Known) -> Iterator[Mapping[str, Any]]:
    for ticket in tickets:
        for actor, kind, old, new in ticket.events:
            yield {"ticket_id": ticket.id, "at": known.now, "actor": actor, "kind": kind, "old": old, "new": new}


def _outbox(drafts: Sequence[Draft], known: Known) -> Iterator[Mapping[str, Any]]:
    for draft in drafts:
        decided = draft.acknowledgement
        if decided is None or decided.outbound is None or draft.ticket is None:
            continue
        yield {
            "id": decided.outbox_id,
            "unique_key": f"acknowledgement:{draft.ticket.id}",
            "kind": "acknowledgement",
            "channel": decided.outbound.channel,
            "lane": decided.identity.label,
            "trace_id": decided.outbound.trace_id,
            "ticket_id": draft.ticket.id,
            "message_id": decided.message_id,
            "payload": msgspec.to_builtins(decided.outbound),
            "due_at": known.now + timedelta(seconds=draft.quiet_seconds),
            "created_at": known.now,
        }


_REGISTER = text(
    """
    INSERT INTO thread_key (key, ticket_id, own)
    SELECT * FROM unnest(cast(:keys AS bigint[]), cast(:tickets AS bigint[]), cast(:own AS boolean[]))
    ON CONFLICT (key, ticket_id) DO UPDATE SET own = true WHERE excluded.own AND NOT thread_key.own
    """
)
_APPEND = text(
    """
    UPDATE ticket SET status = given.status, stage = given.stage, snoozed_until = given.snoozed_until,
        message_count = message_count + given.messages, updated_at = now(),
        resolved_at = CASE WHEN given.status = 'open' THEN NULL ELSE resolved_at END,
        participants = ticket.participants || ARRAY(SELECT jsonb_array_elements_text(given.participants::jsonb)),
        guests = ticket.guests || ARRAY(SELECT jsonb_array_elements_text(given.guests::jsonb))
    FROM unnest(
        cast(:ids AS bigint[]), cast(:statuses AS text[]), cast(:messages AS int[]), cast(:participants AS text[]),
        cast(:guests AS text[]), cast(:stages AS text[]), cast(:snoozed AS timestamptz[])
    ) AS given (id, status, messages, participants, guests, stage, snoozed_until)
    WHERE ticket.id = given.id
    """
)
_ACKNOWLEDGED = text(
    "UPDATE identity SET acknowledged_at = greatest(acknowledged_at, cast(:now AS timestamptz)) WHERE id = ANY(:ids)"
)
_CONSENT = text(
    """
    UPDATE identity SET stopped_at = given.stopped_at
    FROM unnest(cast(:ids AS bigint[]), cast(:stopped AS timestamptz[])) AS given (id, stopped_at)
    WHERE identity.id = given.id
    """
)
_SPEND = text(
    """
    INSERT INTO acknowledgement_count (scope, hour, count)
    SELECT scope, cast(:hour AS bigint), given.count
    FROM unnest(cast(:scopes AS text[]), cast(:counts AS int[])) AS given (scope, count)
    ON CONFLICT (scope, hour) DO UPDATE SET count = acknowledgement_count.count + excluded.count
    """
)
