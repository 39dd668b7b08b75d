"""What a token with `tickets:write` or `messages:write` may do: open tickets, log calls, answer, note.

A new ticket and a call go the way of all messages: accept, inbox, settle (promise 2: they stand in the balance). What
they became is waited for a little; where it takes longer the answer is 202, and the item can be asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Literal

import msgspec
from aiohttp import hdrs
from pydantic import Field, field_validator

from channels import Busy, TooLarge
from channels.clean_text import filename
from config.hints import Hint
from gateway.api.changing import allowed
from gateway.api.problem import Mistake, Problem
from gateway.api.route import Call, Result
from gateway.api.tickets import Priority, read_message
from gateway.api.values import Asked, Id, Line, Name, Told, Words
from models import life, staff_view
from models.envelope import AttachedFile, Order, RawMessage
from models.relay import NoTicketError, NoWayOutError, relay


class Customer(Asked):
    """On whose behalf: an address of theirs, and the account of ours that answers go out from."""

    channel: Annotated[Name, Field(description="The channel of that address: a name of /channels.", min_length=1)]
    address: Annotated[Line, Field(min_length=1, description="As the channel writes it: a mail address, E.164.")]
    account: Annotated[Line, Field(min_length=1, description="Our mailbox or number that answers go out from.")]
    name: Line = ""


class NewTicket(Asked):
    """A ticket to be opened."""

    subject: Annotated[Line, Field(min_length=1)]
    text: Words
    customer: Annotated[
        Customer | None, Field(description="On whose behalf; null: on behalf of whom the token stands for.")
    ] = None
    category: Annotated[Name, Field(description="A name of triage.toml; empty: by its words.")] = ""
    priority: Annotated[Priority | None, Field(description="null: by its words.")] = None
    product: Annotated[Name, Field(description="A name of triage.toml; empty: by its words.")] = ""
    language: Annotated[Literal["", "fr", "en"], Field(description="Empty: by its words.")] = ""


class NewCall(Asked):
    """A telephone call to be written down."""

    number: Annotated[Line, Field(min_length=3, max_length=40, description="The customer's, as your country writes.")]
    text: Words
    subject: Line = ""
    name: Line = ""
    direction: Annotated[Literal["in", "out"], Field(description="in: they called. out: we did.")] = "in"
    minutes: Annotated[int, Field(ge=0, le=1440)] = 0


class NewFile(Asked):
    """A file that goes with an answer."""

    filename: Annotated[Line, Field(min_length=1, max_length=200)]
    content_type: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}$")] = (
        "application/octet-stream"
    )
    content: Annotated[
        str,
        Field(
            pattern=r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
            description="Base64 (RFC 4648 §4).",
        ),
    ]

    @field_validator("content")
    @classmethod
    def _is_base64(cls, content: str) -> str:
        try:
            base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise ValueError("it is no base64") from error
        return content


class NewReply(Asked):
    """An answer to the customer."""

    text: Words
    files: Annotated[list[NewFile], Field(max_length=10, default_factory=list)]


class NewNote(Asked):
    """A note that the customer never sees."""

    text: Words
    mentions: Annotated[list[Id], Field(max_length=20, description="Agents who are to look.", default_factory=list)]


class Taken(Told):
    """What became of what was taken in."""

    item: int = Field(description="Of /items.")
    state: Literal["pending", "ticket", "appended", "duplicate", "machine", "quarantined"]
    ticket: int | None


async def open_ticket(call: Call) -> Result:
    """Open a ticket."""
    asked = call.sent(NewTicket)
    order = _order(call, asked)
    raw = next(filter(None, (channel.ordered(order) for channel in call.shop.channels.values())), None)
    if raw is None:
        raise Problem(409, "No channel of the settings takes such tickets.")
    return await _take(call, raw)


def _order(call: Call, asked: NewTicket) -> Order:
    settings, actor, customer = call.shop.settings, call.actor, asked.customer
    known = call.shop.channels.get(customer.channel) if customer else None
    if customer and known is None:
        raise Problem(422, errors=[Mistake(pointer="/customer/channel", detail="There is no such channel.")])
    address = known.mailbox(customer.address) if customer and known else actor.label
    return Order(
        author=actor.label,
        subject=asked.subject,
        text=asked.text,
        address=address,
        name=customer.name if customer else actor.name,
        answer_by=customer.channel if customer else "",
        answer_from=customer.account if customer else "",
        language=asked.language or actor.language or settings.triage.languages[0] if not customer else asked.language,
        category=asked.category,
        priority=asked.priority or "",
        product=asked.product,
        once=_once(call),
    )


def _once(call: Call) -> str:
    return hashlib.sha256(f"api:{call.once}".encode()).hexdigest() if call.once else ""


async def log_call(call: Call) -> Result:
    """Write a call down."""
    asked = call.sent(NewCall)
    note = {name: str(value) for name, value in asked.model_dump().items()} | {"agent": call.actor.name}
    try:
        raw = next(filter(None, (channel.noted(note) for channel in call.shop.channels.values())), None)
    except ValueError as error:
        mistake = Mistake(pointer="/number", detail="It is no telephone number.")
        raise Problem(422, errors=[mistake]) from error
    if raw is None:
        raise Problem(409, "No channel of the settings takes calls.")
    envelope = raw.envelope
    envelope = msgspec.structs.replace(
        envelope,
        external_id=_once(call) or envelope.external_id,
        facts={**envelope.facts, "author": call.actor.label},
    )
    return await _take(call, msgspec.structs.replace(raw, envelope=envelope))


async def _take(call: Call, raw: RawMessage) -> Result:
    """Accept it, and wait a little for what becomes of it."""
    envelope, inbox = raw.envelope, call.shop.inbox
    try:
        accepted = await inbox(raw)
        outcome = await inbox.outcome(
            envelope.channel, envelope.account, envelope.external_id, wait=call.shop.settings.api.wait_seconds
        )
    except TooLarge as error:
        raise Problem(413) from error
    except Busy as error:
        raise Problem(503, headers={hdrs.RETRY_AFTER: "5"}) from error
    state = outcome.kind if outcome else "pending"
    number = outcome.ticket_number if outcome else None
    taken = Taken(item=accepted.item_id, state=state, ticket=number)
    place = f"/api/v1/tickets/{number}" if number else f"/api/v1/items/{accepted.item_id}"
    return Result(taken, status=202 if state == "pending" else 201, headers={hdrs.LOCATION: place})


async def item(call: Call) -> Result:
    """What became of what this token's owner handed in."""
    row = await staff_view.item(call.connection, call.actor, call.path["item"])
    if row is None:
        raise Problem(404)
    return Result(Taken(item=row.id, state=row.outcome or "pending", ticket=row.ticket_id))


