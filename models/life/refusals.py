"""Why something may not be done to a ticket. Each carries a stable word (`code`) and a sentence.

Refusal
├── NoTicket     there is none of that number, or the actor may not see it: nobody can tell which
├── NotAllowed   the ticket, or what was asked for, does not permit it
└── Conflict     somebody was faster: look again
"""

from __future__ import annotations


class Refusal(LookupError):
    """Something was not done."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        """A stable word; the interface's texts have it as their key."""
        self.reason = reason
        """One English sentence."""


class NoTicket(Refusal):
    """There is no such ticket for this actor."""

    def __init__(self, number: int) -> None:
        super().__init__("no_ticket", f"There is no ticket {number}.")


class NotAllowed(Refusal):
    """It may not be done."""


class Conflict(Refusal):
    """Somebody was faster."""

    def __init__(self, field: str, now: str) -> None:
        if field:
            super().__init__("conflict", f"Somebody changed {field} meanwhile: it is {now or 'empty'} now.")
        else:
            super().__init__("busy", "Somebody else is at work on it; try again.")
        self.field = field
        self.now = now
        """What stands there, as histories write it."""
