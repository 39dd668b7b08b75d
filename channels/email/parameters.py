"""Structured header values such as Content-Type: text in, a lower-case value and its parameters out. Nothing raises.

Takes what RFC 2045 §5.1 and RFC 2231 allow (quoted strings, continuations, charsets, percent encoding) and what
mailers send: unquoted values with spaces, encoded words, stray quotes, missing semicolons. Linear in the value.
"""

from __future__ import annotations

import re
from functools import lru_cache

from channels.email import charset, encoded_words

MAX_SECTIONS = 200
"""Continuations (name*0, name*1 …) of one parameter that are joined."""

LONGEST_REMEMBERED = 300
"""Characters of a value that is kept for the next part which has the same."""

_USUAL = re.compile(r"""([\w.+-]+(?:/[\w.+-]+)?)(?:;\s*([\w-]+)=(?:"([^"\\?]*)"|([\w.+/-]+)))?""", re.ASCII)
"""A word and at most one parameter, with nothing in it to be decoded."""
_PARAMETER = re.compile(
    r"""([^\s=;"]{1,60})\s*=\s*
        (?:"((?:[^"\\]|\\.|"(?!\s*(?:;|$|[\w*-]+\s*=)))*)(?:"|$)|([^;"]*)("[^;]*)?)""",
    re.VERBOSE | re.DOTALL,
)
_VALUE = re.compile(r"\s*([^;\s/=]*(?:\s*/\s*)?[^;\s]*)")
_ESCAPED = re.compile(r'\\(["\\])')
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*)?$")
_BARE_WORDS = frozenset({"charset", "boundary", "format", "delsp", "protocol", "micalg", "report-type", "smime-type"})
"""Parameters whose unquoted value ends at white space; in others a space is taken as part of a file name."""


def parse(value: str) -> tuple[str, dict[str, str]]:
    """The leading word of `value`, lower-cased, and its parameters by lower-case name.

    An extended parameter (`filename*`) wins over the plain one of the same name (RFC 6266 §4.3). The answer is shared
    between callers and not to be changed.
    """
    usual = _USUAL.fullmatch(value)
    if usual:
        word, name, text, bare = usual.groups()
        return word.lower(), {name.lower(): text or bare or ""} if name else {}
    return _remembered(value) if len(value) <= LONGEST_REMEMBERED else _parse(value[: encoded_words.MAX_VALUE])


def _parse(value: str) -> tuple[str, dict[str, str]]:
    head = _VALUE.match(value)
    word = head[1] if head else ""
    if "=" in word and "/" not in word:
        return "", _collect(value, 0)
    return "".join(word.lower().split()).strip("\"'"), _collect(value, head.end() if head else 0)


_remembered = lru_cache(maxsize=512)(_parse)


def _collect(value: str, position: int) -> dict[str, str]:
    plain: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for name, quoted, bare, tail in _PARAMETER.findall(value, position):
        name = name.lower()
        text = _ESCAPED.sub(r"\1", quoted) if quoted else (bare + tail).strip()
        if "*" in name:
            found = _SECTION.match(name)
            if found and len(sections.setdefault(found[1], [])) < MAX_SECTIONS:
                sections[found[1]].append((int(found[2] or 0), bool(found[3]), text))
            continue
        if not quoted and name in _BARE_WORDS:
            text = text.split(maxsplit=1)[0] if text else ""
        if name not in plain:
            plain[name] = encoded_words.decode(text) if "=?" in text else text
    for name, pieces in sections.items():
        plain[name] = _extended(pieces) or plain.get(name, "")
    return plain


def _extended(pieces: list[tuple[int, bool, str]]) -> str:
    """Join the sections of one parameter in their order and decode them (RFC 2231 §3, §4)."""
    pieces.sort(key=lambda piece: piece[0])
    label = ""
    raw: list[bytes] = []
    for place, (_, encoded, text) in enumerate(pieces):
        if encoded and place == 0 and text.count("'") >= 2:
            label, _, text = text.split("'", 2)
        data = text.encode("utf-8", "replace")
        raw.append(_PERCENT.sub(lambda match: bytes((int(match[1], 16),)), data) if encoded else data)
    joined = charset.decode(b"".join(raw), label)
    return encoded_words.decode(joined) if "=?" in joined else encoded_words.tidy(joined)
