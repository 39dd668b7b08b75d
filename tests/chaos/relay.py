"""The customers' mail server: takes and counts acknowledgements; kills on demand between request and reply (X12)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Mailbox:
    """What arrived, by recipient and by Message-ID."""

    faults: Path
    kill_workers: Callable[[], None]
    recipients: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)

    async def serve(self) -> asyncio.Server:
        """Listen on a free port."""
        return await asyncio.start_server(self._session, "127.0.0.1", 0)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        writer.write(b"220 relay\r\n")
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"RCPT":
                    recipient = line.decode().split("<")[1].split(">")[0]
                if verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    self._take(recipient, await reader.readuntil(b"\r\n.\r\n"))
                    if (self.faults / "X12").exists():
                        (self.faults / "X12").unlink()
                        self.kill_workers()
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 relay\r\n")
                await writer.drain()
                if verb == b"QUIT":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the worker died: that is what happens here
        finally:
            writer.close()

    def _take(self, recipient: str, content: bytes) -> None:
        self.recipients[recipient] += 1
        found = re.search(rb"^Message-ID:\s*<([^>]+)>", content, re.IGNORECASE | re.MULTILINE)
        self.ids[found[1].decode() if found else "?"] += 1
