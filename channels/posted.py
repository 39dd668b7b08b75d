"""What a request held, before the form's definition is asked; and why a post is not taken.

`NotTaken` carries one of these reasons, which the door words as a page or as JSON:

    400 malformed         the body cannot be read
    403 foreign, expired  the token is not ours, or too old; or that site may not post here
    408 slow              the body did not come in time
    409 altered           the token's message is stored already, with other words
    413 large, many       the body, a field or a file is too large, or there are too many of them
    415 type              a content type that no form has
    422 wrong             fields are missing or wrong
    503 busy              the store cannot commit now
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Why = Literal["malformed", "foreign", "expired", "slow", "altered", "large", "many", "type", "wrong", "busy"]
STATUS: Mapping[Why, int] = {
    "malformed": 400,
    "foreign": 403,
    "expired": 403,
    "slow": 408,
    "altered": 409,
    "large": 413,
    "many": 413,
    "type": 415,
    "wrong": 422,
    "busy": 503,
}


class Upload(msgspec.Struct, frozen=True):
    """A file as it was posted: the name and the type are the sender's words."""

    field: str
    filename: str
    content_type: str
    content: bytes


class Posted(msgspec.Struct, frozen=True):
    """The readable content of one request body."""

    values: dict[str, str] = {}
    """Decoded; where a name came several times, its first value."""
    shapeless: frozenset[str] = frozenset()
    """Names whose value was no text (a JSON array or object)."""
    files: tuple[Upload, ...] = ()
    remarks: tuple[str, ...] = ()
    """What had to be guessed, one plain sentence each."""


class Complaint(msgspec.Struct, frozen=True):
    """What is wrong with one field: a key of the catalogue of texts, and the number that its sentence names."""

    text: str
    limit: int = 0


class NotTaken(Exception):
    """Nothing was stored. `posted` is what could be read, so that the visitor's words can be given back."""

    def __init__(
        self, why: Why, detail: str = "", posted: Posted | None = None, wrong: Mapping[str, Complaint] | None = None
    ) -> None:
        super().__init__(detail or why)
        self.why: Why = why
        self.detail = detail
        self.posted = posted
        self.wrong = wrong or {}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.why]
