"""Contacts, agents, teams, channels, the balance: reading."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.problem import Problem
from gateway.api.route import Call, Result
from gateway.api.tickets import part
from gateway.api.values import Line, Name, Paged, PageOf, Told, page_of
from models import balance, staff_view


class Identity(Told):
    """An address of a contact."""

    channel: str
    address: str
    blocked_until: datetime | None = Field(description="Nothing automatic goes there before.")
    stopped_at: datetime | None = Field(description="When its owner said STOP; null: they did not.")


class Contact(Told):
    """A person who writes in."""

    id: int
    name: str
    language: str
    tier: str
    created_at: datetime
    identities: list[Identity]


class ContactQuery(Paged):
    """Which contacts."""

    channel: Name | None = None
    address: Annotated[Line | None, Field(description="One of theirs, as the channel writes it.")] = None


class Agent(Told):
    """Somebody who answers."""

    id: int
    name: str
    email: str
    role: Literal["agent", "supervisor", "administrator"]
    presence: Literal["available", "away", "offline"]
    languages: list[str]
    max_level: int
    enabled: bool
    teams: list[str]


class Team(Told):
    """Agents who share tickets."""

    name: str
    members: int


class ChannelLine(Told):
    """A channel of the settings."""

    name: str


class Balance(Told):
    """One channel's account of what it received: `received` is the sum of all that follow."""

    channel: str
    received: int
    ticket: int
    appended: int
    duplicate: int
    machine: int
    quarantined: int
    pending: int
    difference: int = Field(description="Anything but 0 is an alarm.")


class Agents(Told):
    """All agents."""

    items: list[Agent]


class Teams(Told):
    """All teams."""

    items: list[Team]


class ChannelList(Told):
    """All channels."""

    items: list[ChannelLine]


class Balances(Told):
    """The balance."""

    items: list[Balance]


Contacts = PageOf[Contact]


async def contacts(call: Call) -> Result:
    """List contacts."""
    query = call.asked(ContactQuery)
    asked = (query.channel or "", query.address or "")
    rows = await staff_view.contacts(call.connection, call.actor, part(query, "newest"), asked)
    addresses = await staff_view.identities(call.connection, [row.id for row in rows])
    return Result(
        page_of(
            Contact,
            rows,
            query.limit,
            lambda row: Contact(**row._mapping, identities=[Identity(**one) for one in addresses[row.id]]),
        )
    )


async def contact(call: Call) -> Result:
    """One contact."""
    row = await staff_view.contact(call.connection, call.actor, call.path["contact"])
    if row is None:
        raise Problem(404)
    addresses = await staff_view.identities(call.connection, [row.id])
    return Result(Contact(**row._mapping, identities=[Identity(**one) for one in addresses[row.id]]))


async def agents(call: Call) -> Result:
    """Everybody who answers."""
    return Result(Agents(items=[Agent(**row._mapping) for row in await staff_view.agents(call.connection)]))


async def teams(call: Call) -> Result:
    """All teams."""
    return Result(Teams(items=[Team(**row._mapping) for row in await staff_view.teams(call.connection)]))


async def channels(call: Call) -> Result:
    """All channels of the settings."""
    return Result(ChannelList(items=[ChannelLine(name=name) for name in call.shop.channels]))


async def sums(call: Call) -> Result:
    """The balance of every channel."""
    rows = await balance.balance(call.connection)
    return Result(
        Balances(items=[Balance(**{name: getattr(row, name) for name in Balance.model_fields}) for row in rows])
    )
