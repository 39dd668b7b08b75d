"""`guichet simulate --history`: a past for a fresh desk, so that its pages have something to show.

Enters: a connection, how many days, a seed, the present. Leaves: agents, customers, tickets with messages, events and
the ledger's rows, as they would stand had all of it happened; nothing is sent. The same seed, days and present tell the
same story. May fail: `NotEmptyError` where there are tickets already, or with what the database raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import copy, draw
from gateway.simulated_texts import Texts, fill
from gateway.simulated_texts import load as texts
from gateway.simulated_ticket import Matter, Told, tell
from models.contact import Contact, Identity
from models.ledger import InboxItem, OutboxItem
from models.ticket import Message, Ticket, TicketEvent

SHIPPED = Path(__file__).parent.parent / "config" / "history.toml"


class NotEmptyError(Exception):
    """There are tickets already."""


class Kind(msgspec.Struct, frozen=True):
    """What tickets of a category are like."""

    weight: float
    team: str
    urgent: float
    high: float


class Person(msgspec.Struct, frozen=True):
    """An agent of the story."""

    name: str
    team: str
    pace: float

    @property
    def email(self) -> str:
        """Their address; nobody reads it."""
        plain = self.name.lower().replace(" ", ".").replace("ï", "i")
        return f"{plain}@example.org"


class Incident(msgspec.Struct, frozen=True):
    """A bad day."""

    day: int
    category: str
    times: float


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    per_weekday: float
    weekdays: list[float]
    hours: list[float]
    timezone: str
    customers: int
    important: float
    internal: float
    french: float
    incident: Incident
    account: str
    pipelines: list[str]
    products: dict[str, float]
    channels: dict[str, float]
    quick: list[str]
    acknowledged: list[str]
    numbers: list[str]
    categories: dict[str, Kind]
    agents: list[Person]
    answers: dict[str, list[str]]


@lru_cache(maxsize=1)
def plot() -> Plot:
    """Read the file that ships, once."""
    return msgspec.toml.decode(SHIPPED.read_bytes(), type=Plot)


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who writes, always by the same channel."""

    id: int
    identity: int
    name: str
    channel: str
    address: str
    language: str
    important: bool


@dataclass(slots=True)
class Rows:
    """What is written, by table."""

    ticket: list[Mapping[str, Any]] = field(default_factory=list)
    message: list[Mapping[str, Any]] = field(default_factory=list)
    event: list[Mapping[str, Any]] = field(default_factory=list)
    inbox: list[Mapping[str, Any]] = field(default_factory=list)
    outbox: list[Mapping[str, Any]] = field(default_factory=list)


async def fill_desk(connection: AsyncConnection, *, days: int, seed: int, now: datetime, force: bool = False) -> int:
    """Tell `days` days of history up to `now`. Returns how many tickets that made."""
    if not force and await connection.scalar(_ANY):
        raise NotEmptyError("there are tickets already; --force tells the story beside them")
    story, chance = plot(), Random(seed)  # noqa: S311 - reproducible, and protects nothing
    agents = await _agents(connection, story)
    customers = await _customers(connection, story, chance, now - timedelta(days=days))
    matters = [_matter(story, chance, at, customers, agents, now) for at in _moments(story, chance, days, now)]
    stories = [tell(matter, story.answers, chance, now, ZoneInfo(story.timezone)) for matter in matters]
    await _write(connection, matters, stories, story)
    return len(matters)


def _moments(story: Plot, chance: Random, days: int, now: datetime) -> Iterator[datetime]:
    """When tickets come in: more on Mondays, in the morning, and every month a little more."""
    zone = ZoneInfo(story.timezone)
    today = now.astimezone(zone).date()
    found = []
    for back in range(days - 1, -1, -1):
        day = date.fromordinal(today.toordinal() - back)
        bad = story.incident.times if back == story.incident.day else 1.0
        expected = story.per_weekday * story.weekdays[day.weekday()] * (1.12 - 0.24 * back / max(days, 1)) * bad
        for _ticket in range(round(chance.gauss(expected, expected**0.5))):
            hour = chance.choices(range(24), story.hours)[0]
            at = datetime(day.year, day.month, day.day, hour, chance.randrange(60), chance.randrange(60), tzinfo=zone)
            found.append(at.astimezone(now.tzinfo))
    yield from sorted(at for at in found if at < now - timedelta(minutes=2))


