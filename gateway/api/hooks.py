"""Webhooks that go out: subscriptions, their secrets, what became of what they were told."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from aiohttp import hdrs
from pydantic import AwareDatetime, Field

from config import logs
from config.outside import forbidden, networks
from gateway.api.problem import Mistake, Problem
from gateway.api.route import Call, Result, Route
from gateway.api.values import Asked, Line, Name, Paged, PageOf, Told, page_of
from models import hooks

Kind = Literal[
    "ticket.created", "ticket.changed", "message.received", "message.sent", "message.noted", "message.delivery"
]
Url = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=1000)]
Events = Annotated[list[Kind], Field(min_length=1, max_length=6)]

log = logs.of("webhooks")


class NewSubscription(Asked):
    """An address that is to be told."""

    url: Annotated[Url, Field(description="https://; public, unless the settings allow its network.")]
    events: Events
    description: Line = ""
    every_team: Annotated[bool, Field(description="Told of all tickets, whatever their team.")] = False
    teams: Annotated[
        list[Name],
        Field(
            max_length=100, description="Told of the tickets of these, and of those of no team.", default_factory=list
        ),
    ]


class ChangedSubscription(Asked):
    """What is to be changed; what is left out stays."""

    url: Url | None = None
    events: Events | None = None
    description: Line | None = None
    every_team: bool | None = None
    teams: Annotated[list[Name], Field(max_length=100)] | None = None
    enabled: bool | None = None


class Replay(Asked):
    """What is to be told again."""

    delivery: Annotated[int | None, Field(ge=1, le=2**63 - 1, description="One; null: all that failed.")] = None
    since: Annotated[AwareDatetime | None, Field(strict=False, description="Only what failed since then.")] = None


class Empty(Asked):
    """Nothing has to be said."""


class Subscription(Told):
    """An address that is told, without its secret."""

    id: int
    url: str
    description: str
    events: list[str]
    every_team: bool
    teams: list[str]
    created_by: str
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str


class Subscriptions(Told):
    """All of them."""

    items: list[Subscription]


class Secret(Told):
    """A subscription's secret: shown once."""

    subscription: Subscription
    secret: str | None = Field(description="whsec_…; null where the request is repeated: it is shown once.")


class Attempt(Told):
    """One try."""

    at: datetime
    status: int | None
    milliseconds: int
    error: str


class Delivery(Told):
    """What one subscription was, or is to be, told."""

    id: int
    event: str = Field(description="The header webhook-id.")
    kind: str
    ticket: int | None
    state: Literal["pending", "done", "dead"]
    attempts: int
    due_at: datetime
    last_status: int | None
    last_error: str
    created_at: datetime
    settled_at: datetime | None
    tries: list[Attempt]


class DeliveryQuery(Paged):
    """Which deliveries."""

    state: Literal["pending", "done", "dead"] | None = None


class Count(Told):
    """How many."""

    count: int


def subscription_of(row: Any) -> Subscription:
    """The API's subscription of a row: the nonce stays here."""
    return Subscription(**{name: getattr(row, name) for name in Subscription.model_fields})


def check_url(call: Call, url: str) -> None:
    """Raises `Problem`, 422, for an address that would never be called. Names are looked up when they are called."""
    limits = call.shop.settings.webhooks
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _wrong("It is no address.") from error
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise _wrong("It needs a host, and must have no user, password or fragment.")
    if parts.scheme != "https" and not limits.allow_http:
        raise _wrong("It must begin with https://.")
    try:
        ip_address(host)
    except ValueError:
        return
    if reason := forbidden(host, networks(limits.allowed_networks)):
        raise _wrong(f"{reason}.")


def _wrong(detail: str) -> Problem:
    return Problem(422, errors=[Mistake(pointer="/url", detail=detail)])


async def _one(call: Call, *, lock: bool = False) -> Any:
    row = await hooks.one(call.connection, call.path["subscription"], lock=lock)
    if row is None:
        raise Problem(404)
    return row


async def listed(call: Call) -> Result:
    """All subscriptions."""
    return Result(Subscriptions(items=[subscription_of(row) for row in await hooks.listed(call.connection)]))


async def show(call: Call) -> Result:
    """One subscription."""
    return Result(subscription_of(await _one(call)))


