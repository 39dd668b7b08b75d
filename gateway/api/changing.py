"""Changes of tickets, through `models.life`, which checks, refuses and writes the history.

Who read a ticket before says so: by If-Match with its ETag (412 where anything changed since), or by `expected` with
the values that they saw (409 where one of those changed). Without either, the last one to come wins.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import hdrs
from pydantic import AwareDatetime, Field, model_validator

from config.hints import Hint
from gateway.api.problem import Problem
from gateway.api.route import Call, Result
from gateway.api.tickets import Perimeter, Priority, Status, tag_of, ticket_of, visible_ticket
from gateway.api.values import Asked, Id, Line, Name, Told
from models import life
from models.life import Cycle, Done

Made = TypeVar("Made")
Hours = Literal[2, 4, 6, 8, 24, 48, 72]


class Fields(Asked):
    """Fields of a ticket; what is left out is left alone."""

    status: Status | None = None
    priority: Priority | None = None
    commitment_hours: Annotated[Hours | None, Field(description="null: the standard.")] = None
    category: Name | None = None
    product: Name | None = None
    perimeter: Perimeter | None = None
    pipeline: Name | None = None
    stage: Name | None = None
    level: Annotated[int | None, Field(ge=1, le=3)] = None
    team: Annotated[Name | None, Field(description="Empty: of no team.")] = None
    assignee: Annotated[Id | None, Field(description="null: nobody.")] = None
    subject: Line | None = None
    language: Annotated[str | None, Field(pattern=r"^[a-z]{0,2}$")] = None
    tags: Annotated[list[Name] | None, Field(max_length=50, description="The whole list.")] = None


CLEARED = frozenset(("commitment_hours", "assignee"))
"""Fields that may be null; of all others null would mean nothing."""


class TicketChange(Fields):
    """What is to be changed."""

    tags_added: Annotated[list[Name], Field(max_length=50)] | None = None
    tags_removed: Annotated[list[Name], Field(max_length=50)] | None = None
    expected: Annotated[
        Fields | None, Field(description="What you saw: where another value stands, nothing is changed (409).")
    ] = None

    @model_validator(mode="after")
    def _says_something(self) -> TicketChange:
        if not self.wanted():
            raise ValueError("nothing is to be changed")
        return self

    def wanted(self) -> dict[str, Any]:
        """Field → value, of those that were sent."""
        return given(self)


class Snooze(Asked):
    """Until when a ticket is put off."""

    until: Annotated[AwareDatetime | None, Field(strict=False, description="Within a year; null: take it up now.")]


class Link(Asked):
    """A ticket that has to do with it."""

    other: Id
    kind: Annotated[Literal["related", "duplicate", "parent"], Field(description="parent: other is.")] = "related"


class Unlink(Asked):
    """A ticket that has nothing more to do with it."""

    other: Id


class Merge(Asked):
    """What it becomes a part of."""

    into: Id


class Split(Asked):
    """What becomes a ticket of its own."""

    messages: Annotated[list[Id], Field(min_length=1, max_length=200)]
    subject: Line = ""


class Undo(Asked):
    """Nothing has to be said."""


class FieldChange(Told):
    """One line of the history."""

    field: str
    old: str
    new: str


class Changed(Told):
    """What was changed."""

    ticket: int
    changes: list[FieldChange] = Field(description="Empty: it was so already.")


def given(fields: Fields) -> dict[str, Any]:
    """Field → value of those that were sent, and that say something."""
    return {
        name: getattr(fields, name)
        for name in type(fields).model_fields
        if name in fields.model_fields_set
        and name != "expected"
        and (getattr(fields, name) is not None or name in CLEARED)
    }


async def done(call: Call, work: Awaitable[Done]) -> Result:
    """What was done, told to open pages. Raises `Problem`."""
    found = await allowed(work)
    call.hints += [Hint(key) for key in found.keys]
    call.sends = bool(found.changes)  # what is resolved may ask its customer
    changes = [FieldChange(field=one.field, old=one.old, new=one.new) for one in found.changes]
    return Result(Changed(ticket=found.number, changes=changes))


async def allowed(work: Awaitable[Made]) -> Made:
    """What it gives. Raises `Problem` with the refusal's word."""
    try:
        return await work
    except life.NoTicket as refusal:
        raise Problem(404) from refusal
    except life.Refusal as refusal:
        raise Problem(409, refusal.reason, code=refusal.code) from refusal


async def change(call: Call) -> Result:
    """Change fields."""
    asked = call.sent(TicketChange)
    if call.if_match:
        tag = tag_of(ticket_of(await visible_ticket(call, lock=True)))
        if call.if_match != "*" and tag not in [one.strip() for one in call.if_match.split(",")]:
            raise Problem(412, headers={hdrs.ETAG: tag})
    cycle = Cycle.of(call.shop.settings)
    expected = given(asked.expected) if asked.expected else None
    work = life.change(call.connection, call.actor, call.path["number"], asked.wanted(), cycle=cycle, expected=expected)
    return await done(call, work)


async def snooze(call: Call) -> Result:
    """Put it off."""
    until = call.sent(Snooze).until
    return await done(call, life.snooze(call.connection, call.actor, call.path["number"], until))


async def link(call: Call) -> Result:
    """Tie it to another."""
    asked = call.sent(Link)
    return await done(call, life.link(call.connection, call.actor, call.path["number"], asked.other, kind=asked.kind))


async def unlink(call: Call) -> Result:
    """Untie it."""
    return await done(call, life.unlink(call.connection, call.actor, call.path["number"], call.sent(Unlink).other))


async def merge(call: Call) -> Result:
    """Make it a part of another."""
    return await done(call, life.merge(call.connection, call.actor, call.path["number"], call.sent(Merge).into))


async def unmerge(call: Call) -> Result:
    """Take that back."""
    return await done(call, life.unmerge(call.connection, call.actor, call.path["number"]))


async def split(call: Call) -> Result:
    """Make a ticket of some of its messages."""
    asked, cycle = call.sent(Split), Cycle.of(call.shop.settings)
    work = life.split(
        call.connection, call.actor, call.path["number"], asked.messages, subject=asked.subject, cycle=cycle
    )
    return await done(call, work)


async def unsplit(call: Call) -> Result:
    """Take that back."""
    return await done(call, life.unsplit(call.connection, call.actor, call.path["number"]))
