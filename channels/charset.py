"""Bytes of a form field to text. Pure; nothing fails, what cannot be decoded becomes U+FFFD.

A page posts in its own encoding, and often does not say which. Declared encodings are believed where they are ones
that pages really have (WHATWG Encoding §4.2): Python knows `rot13` and `unicode_escape` too.
"""

from __future__ import annotations

import codecs
import re

OTHERS = ("utf-8", "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr", "koi8-r", "koi8-u")
ENCODINGS = (
    {name: name for name in OTHERS}
    | {f"cp125{page}": f"cp125{page}" for page in range(9)}
    | {f"iso8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)}
    | {"ascii": "cp1252", "iso8859-1": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030"}
)
"""Python's name of an encoding, to the one that web pages mean by it."""

KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")


def known(declared: str) -> str:
    """Python's codec for a declared encoding; '' for none, and for what no page is written in."""
    try:
        return ENCODINGS.get(codecs.lookup(declared.strip().strip("\"'")).name, "") if declared else ""
    except (LookupError, ValueError):
        return ""


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """The text, and a remark where its encoding was guessed ('' otherwise)."""
    for encoding in dict.fromkeys((known(declared) or "utf-8", "utf-8")):
        try:
            return data.decode(encoding), ""
        except UnicodeDecodeError:
            continue
    guessed = _guess(data)
    return data.decode(guessed, "replace"), f"The text's encoding was not said or wrong; it was read as {guessed}."


def _guess(data: bytes) -> str:
    """Shift_JIS where that gives Japanese syllables, which no Western text does by chance; else Windows-1252."""
    try:
        return "cp932" if len(KANA.findall(data.decode("cp932"))) > 1 else "cp1252"
    except UnicodeDecodeError:
        return "cp1252"
