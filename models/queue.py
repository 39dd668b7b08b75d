"""The queue: lists of tickets as agents work through them, with filters, orders, counts.

Enters: who asks, `Filters`, an order, where the page before ended. Leaves: lines and counts of tickets that the actor
may see. May fail: only with what the database raises; what a filter does not understand narrows nothing.

Pages follow each other by the last line's place in the order, not by counting: a ticket that comes or goes meanwhile
neither doubles a line nor hides one. Orders other than by number exist for unresolved tickets alone, whose number
stays within what is sorted at once; the others would have to be read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import search
from models.actor import Actor, visible
from models.ticket import PRIORITIES, STATUSES

UNRESOLVED = ("open", "in_progress", "waiting")
RESOLVED = tuple(status for status in STATUSES if status not in UNRESOLVED)
PAGE = 50
COUNTED = 1_000
"""Beyond so many, a filter's tickets are not counted: nobody reads further."""
ME, NOBODY = "me", "nobody"


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What narrows the queue down; '' narrows nothing."""

    status: str = ""
    """One of the ticket's, or `unresolved`, `done`, `all`, `snoozed`."""
    priority: str = ""
    category: str = ""
    channel: str = ""
    team: str = ""
    """A team's name; `nobody`: none."""
    assignee: str = ""
    """An agent's id, `me` or `nobody`."""
    language: str = ""
    product: str = ""
    tag: str = ""
    contact: str = ""
    """A contact's id."""
    text: str = ""
    """Words that stand in it, or its number."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """Those of a query string; whatever else stands in it is passed over."""
        given = {name: query.get(name, "").strip()[:200].replace("\0", "") for name in cls.__struct_fields__}
        if given["status"] not in (*STATUSES, "done", "all", "snoozed"):
            given["status"] = ""
        if given["priority"] not in PRIORITIES:
            given["priority"] = ""
        return cls(**given)

    def said(self) -> dict[str, str]:
        """Those that narrow something, by name."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket of the list."""

    number: int
    subject: str
    status: str
    priority: str
    category: str
    channel: str
    language: str
    team: str
    assignee_id: int | None
    assignee: str
    contact: str
    tier: str
    tags: Sequence[str]
    messages: int
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    snoozed_until: datetime | None
    last_direction: str
    """in: the customer spoke last."""
    last_words: str
    place: str
    """Where it stands in the order: the page after it begins there."""


class Listing(msgspec.Struct, frozen=True):
    """A page of the queue."""

    lines: Sequence[Line]
    after: str
    """Where the next page begins; '' where there is none."""


class Order(msgspec.Struct, frozen=True):
    """How lines follow each other: by `key`, then by number."""

    key: str
    type: str
    backwards: bool
    read: Callable[[str], Any]


def _moment(said: str) -> datetime:
    moment = datetime.fromisoformat(said)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


DUE = "coalesce(clock.due_at, 'infinity')"
CLOCK = "LEFT JOIN ticket_clock AS clock ON clock.ticket_id = ticket.id"
ORDERS = {
    "newest": Order("ticket.id", "bigint", True, int),
    "oldest": Order("ticket.id", "bigint", False, int),
    "due": Order(DUE, "timestamptz", False, _moment),
    "priority": Order("array_position(cast('{urgent,high,normal,low}' AS text[]), ticket.priority)", "int", False, int),
    "activity": Order("ticket.updated_at", "timestamptz", True, _moment),
}
ASLEEP = "ticket.snoozed_until > now()"
AWAKE = "(ticket.snoozed_until IS NULL OR ticket.snoozed_until <= now())"
BY_NUMBER = ("newest", "oldest")


