"""Letters that we write by ourselves: their texts, in the customer's language.

Enters: a folder below `config/templates`, a language, the values that the text names. Leaves: subject and body. The
first line of `{language}.txt` is the subject; an empty line follows. A paragraph that names a value which is empty is
left out. Fails: `OSError` and `KeyError` for a text that is missing or names an unknown value.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Formatter

TEMPLATES = Path(__file__).parent / "templates"
FALLBACK = "en"


def letter(name: str, language: str, /, **values: str) -> tuple[str, str]:
    """Subject and body of the letter `name`."""
    spoken = language if (TEMPLATES / name / f"{language}.txt").exists() else FALLBACK
    subject, paragraphs = _text(name, spoken)
    body = [text.format_map(values) for text, names in paragraphs if all(values[one] for one in names)]
    return subject.format_map(values), "\n\n".join(body)


@cache
def _text(name: str, language: str) -> tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """Subject and paragraphs, each paragraph with the values that it names."""
    words = (TEMPLATES / name / f"{language}.txt").read_text(encoding="utf-8").rstrip()
    subject, *paragraphs = words.split("\n\n")
    return subject, tuple((paragraph, _names(paragraph)) for paragraph in paragraphs)


def _names(paragraph: str) -> tuple[str, ...]:
    return tuple(name for _text, name, _format, _conversion in Formatter().parse(paragraph) if name)
