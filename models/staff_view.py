"""What staff and their programs may read: tickets, messages, files, history, contacts. Every query carries `visible`.

Enters: an actor, what is asked for, and where the page before ended. Leaves: rows, whose names are those of the API.
What the actor may not see is as if it were not there. May fail: with what the database raises.

Pages are cut by key (`id < :after`), so that the thousandth costs what the first did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.actor import Actor, visible


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list."""

    after: int | None = None
    """The last id of the page before."""
    limit: int = 50
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets. Names of `equal` are keys of `_EQUAL`; None and empty lists ask for nothing."""

    equal: Mapping[str, Any] = field(default_factory=dict)

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """SQL conditions, and what they bind."""
        asked = {name: value for name, value in self.equal.items() if value is not None and value != []}
        return [_EQUAL[name] for name in asked], asked


async def tickets(connection: AsyncConnection, actor: Actor, wanted: Wanted, page: Page) -> Sequence[Any]:
    """Tickets, newest first unless `page` says otherwise; one more than the limit where there are more."""
    conditions, values = wanted.conditions()
    return await _list(connection, _TICKETS, "ticket.id", actor, page, conditions, values)


async def ticket(connection: AsyncConnection, actor: Actor, number: int, *, lock: bool = False) -> Any | None:
    """One ticket; with `lock` its row is held until the transaction ends."""
    sees, values = visible(actor)
    query = f"{_TICKETS} WHERE ticket.id = :number AND {sees}{' FOR NO KEY UPDATE OF ticket' if lock else ''}"
    return (await connection.execute(text(query), {**values, "number": number})).one_or_none()


async def messages(connection: AsyncConnection, actor: Actor, number: int, page: Page) -> Sequence[Any]:
    """What was said in a ticket."""
    return await _list(
        connection, _MESSAGES, "message.id", actor, page, ["message.ticket_id = :number"], {"number": number}
    )


async def message(connection: AsyncConnection, actor: Actor, message_id: int) -> Any | None:
    """One message of a ticket."""
    sees, values = visible(actor)
    query = f"{_MESSAGES} WHERE message.id = :message AND {sees}"
    return (await connection.execute(text(query), {**values, "message": message_id})).one_or_none()


async def files(connection: AsyncConnection, message_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The files of messages that were had from here, without their bytes, by message."""
    found: dict[int, list[dict[str, Any]]] = {message_id: [] for message_id in message_ids}
    for row in await connection.execute(_FILES, {"messages": list(message_ids)}):
        found[row.message_id].append({name: value for name, value in row._mapping.items() if name != "message_id"})
    return found


async def file(connection: AsyncConnection, actor: Actor, file_id: int) -> Any | None:
    """One file: content (None where it stands in the object store), sha256, filename, content_type, state."""
    sees, values = visible(actor)
    query = f"{_FILE} WHERE attachment.id = :file AND {sees}"
    return (await connection.execute(text(query), {**values, "file": file_id})).one_or_none()


async def events(connection: AsyncConnection, actor: Actor, page: Page, number: int | None = None) -> Sequence[Any]:
    """History: of one ticket, or of all."""
    conditions = [] if number is None else ["event.ticket_id = :number"]
    return await _list(connection, _EVENTS, "event.id", actor, page, conditions, {"number": number} if number else {})


async def contacts(connection: AsyncConnection, actor: Actor, page: Page, address: tuple[str, str]) -> Sequence[Any]:
    """Contacts whose tickets the actor may see some of; of one address (channel, address) where it is not ('', '')."""
    channel, place = address
    conditions, values = [], {}
    if place:
        conditions.append("contact.id = ANY(ARRAY(SELECT contact_id FROM identity WHERE address = :address))")
        values["address"] = place
    if channel:
        conditions.append("EXISTS (SELECT FROM identity WHERE contact_id = contact.id AND channel = :channel)")
        values["channel"] = channel
    return await _list(connection, _CONTACTS, "contact.id", actor, page, conditions, values)


async def contact(connection: AsyncConnection, actor: Actor, contact_id: int) -> Any | None:
    """One contact."""
    sees, values = _sees(actor, "contact.id")
    query = f"{_CONTACTS} WHERE contact.id = :contact AND {sees}"
    return (await connection.execute(text(query), {**values, "contact": contact_id})).one_or_none()


