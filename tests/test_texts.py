"""The words of windows, pages and letters: both languages say the same things."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from config.letters import letter
from config.pages import TEMPLATES

FOLDERS = [
    "chat", "portal", "staff", "account", "agents", "closing", "survey", "quarantine", "alarm", "operations",
]  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_both_languages_say_the_same_things(folder: str) -> None:
    texts = tomllib.loads((TEMPLATES / folder / "texts.toml").read_text("utf-8"))

    def keys(table: dict[str, Any], path: str = "") -> set[str]:
        return {
            place
            for name, value in table.items()
            for place in (keys(value, f"{path}{name}.") if isinstance(value, dict) else {path + name})
        }

    def places(table: dict[str, Any], path: str = "") -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for name, value in table.items():
            if isinstance(value, dict):
                found |= places(value, f"{path}{name}.")
            else:
                found[path + name] = set(re.findall(r"\{(\w+)\}", str(value)))
        return found

    assert keys(texts["fr"]) == keys(texts["en"])
    assert places(texts["fr"]) == places(texts["en"])


@pytest.mark.parametrize("name", ["link", "absence", "solved", "satisfaction"])
def test_letters_name_the_same_values_in_both_languages(name: str) -> None:
    values = {"number": "7", "lines": "words", "link": "", "yes": "", "no": "", "days": "5"}
    values |= dict.fromkeys(("one", "two", "three", "four", "five"), "")
    for language in ("fr", "en", "xx"):
        subject, body = letter(name, language, **values)
        assert "7" in subject
        assert "{" not in subject + body
    assert letter(name, "fr", **values) != letter(name, "en", **values) == letter(name, "xx", **values)


@pytest.mark.parametrize("name", ["invitation", "reset", "telephone_code"])
def test_letters_to_agents_name_the_same_values_in_both_languages(name: str) -> None:
    values = {"name": "Marie", "link": "https://x/link", "hours": "24", "code": "123456"}
    french, english = letter(name, "fr", **values), letter(name, "en", **values)
    assert french != english
    assert "{" not in "".join(french + english)
    wanted = ["123456"] if name == "telephone_code" else ["Marie", "https://x/link", "24"]
    for _subject, body in (french, english):
        assert [one for one in wanted if one not in body] == []