async def reply(call: Call) -> Result:
    """Answer the customer."""
    asked = call.sent(NewReply)
    number = call.path["number"]
    if await staff_view.ticket(call.connection, call.actor, number) is None:
        raise Problem(404)
    files = [
        AttachedFile(
            filename=filename(file.filename), content_type=file.content_type, content=base64.b64decode(file.content)
        )
        for file in asked.files
    ]
    try:
        message_id = await relay(
            call.connection,
            call.shop,
            number,
            asked.text,
            actor=call.actor,
            files=files,
            once=f"api:{call.once}" if call.once else "",
        )
    except NoTicketError as error:
        raise Problem(404) from error
    except NoWayOutError as error:
        raise Problem(409, "It has no address that answers could go to.", code="no_way_out") from error
    call.sends = True
    return await _said(call, message_id)


async def note(call: Call) -> Result:
    """Write an internal note."""
    asked = call.sent(NewNote)
    once = f"api:{call.once}" if call.once else ""
    work = life.note(call.connection, call.actor, call.path["number"], asked.text, mentions=asked.mentions, once=once)
    return await _said(call, await allowed(work))


async def _said(call: Call, message_id: int) -> Result:
    try:
        message = await read_message(call, message_id)
    except Problem as error:  # its ticket was merged into one that they may not see
        raise Problem(404) from error
    call.hints.append(Hint(f"ticket:{message.ticket}"))
    return Result(message, status=201, headers={hdrs.LOCATION: f"/api/v1/messages/{message.id}"})
