"""The parameters of a request of Twilio, in order, repeated ones included. Pure.

Enters: an urlencoded body, or a JSON object of the same names. Raises `Malformed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlencode

import msgspec

from channels import Malformed
from channels.clean_text import words

MOST = 500


class Fields:
    """Names and values. `getall` is what Twilio's validator asks for: a repeated name is signed with all its values."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        """The first value, cleaned for storing; '' where there is none."""
        return words(self._values.get(name, [""])[0])

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def getall(self, name: str) -> list[str]:
        """Every value, untouched."""
        return self._values[name]


def read(body: bytes) -> Fields:
    """The fields of a body, urlencoded or JSON."""
    if body.lstrip()[:1] == b"{":
        return _json(body)
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=MOST)
    except ValueError as error:
        raise Malformed(f"not the parameters of a request: {error}") from error
    return Fields(pairs)


def _json(body: bytes) -> Fields:
    try:
        found = msgspec.json.decode(body, type=dict[str, str | int | float | bool | None])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a JSON object of plain values: {error}") from error
    return Fields([(name, "" if value is None else str(value)) for name, value in found.items()])


def encode(pairs: Sequence[tuple[str, str]]) -> bytes:
    """A body as Twilio would post it."""
    return urlencode(pairs).encode()
