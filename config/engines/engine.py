"""The error of the embedded engines, and the end of their logs, which usually holds the reason."""

from __future__ import annotations

from pathlib import Path

_TAIL_BYTES = 4_000


class EngineError(Exception):
    """An engine cannot run here. The message says what happened, what is safe and what to do."""


def last_lines(log: Path, count: int = 5) -> str:
    """The last `count` lines of the file, each indented; empty when there is none."""
    try:
        text = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in text.splitlines()[-count:])
