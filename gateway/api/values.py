"""The shapes that the API's values share. Unknown fields are refused, and nothing is turned into what it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST = 2**63 - 1
"""The largest number of PostgreSQL's bigint."""

Id = Annotated[int, Field(ge=1, le=MOST)]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=500)]
"""One line, for a subject or a name."""
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", min_length=1, max_length=100_000)]
"""Text of any number of lines. PostgreSQL takes no NUL."""
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=100)]
"""The name of a category, a team, a tag."""


class Asked(BaseModel):
    """Base of what is sent to us as a body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """Base of what is sent to us behind the `?`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paged(Query):
    """A part of a list."""

    cursor: Annotated[
        str | None,
        Field(pattern=r"^[1-9][0-9]{0,17}$", description="`next` of the page before, as it came."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="Most entries.")] = 50


class Told(BaseModel):
    """Base of what we answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Item = TypeVar("Item", bound=BaseModel)


class PageOf(Told, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: str | None = Field(description="`cursor` of the next part; null at the end.")


def page_of(kind: type[Item], rows: Sequence[Any], limit: int, read: Any) -> PageOf[Item]:
    """The page of `rows`, of which there may be one more than `limit`. `read` makes an item; each has an id."""
    items = [read(row) for row in rows[:limit]]
    more = str(rows[limit - 1][0]) if len(rows) > limit else None
    return PageOf[kind](items=items, next=more)  # type: ignore[valid-type]
