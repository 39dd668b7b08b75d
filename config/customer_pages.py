"""Settings of what customers see in a browser: forms, the chat window, the page of a ticket."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from config.section import Language, Section


class Form(Section):
    """The forms' door."""

    definitions: Path | None = Field(None, description="A forms.toml of yours; empty: the one that ships.")
    per_minute: int = Field(20, gt=0, description="Posts per IP address per minute; more are kept as spam, unanswered.")
    min_seconds: float = Field(2, ge=0, description="A served form sent back sooner than this is kept as spam.")
    max_files: int = Field(10, ge=0, description="Files in one post; more get 413.")


_DAY, _CLOCK = "(mon|tue|wed|thu|fri|sat|sun)", r"([01]\d|2[0-3]):[0-5]\d"
HOURS = f"{_DAY}(-{_DAY})? {_CLOCK}-({_CLOCK}|24:00)"


class ChatSite(Section):
    """A web site that shows the chat: the `data-site` of its script tag."""

    origins: list[str] = Field(
        [], description="Pages that may show it, https://shop.example; our own always may. `*`: any, for trying out."
    )
    identity_secret: SecretStr = Field(
        SecretStr(""), description="Key with which the site signs who its visitor is; empty: it does not."
    )
    ask: Literal["nothing", "may", "must"] = Field(
        "may", description="Whether the visitor is asked for name and e-mail address first, and must answer."
    )
    title: dict[Language, str] = Field({}, description="Title of the window, by language; empty: a plain one.")
    welcome: dict[Language, str] = Field({}, description="First words in an empty window, by language.")
    agent: str = Field("", description="Who answers, as the visitor reads it before the first answer.")
    hours: str = Field(
        "",
        pattern=rf"^({HOURS}(, {HOURS})*)?$",
        description="When somebody is there: `mon-fri 09:00-18:00, sat 10:00-12:00`; empty: always.",
    )
    timezone: str = Field("Europe/Paris", description="Of `hours`.")
    colour: str = Field(
        "", pattern=r"^(#[0-9a-fA-F]{6})?$", description="Accent colour, #rrggbb; white text must be readable on it."
    )

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name


class Chat(Section):
    """The chat window on web sites."""

    sites: dict[str, ChatSite] = Field({}, description="Web sites that show it; `default` is there in any case.")
    token_days: int = Field(400, gt=0, description="A visitor who was away longer is a new one.")
    lines_per_minute: int = Field(60, gt=0, description="Lines of one visitor per minute; then: slower.")
    sockets_per_address: int = Field(100, gt=0, description="Open windows of one IP address (IPv6: one /64).")
    newcomers_per_minute: int = Field(60, gt=0, description="New visitors of one IP address per minute.")
    catch_up_seconds: float = Field(5, gt=0, description="How often is looked for lines whose hint was lost.")
    absence_seconds: float = Field(300, gt=0, description="An answer unread for so long goes to the visitor by mail.")
    answer_by: str = Field("email", description="The channel that such answers go out on.")
    answer_from: str = Field("support@localhost", description="Our account there.")


class Portal(Section):
    """The customer's own page of a ticket, /t/…; links to it are sent where GUICHET_PUBLIC_URL is set."""

    link_days: int = Field(30, gt=0, description="How long a link opens its ticket; a new one is had by mail.")
    guesses_per_minute: int = Field(20, gt=0, description="Links that open nothing, per IP address; then 429.")
    posts_per_minute: int = Field(10, gt=0, description="Replies by one link per minute.")
    max_files: int = Field(10, ge=0, description="Files in one reply.")
