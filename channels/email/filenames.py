"""File names as people may see them: whatever a sender wrote in, a harmless name out. For display, never for a path."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 255
MAX_GIVEN = 8_192
"""Characters of a given name that are looked at."""
_MAX_EXTENSION = 20
_HIDDEN = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control, bidirectional, zero-width and tag characters: with them a name reads otherwise than it is."""
_SPACES = re.compile(r"\s+")


def normalise(name: str) -> str:
    """`name` in NFC, without path, control, bidirectional or zero-width characters, at most 255 characters long.

    '' where nothing is left. What is hidden goes first, so that no other check is passed by means of it.
    """
    if name.isascii() and name.isprintable() and "/" not in name and "\\" not in name and len(name) <= MAX_LENGTH:
        return _SPACES.sub(" ", name.strip(" \"'")) if name.strip(". ") else ""
    name = _HIDDEN.sub("", unicodedata.normalize("NFC", name[:MAX_GIVEN].replace("\t", " ")))
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = _SPACES.sub(" ", name).strip(" \"'")
    if not name.strip(". "):
        return ""
    return _shortened(name) if len(name) > MAX_LENGTH else name


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > _MAX_EXTENSION:
        return name[:MAX_LENGTH]
    return stem[: MAX_LENGTH - len(extension) - 1] + dot + extension