async def _agents(connection: AsyncConnection, story: Plot) -> dict[str, list[tuple[int, Person]]]:
    """The agents of each team, made where they are not there."""
    teams: dict[str, list[tuple[int, Person]]] = {}
    for place, person in enumerate(story.agents):
        presence = ("available", "available", "away", "offline")[place % 4]
        values = {"address": person.email, "name": person.name, "team": person.team, "presence": presence}
        number = await connection.scalar(_AGENT, values)
        if number is None:
            number = await connection.scalar(_KNOWN_AGENT, values)
        await connection.execute(_TEAM, values)
        await connection.execute(_MEMBER, values | {"agent": number})
        teams.setdefault(person.team, []).append((int(str(number)), person))
    return teams


async def _customers(connection: AsyncConnection, story: Plot, chance: Random, since: datetime) -> list[Customer]:
    contacts, identities = await draw(connection, [("contact", story.customers), ("identity", story.customers)])
    people, found = texts().people, []
    for place, (contact, identity) in enumerate(zip(contacts, identities, strict=True)):
        name = f"{chance.choice(people.first)} {chance.choice(people.last)}"
        channel = chance.choices(list(story.channels), list(story.channels.values()))[0]
        mark = f"{identity:05d}"
        if channel in story.numbers:
            address = f"+3365{mark[-5:]}{chance.randrange(100):02d}"
        else:
            address = f"{name.lower().replace(' ', '.').replace('’', '')}.{mark}@{chance.choice(people.providers)}"
        language = "fr" if chance.random() < story.french else "en"
        found.append(
            Customer(contact, identity, name, channel, address, language, place < story.customers * story.important)
        )
    tier = ("standard", "vip")
    rows = [
        {"id": one.id, "name": one.name, "language": one.language, "tier": tier[one.important], "created_at": since}
        for one in found
    ]
    await copy(connection, _table(Contact), rows)
    addresses = [
        {"id": one.identity, "contact_id": one.id, "channel": one.channel, "address": one.address, "created_at": since}
        for one in found
    ]
    await copy(connection, _table(Identity), addresses)
    return found


def _matter(
    story: Plot,
    chance: Random,
    at: datetime,
    customers: Sequence[Customer],
    agents: Mapping[str, Sequence[tuple[int, Person]]],
    now: datetime,
) -> Matter:
    """What one ticket is about, who brings it, who takes it."""
    # Few customers write often, most of them once.
    customer = customers[int(len(customers) * chance.random() ** 1.7)]
    category = chance.choices(list(story.categories), [kind.weight for kind in story.categories.values()])[0]
    if (now - at).days == story.incident.day and chance.random() < 0.55:
        category = story.incident.category
    kind, drawn = story.categories[category], chance.random()
    words: Texts = texts()
    letters = [mail for mail in words.mails if mail.category == category and mail.language == customer.language]
    letter = chance.choice(letters or list(words.mails))
    agent, person = chance.choices(agents[kind.team], [1 / one.pace for _id, one in agents[kind.team]])[0]
    product = chance.choices(list(story.products), list(story.products.values()))[0] if chance.random() < 0.82 else ""
    again = words.letters[customer.language].again
    others = [number for team in agents.values() for number, _person in team if number != agent]
    return Matter(
        at=at,
        customer=customer,
        subject=fill(letter.subject, chance, words, at),
        text=fill(letter.text, chance, words, at),
        again=[fill(chance.choice(again), chance, words, at) for _time in range(4)],
        category=category,
        priority="urgent" if drawn < kind.urgent else "high" if drawn < kind.urgent + kind.high else "normal",
        product=product,
        perimeter="IN" if chance.random() < story.internal else "OUT",
        pipeline=story.pipelines[customer.important],
        team=kind.team,
        agent=agent,
        colleague=chance.choice(others),
        pace=person.pace * (0.12 if customer.channel in story.quick else 1.0),
        account=story.account,
        acknowledged=customer.channel in story.acknowledged,
    )