async def add(call: Call) -> Result:
    """Make one, and show its secret."""
    asked = call.sent(NewSubscription)
    check_url(call, asked.url)
    row = await hooks.add(call.connection, **asked.model_dump(), by=call.actor.label)
    log.info("webhook_changed", subscription=row.id, what="added", by=call.actor.label)
    told = subscription_of(row)
    secret = hooks.secret_of(call.shop.secret, row.id, row.nonce)
    return Result(
        Secret(subscription=told, secret=secret),
        status=201,
        headers={hdrs.LOCATION: f"/api/v1/webhooks/{row.id}"},
        kept=Secret(subscription=told, secret=None),
    )


async def change(call: Call) -> Result:
    """Change one."""
    await _one(call, lock=True)
    asked = call.sent(ChangedSubscription)
    if asked.url is not None:
        check_url(call, asked.url)
    values = {name: value for name, value in asked.model_dump().items() if value is not None}
    await hooks.change(call.connection, call.path["subscription"], values)
    log.info("webhook_changed", subscription=call.path["subscription"], what=sorted(values), by=call.actor.label)
    return Result(subscription_of(await _one(call)))


async def remove(call: Call) -> Result:
    """Delete one."""
    if not await hooks.remove(call.connection, call.path["subscription"]):
        raise Problem(404)
    log.info("webhook_changed", subscription=call.path["subscription"], what="removed", by=call.actor.label)
    return Result(Count(count=1))


async def rotate(call: Call) -> Result:
    """Give one a new secret."""
    row = await _one(call, lock=True)
    nonce = await hooks.rotate(call.connection, row.id)
    log.info("webhook_changed", subscription=row.id, what="secret", by=call.actor.label)
    told = subscription_of(row)
    secret = hooks.secret_of(call.shop.secret, row.id, nonce)
    return Result(Secret(subscription=told, secret=secret), kept=Secret(subscription=told, secret=None))


async def test(call: Call) -> Result:
    """Tell it something."""
    row = await _one(call)
    await hooks.test(call.connection, row.id)
    return Result(Count(count=1), status=201)


async def deliveries(call: Call) -> Result:
    """What it was told."""
    row, query = await _one(call), call.asked(DeliveryQuery)
    after = int(query.cursor) if query.cursor else None
    rows = await hooks.deliveries(call.connection, row.id, after=after, limit=query.limit, state=query.state or "")
    tries = await hooks.attempts(call.connection, [one.id for one in rows])
    return Result(
        page_of(
            Delivery,
            rows,
            query.limit,
            lambda one: Delivery(**one._mapping, tries=[Attempt(**attempt) for attempt in tries[one.id]]),
        )
    )


async def replay(call: Call) -> Result:
    """Tell it again."""
    row, asked = await _one(call), call.sent(Replay)
    return Result(Count(count=await hooks.replay(call.connection, row.id, delivery=asked.delivery, since=asked.since)))


READ, WRITE, RIGHT = "webhooks:read", "webhooks:write", "administration"
ROUTES = (
    Route("GET", "/webhooks", READ, RIGHT, listed, "List subscriptions", Subscriptions),
    Route("POST", "/webhooks", WRITE, RIGHT, add, "Subscribe an address", Secret, body=NewSubscription, status=201,
          notes="The secret is in this answer, and is not to be had again."),
    Route("GET", "/webhooks/{subscription}", READ, RIGHT, show, "Show a subscription", Subscription, refusals=(404,)),
    Route("PATCH", "/webhooks/{subscription}", WRITE, RIGHT, change, "Change a subscription", Subscription,
          body=ChangedSubscription, refusals=(404,)),
    Route("DELETE", "/webhooks/{subscription}", WRITE, RIGHT, remove, "Delete a subscription", Count, refusals=(404,)),
    Route("POST", "/webhooks/{subscription}/secret", WRITE, RIGHT, rotate, "Make a new secret", Secret, body=Empty,
          refusals=(404,), notes="For a day, deliveries carry the signatures of both."),
    Route("POST", "/webhooks/{subscription}/test", WRITE, RIGHT, test, "Send a test", Count, body=Empty, status=201,
          refusals=(404,)),
    Route("GET", "/webhooks/{subscription}/deliveries", READ, RIGHT, deliveries, "List what it was told",
          PageOf[Delivery], query=DeliveryQuery, refusals=(404,)),
    Route("POST", "/webhooks/{subscription}/replay", WRITE, RIGHT, replay, "Tell it again", Count, body=Replay,
          refusals=(404,)),
)  # fmt: skip
