"""A corpus: raw mails with what must be read in each.

Enters: a folder. Leaves: its cases and conversations. A mail without expected values is no case; expected values
without their mail, or with a key that nobody knows, raise `ValueError`, since they would measure nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPECTED = "expected.jsonl"
"""One line a mail: {"file", "lang", "set", "expect"}."""
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

    path: Path
    about: str
    """The name of its folder: in `reply` the words `contains` and `absent` speak of the new words."""
    language: str
    source: str
    """The suite that it comes from."""
    expect: dict[str, Any]

    @property
    def name(self) -> str:
        """Folder and file."""
        return f"{self.path.parent.name}/{self.path.name}"

    def raw(self) -> bytes:
        """The mail, byte for byte."""
        return self.path.read_bytes()


def load(folder: Path) -> list[Case]:
    """Every case below `folder`, in the order of names and lines."""
    found = list(_cases(folder))
    for case in found:
        if unknown := case.expect.keys() - KEYS:
            raise ValueError(f"{case.name}: expects {', '.join(sorted(unknown))}, which nothing measures")
        if not case.path.is_file():
            raise ValueError(f"{case.name}: there is no such mail")
    return found


def _cases(folder: Path) -> Iterator[Case]:
    for table in sorted(folder.rglob(EXPECTED)):
        for line in table.read_text("utf-8").splitlines():
            row = json.loads(line)
            yield _case(table.parent, table.parent / row["file"], row)
    for path in sorted(folder.rglob("*.eml")):
        beside = path.with_suffix(".json")
        row = json.loads(beside.read_bytes()) if beside.is_file() else {}
        if "expect" in row:
            yield _case(path.parent, path, row)


def _case(folder: Path, path: Path, row: dict[str, Any]) -> Case:
    expect = {key: value for key, value in row["expect"].items() if value is not None}
    return Case(path, folder.name, row.get("lang") or "", row.get("set") or folder.name, expect)
