"""A line on which people of ours are told of work, and answer customers."""

from __future__ import annotations

from typing import NamedTuple


class StaffLine(NamedTuple):
    """A line on which people of ours are told of work, and answer customers."""

    name: str
    """What an agent chooses it by: the channel's name, `:` and the part where it has several."""
    title: str
    """What people call it."""
    account: str
    """Our address that it goes out from; '' where the settings name none."""
    telephone: bool = False
    """Whether their telephone is reached; else their mailbox."""
    before: str = ""
    """What stands before the number in addresses."""
    longest: int = 0
    """Characters that one message should not exceed; 0: as many as there are."""
    forgeable: bool = False
    """Whether a sender's number can be forged on it, whatever the provider signs: then a code proves who answers."""

    def address(self, email: str, telephone: str) -> str:
        """Where somebody is reached on it; '' where they are not."""
        if not self.telephone:
            return email.lower()
        return self.before + telephone if telephone else ""
