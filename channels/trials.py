"""Trials: what came of trying what a channel depends on, and requests with which a provider is played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Probed(NamedTuple):
    """What came of trying one thing that a channel depends on."""

    name: str
    ok: bool
    said: str
    """What was found; or what is wrong and what to do about it."""


class Rehearsed(NamedTuple):
    """A request as a provider would send it, for rehearsals."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    external_id: str
