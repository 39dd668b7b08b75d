"""Settings of what falls due, of who gets what, and of surges."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from config.section import Section


class Clocks(Section):
    """Business hours and commitments. See docs/clocks.md."""

    calendars: Path | None = Field(None, description="A calendars.toml of yours; empty: the one that ships.")
    at_once: int = Field(500, gt=0, le=5000, description="Tickets whose due instants are worked out in one look.")


class Assignment(Section):
    """Who gets a new ticket. See docs/assignment.md."""

    enabled: bool = Field(True, description="Give tickets to agents by themselves; without it, agents take them.")
    rules: Path | None = Field(None, description="An assignment.toml of yours; empty: the one that ships.")


class Surge(Section):
    """Many tickets on one subject in a short time. See docs/assignment.md."""

    minutes: float = Field(30, ge=0, description="The short time; 0: nobody looks.")
    contacts: int = Field(8, ge=2, description="So many contacts who say the same, or write the same subject, are one.")
    category_contacts: int = Field(20, ge=2, description="The same for a mere category and product.")
    growth: float = Field(3, gt=1, description="A category surges from so many times what is much for it by habit.")
    likeness: float = Field(0.6, gt=0, le=1, description="How much of the shorter of two messages stands in the other.")
    over_hours: float = Field(12, gt=0, description="An incident that nobody joins for so long is over.")
