"""What the API answers when it says no: problem details (RFC 9457), `application/problem+json`.

    400 malformed         no JSON, or a header that cannot be read      409 conflict     somebody was faster, or not now
    401 unauthorized      no token, or one that opens nothing           412 changed      If-Match names an older state
    403 forbidden         a token that may not do this                  413 too_large    415 content_type
    404 not_found         there is none, or none that you may see       422 invalid      fields are wrong; key reused
    405 method            another method does                           429 too_many     503 unavailable

Raised anywhere below the door, worded by it. No value that was sent is ever repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.database import to_json

TITLES = {
    400: ("malformed", "The request cannot be read"),
    401: ("unauthorized", "A valid token is needed"),
    403: ("forbidden", "This may not be done with this token"),
    404: ("not_found", "There is none, or none that you may see"),
    405: ("method", "Another method is needed"),
    408: ("slow", "The body did not come in time"),
    409: ("conflict", "The present state does not allow it"),
    412: ("changed", "It has changed since you read it"),
    413: ("too_large", "The request is too large"),
    415: ("content_type", "The body must be application/json"),
    422: ("invalid", "The request is wrong"),
    429: ("too_many", "Too many requests"),
    500: ("bug", "A mistake of ours: it is noted, and nothing was changed"),
    503: ("unavailable", "Not now: nothing was changed, try again"),
}


class Mistake(BaseModel):
    """What is wrong with one value."""

    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(description="Where it stands: a JSON pointer into the body (RFC 6901), or ?name of a query.")
    detail: str = Field(description="What is wrong with it.")


class ProblemDetails(BaseModel):
    """A refusal (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="about:blank: the status says it all.")
    title: str
    status: int
    code: str = Field(description="A word that stays the same.")
    detail: str = Field("", description="What happened, for people.")
    errors: list[Mistake] = Field([], description="Of a 422: each mistake.")


class Problem(Exception):
    """A refusal on its way to the door."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        code: str = "",
        errors: Sequence[Mistake] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """The answer."""
        code, title = TITLES[self.status]
        details = ProblemDetails(
            type="about:blank",
            title=title,
            status=self.status,
            code=self.code or code,
            detail=self.detail,
            errors=self.errors,
        )
        return web.Response(
            text=to_json(details.model_dump()),
            status=self.status,
            content_type="application/problem+json",
            headers=self.headers,
        )


def mistakes(error: ValidationError, place: str = "") -> list[Mistake]:
    """What pydantic found, without what was sent."""
    return [
        Mistake(pointer=(place + "/".join(_steps(one["loc"], place)))[:200], detail=one["msg"][:300])
        for one in error.errors(include_url=False, include_context=False, include_input=False)[:20]
    ]


def _steps(location: Sequence[Any], place: str) -> list[str]:
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in location]
    return steps if place else ["", *steps]
