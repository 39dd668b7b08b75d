"""The words of the console for values that the database holds: categories, channels, people, events.

Enters: settings, a language, a value. Leaves: what people read. A value that nobody named is shown as it is. Fails only
where a file is missing or wrong (at start).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from config.settings import Settings
from gateway.staff.moments import MONTHS, SPACE, zone_of

TRIAGE = Path(__file__).parents[2] / "config" / "triage.toml"


def actor(label: str, name: str) -> str:
    """Who did something, as people read it: a name, else what stands behind the kind; of a step, its own name."""
    if name:
        return name
    kind, _, rest = label.partition(":")
    return (rest.partition(":")[2] if kind == "contact" and not rest.isdigit() else rest) or kind


def shortly(at: datetime, language: str, zone: str, now: datetime) -> str:
    """A point in time for narrow places: 14:05 today, 3 mars in this year, 03/2025 before."""
    there, today = at.astimezone(zone_of(zone)), now.astimezone(zone_of(zone))
    if there.date() == today.date():
        return f"{there:%H:%M}"
    if abs((there - today).days) < 300:
        return f"{there.day}{SPACE}{MONTHS[language][there.month - 1]} {there:%H:%M}"
    return f"{there:%m/%Y}"


class Words:
    """Names of values, by language."""

    def __init__(self, settings: Settings) -> None:
        rules = tomllib.loads((settings.triage.rules or TRIAGE).read_text("utf-8"))
        self._categories: dict[str, dict[str, str]] = {
            name: table.get("name", {}) for name, table in rules.get("categories", {}).items()
        }
        self.categories: Sequence[str] = [*self._categories, *(() if "other" in self._categories else ("other",))]

    def category(self, value: str, language: str) -> str:
        """A category's name."""
        other = {"fr": "Autre", "en": "Other"}
        return self._categories.get(value, other if value == "other" else {}).get(language) or value

    def value(self, kind: str, value: str, words: Mapping[str, Any], people: Mapping[int, str], language: str) -> str:
        """What an event's old or new value reads as."""
        table = {"status": "statuses", "priority": "priorities", "language": "languages"}.get(kind)
        if table:
            return str(words[table].get(value, value))
        if kind == "category":
            return self.category(value, language)
        if kind in ("assignee", "mention") and value.isdigit():
            return people.get(int(value), f"#{value}")
        if kind in ("merged", "merged_from", "split_to", "split_from", "unmerged", "dismissed") and value.isdigit():
            return f"#{value}"
        return value
