"""Tickets, what was said in them, their files, their history: reading."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, Field

from channels.clean_text import filename
from gateway.api.problem import Problem
from gateway.api.route import Call, Result
from gateway.api.values import Id, Name, Paged, PageOf, Told, page_of
from models import staff_view
from models.staff_view import Page, Wanted
from models.ticket import PRIORITIES, STATUSES

Status = Literal["open", "in_progress", "waiting", "resolved", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]
Perimeter = Literal["IN", "OUT"]
if set(STATUSES) != set(Status.__args__) or set(PRIORITIES) != set(Priority.__args__):  # type: ignore[attr-defined]
    raise ImportError("the API's states are not those of the tickets")


class Person(Told):
    """Somebody, by number and name."""

    id: int
    name: str


class Ticket(Told):
    """A ticket."""

    number: int
    subject: str
    status: Status
    priority: Priority
    commitment_hours: int | None = Field(description="Hours within which it must be closed; null: the standard.")
    category: str
    product: str
    perimeter: Perimeter = Field(description="OUT: from a customer. IN: opened by one of our own.")
    pipeline: str
    stage: str
    level: int
    contact: Person
    channel: str = Field(description="That it came by.")
    account: str = Field(description="Our address that was written to.")
    answer_channel: str = Field(description="That answers go out on.")
    answer_address: str = Field(description="Where answers go to.")
    assignee: Person | None
    team: str
    language: str
    tags: list[str]
    merged_into: int | None
    continues: int | None
    messages: int
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None


class File(Told):
    """A file of a message."""

    id: int
    filename: str
    content_type: str
    size: int
    sha256: str
    inline: bool
    state: Literal["stored", "pending", "unavailable"]
    detail: str


class Message(Told):
    """One thing that was said in a ticket."""

    id: int
    ticket: int
    direction: Literal["in", "out", "note", "machine"]
    channel: str
    sender: str = Field(description="An address, or agent:7, program:3.")
    sender_name: str
    subject: str
    text: str = Field(description="Everything, quotes included.")
    new_words: str = Field(description="Without quotes and signature.")
    html: bool = Field(description="Whether a formatted version came with it.")
    proof: Literal["proved", "aligned", "unproved", "failed"] = Field(description="How the sender is known.")
    remarks: list[str]
    reasons: dict[str, Any] = Field(description="Why it was sorted and threaded as it was.")
    delivery: str
    delivery_detail: str
    created_at: datetime
    files: list[File]


class Event(Told):
    """One line of a ticket's history."""

    id: int
    ticket: int
    at: datetime
    actor: str = Field(description="agent:7, program:3, contact:…, or a step of the workers.")
    kind: str
    old: str
    new: str


class TicketQuery(Paged):
    """Which tickets."""

    status: Annotated[list[Status], Field(description="Any of these.", default_factory=list)]
    priority: Annotated[list[Priority], Field(description="Any of these.", default_factory=list)]
    category: Annotated[list[Name], Field(description="Any of these.", default_factory=list)]
    channel: Annotated[list[Name], Field(description="Any of these.", default_factory=list)]
    team: Name | None = None
    perimeter: Perimeter | None = None
    assignee: Id | None = None
    contact: Id | None = None
    tag: Name | None = None
    created_after: AwareDatetime | None = None
    updated_after: AwareDatetime | None = None
    order: Annotated[Literal["newest", "oldest"], Field(description="By number.")] = "newest"


class OrderQuery(Paged):
    """In which order."""

    order: Annotated[Literal["newest", "oldest"], Field(description="By id.")] = "oldest"


def ticket_of(row: Any) -> Ticket:
    """The API's ticket of a row."""
    values = dict(row._mapping)
    contact = Person(id=values.pop("contact_id"), name=values.pop("contact_name"))
    agent, name = values.pop("assignee_id"), values.pop("assignee_name")
    return Ticket(**values, contact=contact, assignee=Person(id=agent, name=name) if agent else None)


