"""`guichet explain`: how raw messages are read and triaged, and why, without storing anything.

Enters: paths of raw messages. Leaves: one JSON line for each, in order, or a page for people. A file that cannot be
read, or that no reader survives, gets a line with its `error`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from config.settings import Settings
from models.envelope import Envelope, RawMessage
from workers.reader import Reader
from workers.reading import Reading
from workers.rules import Rules
from workers.triage import triage


def run(settings: Settings, paths: Sequence[Path], *, channel: str, json: bool) -> None:
    """Explain `paths`, or else each path that comes in on stdin, one a line, answered at once."""
    asyncio.run(_explain_all(settings, paths, channel, json=json))


async def _explain_all(settings: Settings, paths: Sequence[Path], channel: str, *, json: bool) -> None:
    reader = Reader(settings, explain=True)
    rules = Rules.of(settings)
    show = _show_json if json else _show
    try:
        for path in paths or _named_on_stdin():
            show(await _explain(path, channel, reader, rules))
    finally:
        await reader.close()


def _named_on_stdin() -> Iterator[Path]:
    for line in sys.stdin:
        if name := line.rstrip("\r\n"):
            yield Path(name)


async def _explain(path: Path, channel: str, reader: Reader, rules: Rules) -> dict[str, object]:
    """What is to be said of one file."""
    try:
        body = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        return {"path": str(path), "error": str(error)}
    [reading] = await reader.read([RawMessage(_envelope(channel, body), body)])
    if not reading.messages:
        return {"path": str(path), "error": reading.malformed or reading.killed or "it holds no message"}
    return {"path": str(path), **reading.explained, **_triaged(reading, rules)}


def _triaged(reading: Reading, rules: Rules) -> dict[str, object]:
    message = reading.messages[0]
    verdict = triage(message, rules)
    why = [f"machine: {message.machine}"] if message.machine else []
    return {
        "language": verdict.language,
        "category": verdict.category,
        "priority": verdict.priority,
        "why": [*why, *verdict.why, *message.remarks],
    }


def _envelope(channel: str, body: bytes) -> Envelope:
    """An envelope that says nothing: only what stands in the bytes is explained."""
    return Envelope(
        channel=channel,
        account="",
        external_id=hashlib.sha256(body).hexdigest(),
        sender="",
        received_at=datetime.now(UTC),
        trace_id="",
        lane="",
    )


def _show_json(explained: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(explained).decode() + "\n")
    sys.stdout.flush()


def _show(explained: dict[str, object]) -> None:
    console = Console(emoji=False)
    console.rule(escape(str(explained.pop("path"))))
    for name, value in explained.items():
        if isinstance(value, list):
            for entry in value or ["-"]:
                console.print(f"[bold]{name:>18}[/]  {escape(str(entry))}")
        else:
            console.print(f"[bold]{name:>18}[/]  {escape(str(value))}")
