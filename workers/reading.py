"""The child that reads: `python -m workers.reading`. It holds no more than it needs: channels, and no database.

It speaks frames over its standard input and output: four bytes of length, big endian, then the content. The first frame
is the pickled `Task` of its parent; each further one a RawMessage in MessagePack, answered by a `Reading`. Limits: the
address space, CPU time for each message, and a wall-clock alarm, all enforced by the kernel, because no check in Python
runs inside a C function that does not return. The child ends when its input does.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import signal
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from channels import Channel, Malformed, load
from config.faults import crash_point
from models.envelope import InboundMessage, RawMessage

WALL_SECONDS = 30
"""A message that is not read by then ends the child."""
EXIT_MEMORY = 77
"""Exit status where the address space was used up."""

length = struct.Struct(">I")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What reading one raw message gave."""

    messages: tuple[InboundMessage, ...] = ()
    malformed: str = ""
    """Why the bytes are no message of their channel; the item goes to quarantine."""
    explained: dict[str, object] = {}
    """How the message was read, where that was asked for."""
    killed: str = ""
    """What ended the child while it read this; the item becomes a ticket that carries the raw bytes."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the parent wants."""

    settings: Any
    """The settings as plain attributes: pydantic would double the child's memory."""
    explain: bool
    memory_bytes: int
    cpu_seconds: float


def main() -> None:
    """Read frames until the input ends."""
    source = os.fdopen(0, "rb", buffering=2**16)
    task: Task = pickle.loads(_frame(source))  # noqa: S301 - our own parent wrote it
    channels = load(task.settings)
    resource.setrlimit(resource.RLIMIT_AS, (task.memory_bytes, task.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor
    decode = msgspec.msgpack.Decoder(RawMessage).decode
    encode = msgspec.msgpack.Encoder().encode
    gc.freeze()
    gc.set_threshold(50_000)  # reading makes many small values and hardly a circle: looking for those costs a tenth
    try:
        while frame := _frame(source):
            _allow(task.cpu_seconds)
            crash_point("X7")
            reply = encode(_answer(channels, decode(frame), explain=task.explain))
            signal.setitimer(signal.ITIMER_REAL, 0)
            _write_all(1, length.pack(len(reply)) + reply)
    except MemoryError:
        os._exit(EXIT_MEMORY)


def _frame(source: Any) -> bytes:
    """The next frame; empty at the end of the input."""
    head = source.read(length.size)
    content: bytes = source.read(length.unpack(head)[0]) if head else b""
    return content


def _answer(channels: Mapping[str, Channel], raw: RawMessage, *, explain: bool) -> Reading:
    """Read one message. An exception that is no `Malformed` is a bug: it ends the child, with its traceback."""
    channel = channels.get(raw.envelope.channel)
    if channel is None:
        return Reading(malformed=f"no channel {raw.envelope.channel!r} in the settings")
    try:
        if explain:
            messages, explained = channel.explain(raw)
            return Reading(messages=messages, explained=explained)
        return Reading(messages=channel.normalise(raw))
    except Malformed as reason:
        return Reading(malformed=str(reason))


def _allow(cpu_seconds: float) -> None:
    """Grant CPU time and wall-clock time for one message; the kernel's signals end the process beyond them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    from workers import reading  # this module under its own name, which the pickled task and its parent use

    reading.main()
