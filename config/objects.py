"""The object store: bytes under their SHA-256, for bodies and files that are too large for a row.

A local folder by default (`var/objects`), or any store that `obstore` knows by URL (s3://bucket/prefix …). Names are
64 hex digits, never anything that a sender chose. `put` returns only when the bytes are on disk (or the remote store
has confirmed them), so a row may then point at them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from obstore.store import LocalStore, ObjectStore, from_url

from config.faults import crash_point
from config.settings import Settings


class Objects:
    """Put and get by digest."""

    def __init__(self, settings: Settings) -> None:
        url = settings.ledger.objects_url
        self.folder: Path | None = None
        if url and not url.startswith("file://"):
            self.store: ObjectStore = from_url(url)
            return
        self.folder = Path(url.removeprefix("file://")) if url else settings.var.absolute() / "objects"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = LocalStore(self.folder)

    async def put(self, content: bytes) -> str:
        """Store `content` durably and return its SHA-256. Storing the same bytes again changes nothing."""
        digest = hashlib.sha256(content).hexdigest()
        name = _name(digest)
        crash_point("X15")
        await self.store.put_async(name, content)
        if self.folder is not None:
            await asyncio.to_thread(_flush, self.folder / name)
        crash_point("X16")
        return digest

    async def get(self, digest: str) -> bytes:
        """The bytes whose SHA-256 is `digest`. Raises `FileNotFoundError` where there are none."""
        result = await self.store.get_async(_name(digest))
        return bytes(await result.bytes_async())

    async def delete(self, digest: str) -> None:
        """Take the bytes away; nothing happens where there are none."""
        if await self.has(digest):
            await self.store.delete_async(_name(digest))

    async def has(self, digest: str) -> bool:
        """Whether they are there."""
        try:
            await self.store.head_async(_name(digest))
        except FileNotFoundError:
            return False
        return True


def _name(digest: str) -> str:
    """Two levels of folders, so that no folder grows past a few thousand entries."""
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


def _flush(path: Path) -> None:
    """Force the file, and the entries that lead to it, onto the disk (rename alone promises neither)."""
    for place in (path, path.parent, path.parent.parent, path.parent.parent.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
