"""Failures, gathered by their error and without personal content.

Enters: the items whose last attempt failed. Leaves: one line for each kind of error. Pure; nothing fails.
An error may quote what a customer wrote, or name an address: quotes, addresses, long numbers and all that databases
add about values are left out. Whoever needs them has the item's number and its trace in the logs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from models.figures import Failure

LONGEST = 160
_VALUES = re.compile(r"\s*(?:\n|\[SQL:|\[parameters:|DETAIL:|CONTEXT:|\(Background on this error).*", re.DOTALL)
_ADDRESS = re.compile(r"<?[^\s<>\"'(),:;]{1,64}@[^\s<>\"'(),:;]{1,255}>?")
_QUOTED = re.compile(r"b?'(?:[^'\\]|\\.){1,400}(?<!\w)?'(?!\w)|b?\"[^\"]{1,400}\"|«[^»]{1,400}»|“[^”]{1,400}”")
_NUMBER = re.compile(r"\+?\d(?:[\s.()-]?\d){6,}")


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Items that failed for the same reason in the same place."""

    queue: str
    channel: str
    dead: bool
    error: str
    items: int
    newest: int
    """Number of the newest item."""
    trace_id: str
    at: datetime
    """When that one was buried, or when it is tried again."""


def without_personal(error: str) -> str:
    """The first line of an error without what customers wrote and who they are; at most 160 characters."""
    error = _VALUES.sub("", error, count=1)[:1000]
    error = _ADDRESS.sub("<…@…>", error)
    error = _QUOTED.sub("‘…’", error)
    error = " ".join(_NUMBER.sub("…", error).split())
    return error if len(error) <= LONGEST else error[: LONGEST - 1] + "…"


def gather(failures: Sequence[Failure]) -> list[Kind]:
    """One `Kind` for each reason, the newest first. `failures` are newest first."""
    kinds: dict[tuple[str, str, bool, str], list[Failure]] = {}
    for failure in failures:
        key = (failure.queue, failure.channel, failure.dead, without_personal(failure.error))
        kinds.setdefault(key, []).append(failure)
    return [
        Kind(
            queue=queue,
            channel=channel,
            dead=dead,
            error=error,
            items=len(items),
            newest=items[0].id,
            trace_id=items[0].trace_id,
            at=items[0].at,
        )
        for (queue, channel, dead, error), items in kinds.items()
    ]