async def listing(
    connection: AsyncConnection,
    actor: Actor,
    filters: Filters,
    *,
    order: str = "priority",
    after: str = "",
    most: int = PAGE,
) -> Listing:
    """A page of the tickets that `filters` let through."""
    condition, values = _condition(actor, filters)
    if filters.text and not _number(filters.text):
        return await _searched(connection, actor, filters, condition, values, after=after, most=most)
    by = ORDERS[order_of(filters, order)]
    beyond = "true"
    if (place := _place(by, after)) is not None:
        beyond = f"({by.key}, ticket.id) {'<' if by.backwards else '>'} (cast(:key AS {by.type}), :id)"
        values |= {"key": place[0], "id": place[1]}
    way = "DESC" if by.backwards else "ASC"
    choice = _BY_CLOCK if by.key == DUE else _BY_KEY
    chosen = choice.format(condition=f"{condition} AND {beyond}", key=by.key, way=way)
    statement = _LISTING.format(chosen=chosen, way=way)
    await connection.execute(_PLAN)
    rows = (await connection.execute(text(statement), {**values, "most": most + 1})).all()
    lines = [_line(row, f"{_said(row.key)}|{row.number}") for row in rows[:most]]
    return Listing(lines, lines[-1].place if len(rows) > most else "")


def order_of(filters: Filters, order: str) -> str:
    """The order that `filters` can be shown in: the wished one, or by number."""
    if order in ORDERS and (order in BY_NUMBER or filters.status in ("", *UNRESOLVED)):
        return order
    return "priority" if filters.status in ("", *UNRESOLVED) else "newest"


async def _searched(
    connection: AsyncConnection,
    actor: Actor,
    filters: Filters,
    condition: str,
    values: dict[str, Any],
    *,
    after: str,
    most: int,
) -> Listing:
    """The tickets in which words stand, those first where they were said last."""
    before = _number(after.partition("|")[0])
    hits = await search.find(
        connection, actor, filters.text, before=before, most=most + 1, condition=condition, values=values
    )
    rows = await connection.execute(_BY_NUMBER, {"numbers": [hit.number for hit in hits[:most]]})
    known = {row.number: row for row in rows}
    lines = [_line(known[hit.number], f"{hit.message_id}|{hit.number}") for hit in hits[:most] if hit.number in known]
    return Listing(lines, lines[-1].place if len(hits) > most and lines else "")


async def counts(connection: AsyncConnection, actor: Actor) -> dict[str, int]:
    """How many unresolved tickets there are: `unresolved`, `me`, `nobody`, `urgent`, `snoozed`."""
    seen, values = visible(actor)
    row = (await connection.execute(text(_COUNTS.format(visible=seen)), {**values, "me": actor.id})).one()
    return {name: int(count) for name, count in row._mapping.items()}


async def count(connection: AsyncConnection, actor: Actor, filters: Filters) -> int:
    """How many tickets `filters` let through, at most `COUNTED`. Words are not counted: 0."""
    if filters.text:
        return 0
    condition, values = _condition(actor, filters)
    statement = text(_COUNT.format(condition=condition))
    return int(await connection.scalar(statement, {**values, "most": COUNTED}) or 0)


def _condition(actor: Actor, filters: Filters) -> tuple[str, dict[str, Any]]:
    """The SQL condition on `ticket`, with what the actor may see in it, and the values that it binds."""
    seen, values = visible(actor)
    if number := _number(filters.text):
        return f"{seen} AND ticket.id = :number", {**values, "number": number}
    parts = [seen, "ticket.merged_into IS NULL", *_states(filters, values)]
    for name in ("priority", "category", "channel", "language", "product"):
        if value := getattr(filters, name):
            parts.append(f"ticket.{name} = :{name}")
            values[name] = value
    if filters.tag:
        parts.append("ticket.tags <> '{}' AND ticket.tags @> ARRAY[cast(:tag AS text)]")
        values["tag"] = filters.tag
    if filters.team:
        parts.append("ticket.team = :team")
        values["team"] = "" if filters.team == NOBODY else filters.team
    if filters.assignee == NOBODY:
        parts.append("ticket.assignee_id IS NULL")
    elif agent := actor.id if filters.assignee == ME else _number(filters.assignee):
        parts.append("ticket.assignee_id = :assignee")
        values["assignee"] = agent
    if contact := _number(filters.contact):
        parts.append("ticket.contact_id = :contact")
        values["contact"] = contact
    return " AND ".join(parts), values


def _states(filters: Filters, values: dict[str, Any]) -> list[str]:
    """The part of the condition that is about status and sleep."""
    unresolved = "ticket.status NOT IN ('resolved', 'closed')"
    match filters.status:
        case "all":
            return []
        case "done":
            return ["ticket.status IN ('resolved', 'closed')"]
        case "snoozed":
            return [unresolved, ASLEEP]
        case "":
            return [] if filters.text or filters.contact else [unresolved, AWAKE]
        case status:
            values["status"] = status
            return ["ticket.status = :status", *([unresolved] if status in UNRESOLVED else [])]


