"""`guichet explain`: how raw messages are read and triaged, and why, without storing anything.

Enters: paths of raw messages. Leaves: one JSON line for each, in order, flushed at once, or a page for people. A file
that cannot be read, or that no reader survives, gets a line with its `error`, and the next one its turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from channels import Channel, load
from config.settings import Settings
from models.envelope import Envelope, RawMessage
from workers.explained_page import show
from workers.foresee import Foresight
from workers.inquire import inquire
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
    channels = load(settings)
    foresight = Foresight(settings, channels, rules)
    answer = _show_json if json else show
    try:
        for path in paths or _named_on_stdin():
            explained = await _explain(path, channel, channels, reader, rules, foresight)
            answer({"path": _printable(path), **explained})
    finally:
        await reader.close()
        await foresight.close()


def _named_on_stdin() -> Iterator[Path]:
    """Paths in any encoding, as the system has them."""
    for line in sys.stdin.buffer:
        if name := line.rstrip(b"\r\n"):
            yield Path(os.fsdecode(name))


def _printable(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


async def _explain(
    path: Path,
    channel: str,
    channels: Mapping[str, Channel],
    reader: Reader,
    rules: Rules,
    foresight: Foresight,
) -> dict[str, object]:
    """What is to be said of one file."""
    try:
        body = await asyncio.to_thread(_contents, path)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        return {"error": str(error).encode("utf-8", "replace").decode()}
    envelope = _envelope(channel, body)
    [reading] = await reader.read(await inquire([RawMessage(envelope, body)], channels))
    if not reading.messages:
        return {"error": reading.malformed or reading.killed or "it holds no message"}
    return {
        **reading.explained,
        **_triaged(reading, rules),
        **await foresight.of(envelope, reading.messages),
    }


def _contents(path: Path) -> bytes:
    """The bytes of a file. Raises `OSError` for what has none, or no end."""
    if not path.is_file():
        path.stat()
        raise OSError(f"{path} is not a file")
    return path.read_bytes()


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
