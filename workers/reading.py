"""The child that reads: `python -m workers.reading`. It holds no more than it needs: channels, and no database.

It speaks frames over its standard input and output: four bytes of length, big endian, then the content. The first frame
is the pickled `Task` of its parent; each further one a RawMessage in MessagePack, answered by a `Reading`. Limits: the
address space, CPU time for each message, and a wall-clock alarm, all enforced by the kernel, because no check in Python
runs inside a C function that does not return. The child ends when its input does.

Answers leave together, when there is no further message to read or they have become many: to wake the parent for each
would cost a fifth of the reading. So that it is known all the same which message ended the child, one byte goes into a
pipe of their own as each message is begun.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import signal
import struct
import time
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

CHUNK = 2**18
"""Bytes that go through a pipe in one go."""

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
    outside: bool = False
    """True where the system killed that child, or somebody did: perhaps none of the message's doing."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the parent wants."""

    settings: Any
    """The settings as plain attributes: pydantic would double the child's memory."""
    explain: bool
    memory_bytes: int
    cpu_seconds: float
    begun: int
    """Descriptor of the pipe that takes a byte for each message begun."""


def main() -> None:
    """Read frames until the input ends."""
    source = _Input()
    task: Task = pickle.loads(source.wait())  # noqa: S301 - our own parent wrote it
    channels = load(task.settings)
    resource.setrlimit(resource.RLIMIT_AS, (task.memory_bytes, task.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor
    gc.freeze()
    gc.set_threshold(8_000)  # seldom: reading makes many small values; often enough that large mails do not pile up
    try:
        _converse(channels, task, source)
    except MemoryError:
        os._exit(EXIT_MEMORY)


def _converse(channels: Mapping[str, Channel], task: Task, source: _Input) -> None:
    """Answer every message, until the input ends."""
    decode = msgspec.msgpack.Decoder(RawMessage).decode
    encode = msgspec.msgpack.Encoder().encode
    limits = _Limits(task.cpu_seconds)
    answers: list[bytes] = []
    waiting = 0
    while True:
        frame = source.next()
        if not frame:
            limits.rest()
            _write_all(1, b"".join(answers))
            answers, waiting = [], 0
            frame = source.wait()
            if not frame:
                return
        os.write(task.begun, b".")
        limits.allow()
        crash_point("X7")
        answer = encode(_answer(channels, decode(frame), explain=task.explain))
        answers += (length.pack(len(answer)), answer)
        waiting += len(answer)
        if waiting > CHUNK:
            limits.rest()  # a parent that is busy, or stopped for a while, is not this message's fault
            _write_all(1, b"".join(answers))
            answers, waiting = [], 0


class _Input:
    """Frames from standard input, read in large pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._place = 0

    def next(self) -> bytes:
        """The next frame where it has arrived whole, else empty."""
        start = self._place + length.size
        if start > len(self._buffer):
            return b""
        stop = start + length.unpack_from(self._buffer, self._place)[0]
        if stop > len(self._buffer):
            return b""
        self._place = stop
        with memoryview(self._buffer) as whole:
            return bytes(whole[start:stop])

    def wait(self) -> bytes:
        """The next frame, whenever it comes; empty at the end of the input."""
        while not (frame := self.next()):
            del self._buffer[: self._place]
            self._place = 0
            chunk = os.read(0, CHUNK)
            if not chunk:
                break
            self._buffer += chunk
        return frame


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


class _Limits:
    """What one message may use; the kernel's signals end the process beyond it."""

    def __init__(self, cpu_seconds: float) -> None:
        self._cpu_seconds = cpu_seconds
        self._soft = 0

    def allow(self) -> None:
        """Grant CPU time (the kernel counts whole seconds) and wall-clock time for one message."""
        soft = int(time.process_time() + self._cpu_seconds) + 1
        if soft != self._soft:
            resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
            self._soft = soft
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)

    def rest(self) -> None:
        """No message is in hand: waiting for one takes as long as it takes."""
        signal.setitimer(signal.ITIMER_REAL, 0)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    from workers import reading  # this module under its own name, which the pickled task and its parent use

    reading.main()
