"""Settings of those who run Guichet: what is worth an alarm, whom it is told, what is kept how long."""

from __future__ import annotations

from pydantic import Field, SecretStr

from config.section import Language, Section


class Alarms(Section):
    """What is worth an alarm, and whom it is told. See docs/operating.md."""

    addresses: list[str] = Field([], description="Who is told, by mail, when an alarm is raised and when it is over.")
    channel: str = Field("email", description="The channel that these mails go out by.")
    account: str = Field("", description="Our address that they come from; empty: the first that receives mail.")
    language: Language = Field("en", description="Language of these mails.")
    webhook: str = Field("", description="Address that each turn of an alarm is posted to, as JSON.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Key of the posts' signature (Standard Webhooks); empty: they are not signed."
    )
    every_seconds: float = Field(20, gt=0, description="How often is looked; 0.1 and more.")
    late_seconds: float = Field(60, gt=0, description="An item that is due and was not taken for so long is late.")
    quarantine_hour: int = Field(5, ge=1, description="So many items into quarantine in an hour are an alarm.")
    undelivered_hour: int = Field(5, ge=1, description="So many answers given up in an hour are an alarm.")
    held_hour: int = Field(
        1, ge=1, description="So many acknowledgements held back in an hour (rule A19) are an alarm."
    )
    fetching_minutes: float = Field(10, gt=0, description="A mailbox that fails for so long is an alarm.")
    credential_days: float = Field(14, gt=0, description="A certificate that ends within so many days is an alarm.")
    disk_percent: float = Field(10, ge=0, le=100, description="Less free room than this on the disk is an alarm.")
    silent_messages: int = Field(
        8, ge=0, description="Silence where at least so many messages came at this time in weeks before; 0: no alarm."
    )


class Care(Section):
    """How long what customers sent is kept. See docs/operating.md."""

    closed_days: float = Field(400, ge=0, description="Closed tickets go so long after their last change; 0: never.")
    category_days: dict[str, float] = Field({}, description="The same for tickets of one category; 0: never.")
    raw_days: float = Field(90, ge=0, description="The bytes of settled messages go so long after they came; 0: never.")
