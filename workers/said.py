"""What is known of a contact who writes again: values that `acquainted` fills in and others look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers.resemble import Sketch

if TYPE_CHECKING:
    from workers.known import KnownTicket


@dataclass(slots=True)
class Said:
    """What a contact said lately: a stored message, or one of this batch."""

    sketch: Sketch
    message_id: int = 0
    ticket_id: int = 0
    ticket: KnownTicket | None = None
    """Of a message of this batch; its numbers follow once all are drawn."""


@dataclass(slots=True)
class Lately:
    """A contact's standing, and what they said by whichever address. All identities of a contact share one."""

    tier: str = ""
    overdue: bool = False
    """Whether an open ticket of theirs is past its commitment."""
    said: list[Said] = field(default_factory=list)
    """Oldest first."""
