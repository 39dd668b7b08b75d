"""Strangers' text made fit to store and to show. Pure; nothing fails."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks that reorder or hide text (Unicode UAX #9); the joiners that scripts and emoji need are not among them."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
LONGEST_FILENAME = 150


def lines(text: str) -> str:
    """Text of many lines: LF line ends, no control characters, no lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).strip()


def line(text: str) -> str:
    """Text of one line: also without invisible marks, white space runs made one space."""
    return " ".join(UNSEEN.sub("", lines(text)).split())


def filename(text: str) -> str:
    """A file's name for display: normalised first, then without folders and leading dots, at most 150 characters."""
    text = unicodedata.normalize("NFKC", line(text)).replace("\N{REPLACEMENT CHARACTER}", "_")
    text = text.replace("\\", "/").rpartition("/")[2].strip(". ")
    if len(text) > LONGEST_FILENAME:
        ending = PurePosixPath(text).suffix[-20:]
        text = text[: LONGEST_FILENAME - len(ending)] + ending
    return text


def first_words(text: str, most: int = 60) -> str:
    """The beginning of `text` in one line, cut between words."""
    text = line(text)
    if len(text) <= most:
        return text
    return text[: most + 1].rpartition(" ")[0][:most].rstrip(",;:") + "…" if " " in text[:most] else text[:most] + "…"
