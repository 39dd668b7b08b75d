"""Reading in a child process, so that hostile bytes can neither stop a worker nor use up its machine.

Enters: RawMessages. Leaves: for each a `Reading`: the messages it holds, or why it holds none. May fail: nothing; a
message that kills the child (memory, time, a crash) is the last one that it had begun. It is given to a second child;
when that dies as well, it comes back as `killed`. The child is `workers.reading`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec
from pydantic import BaseModel, SecretStr

from config import logs
from config.settings import Settings
from models.envelope import RawMessage
from workers.reading import CHUNK, EXIT_MEMORY, Reading, Task, length

PIPE_BYTES = 2**20

log = logs.of("reader")


class Reader:
    """A child that reads, restarted when it dies. It reads one batch at a time, whoever asks."""

    def __init__(self, settings: Settings, *, explain: bool = False) -> None:
        limits = settings.workers
        self._begun = _Ticks()
        memory = limits.reader_memory_mb << 20
        self.task = Task(plain(settings), explain, memory, limits.reader_cpu_seconds, self._begun.entry)
        self.deaths = 0
        self._child: Child | None = None
        self._turn = asyncio.Lock()
        self._decode = msgspec.msgpack.Decoder(Reading).decode
        self._encode = msgspec.msgpack.Encoder().encode

    async def read(self, raws: Sequence[RawMessage]) -> list[Reading]:
        """Read all, in order."""
        readings: dict[int, Reading] = {}
        suspect = -1
        async with self._turn:
            while waiting := [place for place in range(len(raws)) if place not in readings]:
                answers: list[Reading] = []
                cause = await self._converse([raws[place] for place in waiting], answers)
                readings.update(zip(waiting, answers, strict=False))
                if not cause:
                    continue
                self.deaths += 1
                # The one that it had begun, or the next one, where all that it had begun are answered.
                last = waiting[min(max(self._begun.count(), len(answers) + 1), len(waiting)) - 1]
                log.warning("reader_died", cause=cause, trace_id=raws[last].envelope.trace_id)
                if suspect == last and last not in readings:
                    readings[last] = Reading(killed=cause)
                suspect = last  # once may be the machine's fault, or an operator's; twice is the message's
        return [readings[place] for place in range(len(raws))]

    async def _converse(self, raws: Sequence[RawMessage], answers: list[Reading]) -> str:
        """Send `raws` to the child and append what it answers; '' or, when it died, of what."""
        child = await self._alive()
        self._begun.count()
        writing = asyncio.ensure_future(self._send(child.source, raws))
        arrived = bytearray()
        try:
            while len(answers) < len(raws):
                chunk = await child.answers.read(CHUNK)
                if not chunk:
                    return await self._bury(child)
                arrived += chunk
                self._take(arrived, answers)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return ""

    def _take(self, arrived: bytearray, answers: list[Reading]) -> None:
        """Take every whole answer out of `arrived`; what is left begins the next one."""
        place = 0
        with memoryview(arrived) as whole:
            while len(whole) - place >= length.size:
                start = place + length.size
                end = start + length.unpack_from(whole, place)[0]
                if len(whole) < end:
                    break
                answers.append(self._decode(whole[start:end]))
                place = end
        del arrived[:place]

    async def _send(self, pipe: asyncio.StreamWriter, raws: Sequence[RawMessage]) -> None:
        with contextlib.suppress(ConnectionError):  # the child died: the reading side says so
            frames: list[bytes] = []
            waiting = 0
            for raw in raws:
                frame = self._encode(raw)
                frames += (length.pack(len(frame)), frame)
                waiting += len(frame)
                if waiting > CHUNK:
                    pipe.write(b"".join(frames))
                    frames, waiting = [], 0
                    await pipe.drain()
            pipe.write(b"".join(frames))
            await pipe.drain()

    async def _alive(self) -> Child:
        if self._child is None or self._child.process.returncode is not None:
            self._child = await Child.start(self._begun.entry)
            task = pickle.dumps(self.task)
            self._child.source.write(length.pack(len(task)) + task)
        return self._child

    async def _bury(self, child: Child) -> str:
        code = await child.end()
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
        if self._child is not None:
            await self._child.end()
        self._begun.close()


@dataclass(slots=True)
class Child:
    """A running child and our ends of its two pipes."""

    process: asyncio.subprocess.Process
    source: asyncio.StreamWriter
    answers: asyncio.StreamReader

    @classmethod
    async def start(cls, begun: int) -> Child:
        """Start one that ticks into `begun`.

        The pipes hold as much as the system lets them, so that it goes on reading while its parent is busy.
        """
        loop = asyncio.get_running_loop()
        theirs, source = os.pipe()
        answers, their_answers = os.pipe()
        try:
            widen(source)
            widen(answers)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "workers.reading", stdin=theirs, stdout=their_answers, pass_fds=(begun,)
            )
        except BaseException:
            os.close(source)
            os.close(answers)
            raise
        finally:
            os.close(theirs)
            os.close(their_answers)
        reader = asyncio.StreamReader(limit=4 * CHUNK)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(answers, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(source, "wb", 0)
        )
        return cls(process, asyncio.StreamWriter(transport, protocol, None, loop), reader)

    async def end(self) -> int:
        """Its exit status, once its input has ended, or, after two seconds, by force."""
        self.source.close()
        try:
            return await asyncio.wait_for(self.process.wait(), 2)
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()


class _Ticks:
    """A pipe into which the child writes one byte as it begins a message: it outlives the child, whatever killed it."""

    def __init__(self) -> None:
        self._exit, self.entry = os.pipe()
        os.set_blocking(self._exit, False)

    def count(self) -> int:
        """How many bytes came since this was last asked."""
        found = 0
        with contextlib.suppress(BlockingIOError):  # nothing more for now
            while piece := os.read(self._exit, 2**16):
                found += len(piece)
        return found

    def close(self) -> None:
        """Close both ends. Closing twice does nothing."""
        if self.entry >= 0:
            os.close(self._exit)
            os.close(self.entry)
            self.entry = -1


def widen(pipe: int) -> None:
    """Let a pipe hold more than the usual 64 KB, where the system can (Linux: fcntl(2), F_SETPIPE_SZ)."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # more than an ordinary user may have
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def plain(value: Any) -> Any:
    """Settings as plain attributes, without secrets: reading needs none, and the child is where hostile bytes are."""
    if isinstance(value, BaseModel):
        return SimpleNamespace(**{name: plain(getattr(value, name)) for name in type(value).model_fields})
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    return None if isinstance(value, SecretStr) else value
