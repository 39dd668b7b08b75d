"""Joining: two contacts are one person, by proof; and separating them again.

    joined ──▶ undone

What proves it: an address that was verified (`address`), a link that only its owner had (`link`), or an agent who knows
(`agent`). Never a value that somebody typed. All addresses and tickets of the one contact go to the other, each ticket
with a line in its history; what went is noted, and goes back when the two are separated, with the tickets that its
addresses opened since. All functions work inside the caller's transaction, take an `Actor`, and raise
`NoContactError`, `JoinedError`, or what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import ARRAY, BigInteger, Index, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.actor import Actor, visible
from models.columns import Moment, key, link, moment, one_of, words
from models.keys import address_key

PROOFS = ("address", "link", "agent")


def _numbers() -> Any:
    return Field(default_factory=list, sa_column=Column(ARRAY(BigInteger), nullable=False, server_default="{}"))


class ContactJoin(SQLModel, table=True):
    """One contact that went into another."""

    __tablename__: ClassVar[str] = "contact_join"
    __table_args__ = (
        one_of("proof", PROOFS),
        Index("contact_join_gone", "gone_id"),
        Index("contact_join_into", "into_id"),
    )

    id: int = key()
    gone_id: int = link("contact.id", nullable=False)
    into_id: int = link("contact.id", nullable=False)
    proof: str = words("agent")
    actor: str = words()
    identities: list[int] = _numbers()
    """Those that went."""
    tickets: list[int] = _numbers()
    at: Moment = moment(now=True)
    undone_at: Moment = moment(nullable=True)


class NoContactError(LookupError):
    """There is no such contact, or the actor sees none of its tickets."""


class JoinedError(ValueError):
    """It cannot be joined, or separated, as it stands."""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """A join that stands."""

    id: int
    gone: int
    into: int
    proof: str
    actor: str
    identities: Sequence[str]
    """`channel:address` of those that went."""
    at: datetime


async def join(connection: AsyncConnection, actor: Actor, gone: int, into: int, *, proof: str) -> int:
    """Let the contact `gone` be the contact `into`. Returns the join's id."""
    if gone == into:
        raise JoinedError("a contact is itself already")
    for contact_id in (gone, into):
        await _seen(connection, actor, contact_id)
    await _lock(connection, gone, into)
    values = {"gone": gone, "into": into}
    identities = [row.id for row in await connection.execute(_MOVE_IDENTITIES, values)]
    if not identities:
        raise JoinedError(f"contact {gone} has no address: it went elsewhere already")
    tickets = [row.id for row in await connection.execute(_MOVE_TICKETS, values)]
    await connection.execute(_FILL, values)
    await _tell(connection, actor, tickets, gone, into)
    noted = {**values, "proof": proof, "actor": actor.label, "identities": identities, "tickets": tickets}
    return int((await connection.execute(_NOTE, noted)).scalar_one())


async def separate(connection: AsyncConnection, actor: Actor, join_id: int) -> int:
    """Undo a join. Returns how many tickets went back."""
    found: Any = (await connection.execute(_JOIN, {"id": join_id})).one_or_none()
    if found is None:
        raise JoinedError(f"there is no join {join_id} that stands")
    condition, seen = visible(actor)
    if not await connection.scalar(text(_MOVED.format(visible=condition)), {"tickets": found.tickets, **seen}):
        raise NoContactError(f"there is no contact {found.into_id}")
    if (later := await connection.scalar(_LATER, {"into": found.into_id, "id": join_id})) is not None:
        raise JoinedError(f"join {later} stands on it: undo that first")
    await _lock(connection, found.gone_id, found.into_id)
    values = {
        "gone": found.gone_id, "into": found.into_id, "identities": found.identities, "tickets": found.tickets,
    }  # fmt: skip
    await connection.execute(_IDENTITIES_BACK, values)
    tickets = [row.id for row in await connection.execute(_TICKETS_BACK, values)]
    await _tell(connection, actor, tickets, found.into_id, found.gone_id)
    await connection.execute(_UNDONE, {"id": join_id})
    return len(tickets)


async def contact_of(connection: AsyncConnection, actor: Actor, number: int) -> int:
    """The contact of a ticket."""
    condition, values = visible(actor)
    found = await connection.scalar(text(_CONTACT.format(visible=condition)), {"id": number, **values})
    if found is None:
        raise NoContactError(f"there is no ticket {number}")
    return int(found)