async def identities(connection: AsyncConnection, contact_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The addresses of contacts that were had from here, by contact."""
    found: dict[int, list[dict[str, Any]]] = {contact_id: [] for contact_id in contact_ids}
    for row in await connection.execute(_IDENTITIES, {"contacts": list(contact_ids)}):
        found[row.contact_id].append({name: value for name, value in row._mapping.items() if name != "contact_id"})
    return found


async def item(connection: AsyncConnection, actor: Actor, item_id: int) -> Any | None:
    """What became of an inbox item that the actor handed in: id, outcome, ticket_id. None for everybody else's."""
    return (await connection.execute(_ITEM, {"item": item_id, "author": actor.label})).one_or_none()


async def agents(connection: AsyncConnection) -> Sequence[Any]:
    """Everybody who answers, and the teams that each belongs to."""
    return (await connection.execute(_AGENTS)).all()


async def teams(connection: AsyncConnection) -> Sequence[Any]:
    """All teams, and how many belong to each."""
    return (await connection.execute(_TEAMS)).all()


def _sees(actor: Actor, key: str) -> tuple[str, dict[str, Any]]:
    """`visible` for rows that are no tickets; of contacts, those of whom a ticket is visible."""
    sees, values = visible(actor)
    if key == "contact.id" and not actor.may("all_tickets"):
        sees = f"EXISTS (SELECT FROM ticket WHERE ticket.contact_id = contact.id AND {sees})"
    return sees, values


async def _list(
    connection: AsyncConnection,
    select: str,
    key: str,
    actor: Actor,
    page: Page,
    conditions: Sequence[str],
    values: Mapping[str, Any],
) -> Sequence[Any]:
    sees, bound = _sees(actor, key)
    bound = {**bound, **values, "limit": page.limit + 1}
    conditions = [sees, *conditions]
    if page.after is not None:
        bound["after"] = page.after
        conditions.append(f"{key} {'>' if page.ascending else '<'} :after")
    order = f"ORDER BY {key} {'ASC' if page.ascending else 'DESC'} LIMIT :limit"
    return (await connection.execute(text(f"{select} WHERE {' AND '.join(conditions)} {order}"), bound)).all()


_EQUAL = {
    "status": "ticket.status = ANY(:status)",
    "priority": "ticket.priority = ANY(:priority)",
    "category": "ticket.category = ANY(:category)",
    "channel": "ticket.channel = ANY(:channel)",
    "team": "ticket.team = :team",
    "perimeter": "ticket.perimeter = :perimeter",
    "assignee": "ticket.assignee_id = :assignee",
    "contact": "ticket.contact_id = :contact",
    "tag": ":tag = ANY(ticket.tags)",
    "created_after": "ticket.created_at >= :created_after",
    "updated_after": "ticket.updated_at >= :updated_after",
}
_TICKETS = """
    SELECT ticket.id AS number, ticket.subject, ticket.status, ticket.priority, ticket.commitment_hours,
        ticket.category, ticket.product, ticket.perimeter, ticket.pipeline, ticket.stage, ticket.level, ticket.channel,
        ticket.account, ticket.answer_channel, ticket.answer_address, ticket.team, ticket.language, ticket.tags,
        ticket.merged_into, ticket.continues, ticket.message_count AS messages, ticket.created_at, ticket.updated_at,
        ticket.resolved_at, ticket.contact_id, contact.name AS contact_name, ticket.assignee_id,
        coalesce(agent.name, '') AS assignee_name
    FROM ticket JOIN contact ON contact.id = ticket.contact_id LEFT JOIN agent ON agent.id = ticket.assignee_id
"""
_MESSAGES = """
    SELECT message.id, message.ticket_id AS ticket, message.direction, message.channel, message.sender,
        message.sender_name, message.subject, message.text, coalesce(nullif(message.reply_text, ''), message.text)
        AS new_words, message.html <> '' AS html, message.proof, message.remarks, message.reasons, message.delivery,
        message.delivery_detail, message.created_at
    FROM message JOIN ticket ON ticket.id = message.ticket_id
"""
_FILES = text(
    """
    SELECT message_id, id, filename, content_type, size, sha256, inline, state, detail FROM attachment
    WHERE message_id = ANY(:messages) ORDER BY id
    """
)
_FILE = """
    SELECT attachment.filename, attachment.content_type, attachment.content, attachment.sha256, attachment.state
    FROM attachment JOIN message ON message.id = attachment.message_id JOIN ticket ON ticket.id = message.ticket_id
"""
_EVENTS = """
    SELECT event.id, event.ticket_id AS ticket, event.at, event.actor, event.kind, event.old, event.new
    FROM ticket_event AS event JOIN ticket ON ticket.id = event.ticket_id
"""
_CONTACTS = "SELECT contact.id, contact.name, contact.language, contact.tier, contact.created_at FROM contact"
_IDENTITIES = text(
    """
    SELECT contact_id, channel, address, blocked_until, stopped_at FROM identity
    WHERE contact_id = ANY(:contacts) ORDER BY id
    """
)
_ITEM = text("SELECT id, outcome, ticket_id FROM inbox WHERE id = :item AND envelope #>> '{facts,author}' = :author")
_AGENTS = text(
    """
    SELECT id, name, email, role, presence, languages, max_level, disabled_at IS NULL AS enabled,
        ARRAY(SELECT team FROM team_member WHERE agent_id = agent.id ORDER BY team) AS teams
    FROM agent ORDER BY id
    """
)
_TEAMS = text(
    """
    SELECT name, (SELECT count(*) FROM team_member WHERE team = team.name) AS members FROM team ORDER BY name
    """
)
