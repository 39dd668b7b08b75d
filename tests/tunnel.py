"""A tunnel in front of a port, for cutting connections as trains do: at once, after so many bytes, and for a while."""

from __future__ import annotations

import asyncio
from typing import Self

from tests.desk import free_port


class Tunnel:
    """Forwards connections to `target` on loopback while it is open."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.open = True
        self.allowance: int | None = None
        """After so many further bytes of the client's everything is cut; None: never."""
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.cut()
        self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Drop every connection without a farewell."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not self.open:
                raise ConnectionError
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, inner_writer}
        await asyncio.gather(self._pump(reader, inner_writer, counted=True), self._pump(inner_reader, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool = False) -> None:
        try:
            while data := await source.read(65_536):
                if counted and self.allowance is not None:
                    data = data[: self.allowance]
                    self.allowance -= len(data)
                sink.write(data)
                await sink.drain()
                if counted and self.allowance == 0:
                    self.allowance = None
                    self.cut()
            sink.close()
        except (ConnectionError, RuntimeError):
            sink.transport.abort()
