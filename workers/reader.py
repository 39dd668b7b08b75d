"""Reading in a child process, so that hostile bytes can neither stop a worker nor use up its machine.

Enters: RawMessages. Leaves: for each a `Reading`: the messages it holds, or why it holds none. May fail: nothing; a
message that kills the child (memory, time, a crash) is the one that has no answer yet when the child is gone. It is
given to a second child; when that dies as well, it comes back as `killed`. The child is `workers.reading`.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import signal
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
from pydantic import BaseModel, SecretStr

from config import logs
from config.settings import Settings
from models.envelope import RawMessage
from workers.reading import EXIT_MEMORY, Reading, Task, length

CHUNK = 2**18
"""Bytes that go into the child's pipe, or come out of it, in one go."""

log = logs.of("reader")


class Reader:
    """A child that reads, restarted when it dies. It reads one batch at a time, whoever asks."""

    def __init__(self, settings: Settings, *, explain: bool = False) -> None:
        limits = settings.workers
        self.task = Task(plain(settings), explain, limits.reader_memory_mb << 20, limits.reader_cpu_seconds)
        self.deaths = 0
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._decode = msgspec.msgpack.Decoder(Reading).decode
        self._encode = msgspec.msgpack.Encoder().encode

    async def read(self, raws: Sequence[RawMessage]) -> list[Reading]:
        """Read all, in order."""
        readings: list[Reading] = []
        suspect = -1
        async with self._turn:
            while (place := len(readings)) < len(raws):
                cause = await self._converse(raws[place:], readings)
                if not cause:
                    continue
                self.deaths += 1
                log.warning("reader_died", cause=cause, trace_id=raws[len(readings)].envelope.trace_id)
                if suspect == len(readings):
                    readings.append(Reading(killed=cause))
                suspect = len(readings)  # once may be the machine's fault, or an operator's; twice is the message's
        return readings

    async def _converse(self, raws: Sequence[RawMessage], readings: list[Reading]) -> str:
        """Send `raws` to the child and append what it answers; '' or, when it died, of what."""
        child = await self._alive()
        assert child.stdin is not None  # noqa: S101 - it was opened with pipes
        assert child.stdout is not None  # noqa: S101 - likewise
        writing = asyncio.ensure_future(self._send(child.stdin, raws))
        wanted = len(readings) + len(raws)
        arrived = bytearray()
        try:
            while len(readings) < wanted:
                chunk = await child.stdout.read(CHUNK)
                if not chunk:
                    return await self._bury(child)
                arrived += chunk
                self._take(arrived, readings)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return ""

    def _take(self, arrived: bytearray, readings: list[Reading]) -> None:
        """Take every whole answer out of `arrived`; what is left begins the next one."""
        place = 0
        while len(arrived) - place >= length.size:
            (size,) = length.unpack_from(arrived, place)
            end = place + length.size + size
            if len(arrived) < end:
                break
            readings.append(self._decode(bytes(arrived[place + length.size : end])))
            place = end
        del arrived[:place]

    async def _send(self, pipe: asyncio.StreamWriter, raws: Sequence[RawMessage]) -> None:
        with contextlib.suppress(ConnectionError):  # the child died: the reading side says so
            waiting = 0
            for raw in raws:
                frame = self._encode(raw)
                pipe.write(length.pack(len(frame)) + frame)
                waiting += len(frame)
                if waiting > CHUNK:
                    await pipe.drain()
                    waiting = 0
            await pipe.drain()

    async def _alive(self) -> asyncio.subprocess.Process:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "workers.reading",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=4 * CHUNK,
            )
            assert self._child.stdin is not None  # noqa: S101 - likewise
            task = pickle.dumps(self.task)
            self._child.stdin.write(length.pack(len(task)) + task)
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
            assert self._child.stdin is not None  # noqa: S101 - likewise
            self._child.stdin.close()
            try:
                await asyncio.wait_for(self._child.wait(), 2)
            except TimeoutError:
                self._child.kill()


def plain(value: Any) -> Any:
    """Settings as plain attributes, without secrets: reading needs none, and the child is where hostile bytes are."""
    if isinstance(value, BaseModel):
        return SimpleNamespace(**{name: plain(getattr(value, name)) for name in type(value).model_fields})
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    return None if isinstance(value, SecretStr) else value
