"""What simulated customers say, from `config/simulation.toml`: invented people and letters in French and English.

Enters: the file that ships. Leaves: `Texts`. Fails with `msgspec.ValidationError` where the file is not of that shape.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

SHIPPED = Path(__file__).parent.parent / "config" / "simulation.toml"
_BLANK = re.compile(r"\{(\w+)\}")


class People(msgspec.Struct, frozen=True):
    """What names and addresses are made of."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    firms: tuple[str, ...]
    places: tuple[str, ...]
    providers: tuple[str, ...]
    """Domains on which anybody may have an address."""
    products: tuple[str, ...]


class Phrases(msgspec.Struct, frozen=True):
    """What stands around a letter, in one language."""

    greetings: tuple[str, ...]
    closings: tuple[str, ...]
    padding: tuple[str, ...]
    again: tuple[str, ...]
    """What somebody writes who writes again."""
    disclaimer: str
    phone: str
    wrote: str
    absent_subject: str
    absent: str
    news_subject: str
    news: str


class Letter(msgspec.Struct, frozen=True):
    """One matter that somebody writes about."""

    category: str
    language: str
    subject: str
    text: str


class Texts(msgspec.Struct, frozen=True):
    """The whole file."""

    people: People
    letters: dict[str, Phrases]
    mails: tuple[Letter, ...]


@lru_cache(maxsize=1)
def load() -> Texts:
    """Read the file that ships, once."""
    return msgspec.toml.decode(SHIPPED.read_bytes(), type=Texts)


def fill(text: str, random: Random, texts: Texts, now: datetime) -> str:
    """`text` with its blanks ({order}, {date} …) filled in."""
    if "{" not in text:
        return text

    def value(found: re.Match[str]) -> str:
        match found[1]:
            case "order":
                return f"CMD-{random.randrange(100_000, 999_999)}"
            case "invoice":
                return f"F{now.year}-{random.randrange(1_000, 99_999):05d}"
            case "amount":
                return f"{random.randrange(5, 900)},{random.randrange(100):02d}"
            case "date":
                return f"{now - timedelta(days=random.randrange(2, 60)):%d/%m/%Y}"
            case "days":
                return str(random.randrange(3, 40))
            case "product":
                return random.choice(texts.people.products)
            case "city":
                return random.choice(texts.people.places).capitalize()
        return found[0]

    return _BLANK.sub(value, text)
