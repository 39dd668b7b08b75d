"""Text from outside, so that a database takes it and a screen shows it as it is. Pure."""

from __future__ import annotations

import re

LONGEST = 100_000
"""Characters of one text; more is cut, and the raw message still has it."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def words(text: object) -> str:
    """What somebody wrote: all of it but what PostgreSQL cannot hold; '' for what is no text."""
    return _UNSTORABLE.sub("\ufffd", text[:LONGEST]) if isinstance(text, str) else ""


def line(text: object, most: int = 200) -> str:
    """A name or a title: one line, nothing invisible, nothing that turns the writing round."""
    return " ".join(_UNSEEN.sub(" ", text[: 4 * most]).split())[:most] if isinstance(text, str) else ""


def filename(text: object) -> str:
    """The last part of a path, for display only."""
    return line(text).replace("\\", "/").rpartition("/")[2].lstrip(".")


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it: a subject of emoji alone says nothing in a list."""
    return any(letter.isalnum() for letter in text)


def pieces(text: str, longest: int) -> list[str]:
    """`text` cut into messages, at the end of a paragraph, a line or a word where there is one; [] for nothing."""
    found = []
    while len(text) > longest:
        at = max(text.rfind(mark, longest // 2, longest) for mark in ("\n\n", "\n", " "))
        cut = at if at > 0 else longest
        found.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*found, text] if text.strip() else found