def _number(said: str) -> int:
    """A number, as #12 or 12; 0 where it is none that could be a ticket's."""
    digits = said.strip().removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0


def _place(by: Order, said: str) -> tuple[Any, int] | None:
    key, _, number = said.rpartition("|")
    try:
        return by.read(key), int(number)
    except ValueError:
        return None


def _said(key: Any) -> str:
    return key.isoformat() if isinstance(key, datetime) else str(key)


def _line(row: Any, place: str) -> Line:
    values = {name: value for name, value in row._mapping.items() if name != "key"}
    return Line(**values, place=place)


# The plan depends on how many tickets a filter lets through.
_PLAN = text("SET LOCAL plan_cache_mode = force_custom_plan")
_SHOWN = """
    ticket.id AS number, ticket.subject, ticket.status, ticket.priority, ticket.category, ticket.channel,
    ticket.language, ticket.team, ticket.assignee_id, coalesce(agent.name, '') AS assignee,
    coalesce(nullif(contact.name, ''), ticket.answer_address) AS contact, contact.tier, ticket.tags,
    ticket.message_count AS messages, ticket.created_at, ticket.updated_at, clock.due_at,
    ticket.snoozed_until, coalesce(last.direction, '') AS last_direction,
    coalesce(last.words, '') AS last_words
"""
_BESIDE = f"""
    {CLOCK}
    JOIN contact ON contact.id = ticket.contact_id
    LEFT JOIN agent ON agent.id = ticket.assignee_id
    LEFT JOIN LATERAL (
        SELECT direction, left(coalesce(nullif(reply_text, ''), message.text), 200) AS words FROM message
        WHERE ticket_id = ticket.id AND (direction = 'in' OR (direction = 'out' AND sender LIKE 'agent:%'))
        ORDER BY id DESC LIMIT 1
    ) AS last ON true
"""
_BY_KEY = """
    SELECT ticket.id, {key} AS key FROM ticket WHERE {condition} ORDER BY {key} {way}, ticket.id {way} LIMIT :most
"""
# Two walks, each along an index and no longer than a page: those whose clock runs, then those whose clock does not.
_BY_CLOCK = """
    SELECT id, key FROM (
        (SELECT ticket.id, clock.due_at AS key FROM ticket_clock AS clock JOIN ticket ON ticket.id = clock.ticket_id
         WHERE clock.due_at IS NOT NULL AND {condition} ORDER BY clock.due_at, ticket.id LIMIT :most)
        UNION ALL
        (SELECT ticket.id, 'infinity' FROM ticket LEFT JOIN ticket_clock AS clock ON clock.ticket_id = ticket.id
         WHERE clock.due_at IS NULL AND {condition} ORDER BY ticket.id LIMIT :most)
    ) AS walked ORDER BY key, id LIMIT :most
"""
_LISTING = f"""
    WITH chosen AS ({{chosen}})
    SELECT chosen.key, {_SHOWN} FROM chosen JOIN ticket ON ticket.id = chosen.id {_BESIDE}
    ORDER BY chosen.key {{way}}, chosen.id {{way}}
"""
_BY_NUMBER = text(f"SELECT {_SHOWN} FROM ticket {_BESIDE} WHERE ticket.id = ANY(:numbers)")
_COUNTS = f"""
    SELECT count(*) FILTER (WHERE {AWAKE}) AS unresolved,
        count(*) FILTER (WHERE {AWAKE} AND assignee_id = :me) AS me,
        count(*) FILTER (WHERE {AWAKE} AND assignee_id IS NULL) AS nobody,
        count(*) FILTER (WHERE {AWAKE} AND priority = 'urgent') AS urgent,
        count(*) FILTER (WHERE {ASLEEP}) AS snoozed
    FROM ticket WHERE status NOT IN ('resolved', 'closed') AND merged_into IS NULL AND {{visible}}
"""
_COUNT = "SELECT count(*) FROM (SELECT FROM ticket WHERE {condition} LIMIT :most) AS counted"
