"""The row of the table from which the API's routes, its checks and its documentation are all made.

A handler gets a `Call`, whose path, query and body have been checked against the row, and returns a `Result`. It works
in the call's transaction, which is committed where it returns and rolled back where it raises: `Problem`, or a bug.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import Channel
from config.hints import Hint
from config.objects import Objects
from config.settings import Settings
from gateway.accept import Inbox
from models.actor import Actor

Model = TypeVar("Model", bound=BaseModel)


class Nothing(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Shop:
    """What handlers need beside the call. One for each gateway; `models.relay.Office` is met by it."""

    settings: Settings
    channels: Mapping[str, Channel]
    secret: bytes
    inbox: Inbox
    objects: Objects
    ring: Callable[[], None]
    """Tells the workers that something is to be sent."""
    hint: Callable[[list[Hint]], None]
    """Tells open pages that something happened."""


@dataclass(slots=True)
class Call:
    """One request, checked."""

    shop: Shop
    actor: Actor
    path: Mapping[str, int]
    query: BaseModel
    body: BaseModel | None
    if_match: str
    """The header If-Match; '' for none."""
    once: str
    """What names this request among all, if it has an Idempotency-Key; else ''."""
    _connection: AsyncConnection | None = None
    hints: list[Hint] = field(default_factory=list)
    """Told once the transaction is committed."""
    sends: bool = False
    """Set where the outbox got something."""

    @property
    def connection(self) -> AsyncConnection:
        """The call's transaction. Routes that are `apart` have none."""
        if self._connection is None:
            raise RuntimeError("this route works without a transaction of its own")
        return self._connection

    def asked(self, model: type[Model]) -> Model:
        """The query, as what the row says that it is."""
        if not isinstance(self.query, model):
            raise TypeError(f"the query is a {type(self.query).__name__}")
        return self.query

    def sent(self, model: type[Model]) -> Model:
        """The body, as what the row says that it is."""
        if not isinstance(self.body, model):
            raise TypeError(f"the body is a {type(self.body).__name__}")
        return self.body


@dataclass(frozen=True, slots=True)
class Result:
    """What is answered."""

    value: BaseModel | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    response: web.StreamResponse | None = None
    """In the place of `value`: a file."""
    kept: BaseModel | None = None
    """What a repetition of the request is told instead: `value` without its secret."""
    tag: str = ""
    """The ETag; '' for none."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row."""

    method: str
    path: str
    """Below /api/v1; every parameter is a number."""
    scope: str
    permission: str
    """Of `models.actor`."""
    handle: Callable[[Call], Awaitable[Result]]
    summary: str
    answer: type[BaseModel] | None
    """None: bytes of a file."""
    query: type[BaseModel] = Nothing
    body: type[BaseModel] | None = None
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)
    """Other answers that are no refusals, and what they mean."""
    refusals: tuple[int, ...] = ()
    """Beyond those that every route has."""
    notes: str = ""
    apart: bool = False
    """Works without a transaction: accept has its own."""
    tagged: bool = False
    """Has an ETag (GET), or heeds If-Match (others)."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"

    @property
    def group(self) -> str:
        """The first step of its path."""
        return self.path.split("/")[1]
