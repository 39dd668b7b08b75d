"""Reading in a child process, so that hostile bytes can neither stop a worker nor use up its machine.

Enters: RawMessages. Leaves: for each a `Reading`: the messages it holds, or why it holds none. May fail: nothing; a
message that kills the child (memory, time, a crash) is the one that has no answer yet when the child is gone, and comes
back as `killed`. The child is started again and goes on with the next one.

The child (`python -m workers.reader`) speaks frames over its standard input and output: four bytes of length, big
endian, then MessagePack. Limits: address space, CPU time for each message, and a wall-clock alarm, all enforced by the
kernel, because no Python-level check runs inside a C function that does not return.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping, Sequence

import msgspec

from channels import Channel, Malformed, load
from config import logs
from config.faults import crash_point
from config.settings import Settings
from models.envelope import InboundMessage, RawMessage

WALL_SECONDS = 30
"""A child that has not answered by then is killed by its own alarm."""

_length = struct.Struct(">I")
log = logs.of("reader")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What reading one raw message gave."""

    messages: tuple[InboundMessage, ...] = ()
    malformed: str = ""
    """Why the bytes are no message of their channel; the item goes to quarantine."""
    explained: dict[str, object] = {}
    """How the message was read, where that was asked for."""
    killed: str = ""
    """What ended the child while it read this; the item becomes a ticket that carries the raw bytes."""


class Reader:
    """A child that reads, restarted when it dies. It reads one batch at a time, whoever asks."""

    def __init__(self, settings: Settings, *, explain: bool = False) -> None:
        self.settings = settings
        self.explain = explain
        self.deaths = 0
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._decode = msgspec.msgpack.Decoder(Reading).decode
        self._encode = msgspec.msgpack.Encoder().encode

    async def read(self, raws: Sequence[RawMessage]) -> list[Reading]:
        """Read all, in order."""
        readings: list[Reading] = []
        async with self._turn:
            while len(readings) < len(raws):
                cause = await self._converse(raws[len(readings) :], readings)
                if cause:
                    self.deaths += 1
                    log.warning("reader_died", cause=cause, trace_id=raws[len(readings)].envelope.trace_id)
                    readings.append(Reading(killed=cause))
        return readings

    async def _converse(self, raws: Sequence[RawMessage], readings: list[Reading]) -> str:
        """Send `raws` to the child and append what it answers; '' or, when it died, of what."""
        child = await self._alive()
        assert child.stdin is not None  # noqa: S101 - it was opened with pipes
        assert child.stdout is not None  # noqa: S101
        writing = asyncio.ensure_future(self._send(child.stdin, raws))
        try:
            for _ in raws:
                (size,) = _length.unpack(await child.stdout.readexactly(_length.size))
                readings.append(self._decode(await child.stdout.readexactly(size)))
        except asyncio.IncompleteReadError:
            return await self._bury(child)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return ""

    async def _send(self, pipe: asyncio.StreamWriter, raws: Sequence[RawMessage]) -> None:
        with contextlib.suppress(ConnectionError):  # the child died: the reading side says so
            for raw in raws:
                frame = self._encode(raw)
                pipe.write(_length.pack(len(frame)) + frame)
                await pipe.drain()

    async def _alive(self) -> asyncio.subprocess.Process:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "workers.reader",
                *(["--explain"] if self.explain else []),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=os.environ | {"GUICHET_SETTINGS_JSON": dump(self.settings)},
                limit=2**20,
            )
        return self._child

    async def _bury(self, child: asyncio.subprocess.Process) -> str:
        code = await child.wait()
        self._child = None
        if code >= 0:
            return "out of memory" if code == EXIT_MEMORY else f"exit status {code}"
        return {
            signal.SIGXCPU: "took more CPU time than allowed",
            signal.SIGALRM: "took too long",
            signal.SIGKILL: "killed by the system",
        }.get(signal.Signals(-code), signal.Signals(-code).name)

    async def warm(self) -> None:
        """Start the child before the first message needs it."""
        await self._alive()

    async def close(self) -> None:
        """End the child: its input ends."""
        if self._child is not None and self._child.returncode is None:
            assert self._child.stdin is not None  # noqa: S101
            self._child.stdin.close()
            try:
                await asyncio.wait_for(self._child.wait(), 2)
            except TimeoutError:
                self._child.kill()


def dump(settings: Settings) -> str:
    """The settings as the child gets them, without secrets: reading needs none."""
    return settings.model_dump_json(by_alias=False)


EXIT_MEMORY = 77


def main() -> None:
    """The child: read frames until the input ends."""
    settings = Settings.model_validate_json(os.environ.pop("GUICHET_SETTINGS_JSON"))
    channels = load(settings)
    limits = settings.workers
    resource.setrlimit(resource.RLIMIT_AS, (limits.reader_memory_mb << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor
    decode = msgspec.msgpack.Decoder(RawMessage).decode
    encode = msgspec.msgpack.Encoder().encode
    source, sink = os.fdopen(0, "rb", buffering=2**16), os.fdopen(1, "wb", buffering=0)
    while head := source.read(_length.size):
        frame = source.read(_length.unpack(head)[0])
        _allow(limits.reader_cpu_seconds)
        crash_point("X7")
        try:
            reply = encode(_answer(channels, decode(frame), explain="--explain" in sys.argv))
        except MemoryError:
            os._exit(EXIT_MEMORY)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write_all(sink.fileno(), _length.pack(len(reply)) + reply)


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
    main()