async def _write(connection: AsyncConnection, matters: Sequence[Matter], stories: Sequence[Told], story: Plot) -> None:
    said = sum(len(told.said) for told in stories)
    came = sum(one.direction == "in" for told in stories for one in told.said)
    tickets, messages, events, inbox, outbox = await draw(
        connection,
        [("ticket", len(matters)), ("message", said), ("ticket_event", sum(len(told.events) for told in stories)),
         ("inbox", came), ("outbox", said - came)],
    )  # fmt: skip
    rows = Rows()
    for number, matter, told in zip(tickets, matters, stories, strict=True):
        rows.ticket.append(matter.ticket(number, told))
        for one in told.said:
            _say(rows, number, matter, one, story, (inbox, outbox, messages))
        for at, actor, kind, old, new in told.events:
            rows.event.append({"ticket_id": number, "at": at, "actor": actor, "kind": kind, "old": old, "new": new})
    # Ids rise with time, as they would have.
    rows.event = [
        {"id": id_, **row} for id_, row in zip(events, sorted(rows.event, key=lambda e: e["at"]), strict=True)
    ]
    for model, of_table in (
        (Ticket, rows.ticket),
        (Message, rows.message),
        (TicketEvent, rows.event),
        (InboxItem, rows.inbox),
        (OutboxItem, rows.outbox),
    ):
        await copy(connection, _table(model), of_table)
    await connection.execute(_SIGNED)
    await connection.execute(_UNASKED)


def _say(rows: Rows, number: int, matter: Matter, one: Any, story: Plot, ids: tuple[list[int], ...]) -> None:
    """The message, and the ledger's row that it came or went by."""
    inbox, outbox, messages = ids
    message, customer = messages.pop(0), matter.customer
    trace = hashlib.sha256(f"{number} {message}".encode()).hexdigest()[:32]
    incoming = one.direction == "in"
    shared = {
        "channel": customer.channel,
        "trace_id": trace,
        "ticket_id": number,
        "message_id": message,
        "state": "done",
    }
    lane = f"{customer.channel}:{customer.address}"
    if incoming:
        item = inbox.pop(0)
        rows.inbox.append(
            {"id": item, "door_key": UUID(trace), "account": story.account, "lane": lane, "attempts": 1,
             "body": one.text.encode(), "size": len(one.text.encode()), "due_at": one.at,
             "outcome": "ticket" if one.first else "appended", "received_at": one.at,
             "settled_at": one.at + timedelta(milliseconds=40), **shared}
        )  # fmt: skip
    else:
        kind = "reply" if one.sender.startswith("agent:") else "acknowledgement"
        rows.outbox.append(
            {"id": outbox.pop(0), "unique_key": f"{kind}:{message if kind == 'reply' else number}", "kind": kind,
             "lane": lane, "attempts": 1, "due_at": one.at, "created_at": one.at,
             "settled_at": one.at + timedelta(milliseconds=900), **shared}
        )  # fmt: skip
    rows.message.append(
        {"id": message, "ticket_id": number, "inbox_id": item if incoming else None, "direction": one.direction,
         "channel": customer.channel, "identity_id": customer.identity,
         "sender": customer.address if incoming else one.sender, "sender_name": customer.name if incoming else one.name,
         "external_id": f"<{trace}@history.example>", "subject": matter.subject, "text": one.text,
         "proof": "aligned" if incoming else "unproved", "delivery": "" if incoming else "delivered",
         "trace_id": trace, "received_at": one.at if incoming else None, "created_at": one.at}
    )  # fmt: skip


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


_ANY = text("SELECT id FROM ticket LIMIT 1")
_AGENT = text(
    """
    INSERT INTO agent (email, name, role, presence, languages, max_level)
    VALUES (:address, :name, 'agent', :presence, '{fr,en}', 2) ON CONFLICT DO NOTHING RETURNING id
    """
)
_KNOWN_AGENT = text("SELECT id FROM agent WHERE lower(email) = lower(:address)")
_TEAM = text("INSERT INTO team (name) VALUES (:team) ON CONFLICT DO NOTHING")
_MEMBER = text("INSERT INTO team_member (team, agent_id) VALUES (:team, :agent) ON CONFLICT DO NOTHING")


_SIGNED = text(
    """
    UPDATE message SET sender_name = agent.name FROM agent
    WHERE direction = 'out' AND sender_name = '' AND sender = 'agent:' || agent.id
    """
)
# Nobody is behind these addresses: closing them by time alone sends nothing.
_UNASKED = text(
    """
    INSERT INTO solved_question (ticket_id, asked, why, closes_at)
    SELECT id, false, 'no_way', resolved_at + interval '5 days' FROM ticket
    WHERE status = 'resolved' AND NOT EXISTS (SELECT FROM solved_question WHERE ticket_id = ticket.id)
    """
)
