"""A corpus: raw mails with what must be read in each.

Enters: a folder. Leaves: its cases and conversations. A mail without expected values is no case; expected values
without their mail raise `OSError` or `KeyError`, those with a key that nobody knows `ValueError`: they would measure
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPECTED = "expected.jsonl"
"""One line a mail: {"file" or "mail", "lang", "set", "expect"}."""
REPLIES = "reply"
"""The folder, with those in it, whose phrases are about the new words."""
CONVERSATIONS = "threads"
"""The folder whose mails are put into tickets, in the order of their lines."""
HEADERS = ("subject", "from_addr", "from_name", "message_id", "in_reply_to", "references", "to", "cc")
BODY = ("n_atts", "atts", "atts_some", "text", "contains", "absent", "exact", "nospace")
MACHINE = ("kind", "rcpt", "status", "reports", "away_until")
KEYS = frozenset((*HEADERS, *BODY, *MACHINE, "thread"))
"""What may be expected of a mail."""


@dataclass(frozen=True, slots=True)
class Case:
    """One mail and what must be read in it."""

    name: str
    """Folder and file, or line."""
    about: str
    """`reply`, `threads` or the name of its folder: what its phrases are about."""
    language: str
    source: str
    """The suite that it comes from."""
    expect: dict[str, Any]
    folder: Path
    raw: bytes


def load(folder: Path) -> list[Case]:
    """Every case below `folder`, in the order of names and lines."""
    found = list(_cases(folder))
    for case in found:
        if unknown := case.expect.keys() - KEYS:
            raise ValueError(f"{case.name}: expects {', '.join(sorted(unknown))}, which nothing measures")
    return found


def _cases(folder: Path) -> Iterator[Case]:
    for table in sorted(folder.rglob(EXPECTED)):
        for number, line in enumerate(table.read_text("utf-8").split("\n"), start=1):
            if line:
                row = json.loads(line)
                name = row.get("file", "")
                raw = (table.parent / name).read_bytes() if name else row["mail"].encode()
                yield _case(table.parent, name or f"line {number}", raw, row)
    for path in sorted(folder.rglob("*.eml")):
        beside = path.with_suffix(".json")
        row = json.loads(beside.read_bytes()) if beside.is_file() else {}
        if "expect" in row:
            yield _case(path.parent, path.name, path.read_bytes(), row)


def _case(folder: Path, name: str, raw: bytes, row: dict[str, Any]) -> Case:
    expect = {key: value for key, value in row["expect"].items() if value is not None}
    source = row.get("set") or folder.name
    about = next((part for part in reversed(folder.parts) if part in (REPLIES, CONVERSATIONS)), folder.name)
    return Case(f"{folder.name}/{name}", about, row.get("lang") or "", source, expect, folder, raw)
