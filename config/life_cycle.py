"""Settings of a ticket's life: its pipelines, how it is closed, when silence is told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from config.section import Section


class Life(Section):
    """Pipelines, and tickets that nobody touches. See docs/life.md."""

    pipelines: Path | None = Field(None, description="A pipelines.toml of yours; empty: the one that ships.")
    inactive_days: float = Field(
        7, ge=0, description="An unresolved ticket in which nothing happened for so long is told; 0: never."
    )
    unassigned_minutes: float = Field(
        60, ge=0, description="A ticket that has been nobody's for so long is told; 0: never."
    )


class Closing(Section):
    """What follows when a ticket is resolved. See docs/life.md."""

    ask: bool = Field(True, description="Ask the customer of a resolved ticket whether it is solved.")
    ask_after_seconds: float = Field(
        60, ge=0, description="How long a ticket must have been resolved before its customer is asked."
    )
    close_days: float = Field(
        5, gt=0, description="A resolved ticket whose customer says nothing closes after so long."
    )
    satisfaction: bool = Field(True, description="Ask the customer of a closed ticket how satisfied they are, 1 to 5.")
    satisfaction_after_minutes: float = Field(
        10, ge=0, description="How long a ticket must have been closed before that is asked."
    )
    satisfaction_pause_days: float = Field(30, ge=0, description="One contact is asked at most once in so long.")
    satisfaction_open_days: float = Field(14, gt=0, description="For how long that answer is taken.")
    survey_least: int = Field(
        5, ge=1, description="Results of the agents' own survey are shown from so many answers a month on."
    )