def tag_of(value: BaseModel) -> str:
    """Its ETag (RFC 9110 §8.8.3): it changes with anything that one can see."""
    return f'"{hashlib.sha256(value.model_dump_json().encode()).hexdigest()[:32]}"'


def part(query: Paged, order: str) -> Page:
    """The page that a query asks for."""
    return Page(int(query.cursor) if query.cursor else None, query.limit, order == "oldest")


async def visible_ticket(call: Call, *, lock: bool = False) -> Any:
    """The row of the ticket that the path names. Raises `Problem`, 404: there is none, or none that they may see."""
    row = await staff_view.ticket(call.connection, call.actor, call.path["number"], lock=lock)
    if row is None:
        raise Problem(404)
    return row


async def find(call: Call) -> Result:
    """List tickets."""
    query = call.asked(TicketQuery)
    wanted = Wanted(query.model_dump(exclude={"cursor", "limit", "order"}))
    rows = await staff_view.tickets(call.connection, call.actor, wanted, part(query, query.order))
    return Result(page_of(Ticket, rows, query.limit, ticket_of))


async def show(call: Call) -> Result:
    """One ticket."""
    ticket = ticket_of(await visible_ticket(call))
    return Result(ticket, tag=tag_of(ticket))


async def messages_of(call: Call, rows: Any) -> list[Message]:
    """The API's messages of rows, with their files."""
    files = await staff_view.files(call.connection, [row.id for row in rows])
    return [Message(**row._mapping, files=[File(**file) for file in files[row.id]]) for row in rows]


async def messages(call: Call) -> Result:
    """What was said."""
    await visible_ticket(call)
    query = call.asked(OrderQuery)
    rows = await staff_view.messages(call.connection, call.actor, call.path["number"], part(query, query.order))
    read = {message.id: message for message in await messages_of(call, rows[: query.limit])}
    return Result(page_of(Message, rows, query.limit, lambda row: read[row.id]))


async def message(call: Call) -> Result:
    """One message."""
    return Result(await read_message(call, call.path["message"]))


async def read_message(call: Call, message_id: int) -> Message:
    """The message of that id. Raises `Problem`, 404."""
    row = await staff_view.message(call.connection, call.actor, message_id)
    if row is None:
        raise Problem(404)
    return (await messages_of(call, [row]))[0]


async def events(call: Call) -> Result:
    """The history of one ticket."""
    await visible_ticket(call)
    query = call.asked(OrderQuery)
    rows = await staff_view.events(call.connection, call.actor, part(query, query.order), call.path["number"])
    return Result(page_of(Event, rows, query.limit, lambda row: Event(**row._mapping)))


async def all_events(call: Call) -> Result:
    """The history of all tickets that the token may see."""
    query = call.asked(OrderQuery)
    rows = await staff_view.events(call.connection, call.actor, part(query, query.order))
    return Result(page_of(Event, rows, query.limit, lambda row: Event(**row._mapping)))


async def file(call: Call) -> Result:
    """The bytes of a file: for saving, never for showing (threat: HTML of strangers under our name)."""
    row = await staff_view.file(call.connection, call.actor, call.path["file"])
    if row is None:
        raise Problem(404)
    if row.state != "stored":
        raise Problem(409, "It is still with the provider, or not to be had: see its state.")
    content = row.content
    if content is None:
        try:
            content = await call.shop.objects.get(row.sha256)
        except FileNotFoundError as error:
            raise Problem(409, "Its bytes are missing in the object store.") from error
    response = web.Response(body=bytes(content), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = disposition(row.filename)
    return Result(response=response)


def disposition(name: str) -> str:
    """`attachment`, with the name as RFC 8187 has it."""
    from urllib.parse import quote

    return f"attachment; filename*=UTF-8''{quote(filename(name) or 'file', safe='')}"


class Pages:
    """The lists' types."""

    tickets = PageOf[Ticket]
    messages = PageOf[Message]
    events = PageOf[Event]
