"""A web site that shows the window: who may, and what the window says. Pure; the time is passed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from channels.chat.frames import LONGEST_TEXT
from config.customer_pages import ChatSite
from config.settings import Settings

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def sites_of(settings: Settings) -> Mapping[str, ChatSite]:
    """The sites of the settings; `default` is there in any case, for our own pages."""
    return {"default": ChatSite(), **settings.chat.sites}


def may_show(site: ChatSite, origin: str, host: str, base_url: str) -> bool:
    """Whether a page of `origin` may speak for this site (RFC 6454). Programs send none, and no cookie is at stake."""
    if not origin or origin.partition("://")[2] in {host, urlsplit(base_url).netloc}:
        return True
    return "*" in site.origins or origin in site.origins


def attended(site: ChatSite, now: datetime) -> bool:
    """Whether somebody is there now."""
    if not site.hours:
        return True
    local = now.astimezone(ZoneInfo(site.timezone))
    return any(local.weekday() in days and begin <= local.time() < end for days, begin, end in _spans(site.hours))


def _spans(hours: str) -> Iterator[tuple[set[int], time, time]]:
    """The spans of `mon-fri 09:00-18:00, sat 10:00-12:00`."""
    for part in filter(None, hours.split(", ")):
        days, _, span = part.partition(" ")
        first, _, last = days.partition("-")
        begin, _, end = span.partition("-")
        start, stop = DAYS.index(first), DAYS.index(last or first)
        length = (stop - start) % 7 + 1
        yield {(start + step) % 7 for step in range(length)}, _clock(begin), _clock(end)


def _clock(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)


def shown(site: ChatSite, language: str, now: datetime, settings: Settings) -> dict[str, Any]:
    """What the window must know."""
    return {
        "title": _spoken(site.title, language),
        "welcome": _spoken(site.welcome, language),
        "agent": site.agent or settings.mail.sender_name,
        "attended": attended(site, now),
        "ask": site.ask,
        "colour": site.colour,
        "longest": LONGEST_TEXT,
        "largest": settings.http.max_body_bytes,
    }


def _spoken(texts: Mapping[Any, str], language: str) -> str:
    return texts.get(language) or next(iter(texts.values()), "")