async def joins(connection: AsyncConnection, actor: Actor, contact_id: int) -> list[Joined]:
    """The joins of a contact that stand, the newest first."""
    await _seen(connection, actor, contact_id)
    return [Joined(**row._mapping) for row in await connection.execute(_JOINS, {"id": contact_id})]


async def _seen(connection: AsyncConnection, actor: Actor, contact_id: int) -> None:
    condition, values = visible(actor)
    if not await connection.scalar(text(_SEEN.format(visible=condition)), {"id": contact_id, **values}):
        raise NoContactError(f"there is no contact {contact_id}")


async def _lock(connection: AsyncConnection, *contacts: int) -> None:
    """Let no message of theirs be settled meanwhile: settling locks addresses, in this order."""
    rows = await connection.execute(_ADDRESSES, {"contacts": list(contacts)})
    keys = sorted(address_key((row.channel, row.address)) for row in rows)
    await connection.execute(_LOCK, {"keys": keys})


async def _tell(connection: AsyncConnection, actor: Actor, tickets: Sequence[int], old: int, new: int) -> None:
    values = {"tickets": list(tickets), "actor": actor.label, "old": str(old), "new": str(new)}
    await connection.execute(_EVENT, values)


_CONTACT = "SELECT contact_id FROM ticket WHERE id = :id AND {visible}"
_SEEN = "SELECT id FROM ticket WHERE contact_id = :id AND {visible} LIMIT 1"
_MOVED = "SELECT id FROM ticket WHERE id = ANY(:tickets) AND {visible} LIMIT 1"
_ADDRESSES = text("SELECT channel, address FROM identity WHERE contact_id = ANY(:contacts)")
_LOCK = text("SELECT count(pg_advisory_xact_lock(key)) FROM unnest(cast(:keys AS bigint[])) AS key")
_MOVE_IDENTITIES = text("UPDATE identity SET contact_id = :into WHERE contact_id = :gone RETURNING id")
_MOVE_TICKETS = text(
    """
    WITH locked AS (SELECT id FROM ticket WHERE contact_id = :gone ORDER BY id FOR NO KEY UPDATE)
    UPDATE ticket SET contact_id = :into FROM locked WHERE ticket.id = locked.id RETURNING ticket.id
    """
)
_FILL = text(
    """
    UPDATE contact SET name = coalesce(nullif(contact.name, ''), gone.name),
        language = coalesce(nullif(contact.language, ''), gone.language)
    FROM contact AS gone WHERE contact.id = :into AND gone.id = :gone
    """
)
_NOTE = text(
    """
    INSERT INTO contact_join (gone_id, into_id, proof, actor, identities, tickets)
    VALUES (:gone, :into, :proof, :actor, :identities, :tickets) RETURNING id
    """
)
_JOIN = text(
    """
    SELECT gone_id, into_id, identities, tickets FROM contact_join WHERE id = :id AND undone_at IS NULL FOR UPDATE
    """
)
_LATER = text(
    """
    SELECT id FROM contact_join WHERE gone_id = :into AND id > :id AND undone_at IS NULL ORDER BY id DESC LIMIT 1
    """
)
_IDENTITIES_BACK = text("UPDATE identity SET contact_id = :gone WHERE id = ANY(:identities) AND contact_id = :into")
_TICKETS_BACK = text(
    """
    WITH going AS (
        SELECT id FROM ticket WHERE contact_id = :into AND (id = ANY(:tickets) OR (
            SELECT identity_id FROM message WHERE ticket_id = ticket.id AND direction = 'in' ORDER BY message.id LIMIT 1
        ) = ANY(:identities)) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE ticket SET contact_id = :gone FROM going WHERE ticket.id = going.id RETURNING ticket.id
    """
)
_UNDONE = text("UPDATE contact_join SET undone_at = now() WHERE id = :id")
_JOINS = text(
    """
    SELECT id, gone_id AS gone, into_id AS "into", proof, actor, at,
        ARRAY(SELECT channel || ':' || address FROM identity WHERE identity.id = ANY(identities) ORDER BY identity.id)
            AS identities
    FROM contact_join WHERE :id IN (gone_id, into_id) AND undone_at IS NULL ORDER BY id DESC
    """
)
_EVENT = text(
    """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT ticket_id, :actor, 'contact', :old, :new FROM unnest(cast(:tickets AS bigint[])) AS given (ticket_id)
    """
)
