"""Settings of the figures: in which zone days begin, what a ticket costs, who gets the report."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from config.section import Language, Section


class Cost(Section):
    """What tickets cost: docs/figures.md has the formula. All at 0: no cost is shown."""

    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of all amounts.")
    hour: float = Field(0, ge=0, description="What an hour of an agent costs.")
    minutes_per_ticket: float = Field(5, ge=0, description="Minutes that reading and closing a ticket takes.")
    minutes_per_answer: float = Field(10, ge=0, description="Minutes that an answer takes.")
    per_ticket: dict[str, float] = Field({}, description="What providers take for a ticket, by channel.")


class Report(Section):
    """The report that is sent by e-mail, as a PDF with the charts."""

    to: list[str] = Field([], description="Addresses that get it; none: it is not sent.")
    every: Literal["day", "week", "month"] = Field("month", description="How often: for the day, week or month before.")
    hour: int = Field(7, ge=0, le=23, description="Hour of the day from which on it is sent, in `statistics.timezone`.")
    language: Language = Field("fr", description="In which it is written.")
    by: str = Field("email", description="The channel that it goes out on.")
    sender: str = Field("support@localhost", description="Our account there.")


class Statistics(Section):
    """The figures of the service, /statistics. See docs/figures.md."""

    timezone: str = Field("Europe/Paris", description="Zone in which days and months begin.")
    complaints: list[str] = Field(["complaint"], description="Categories of tickets that complain.")
    cost: Cost = Cost()
    report: Report = Report()

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name
