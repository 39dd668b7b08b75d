"""Rows as a Parquet file, a portion at a time. Needs pyarrow: `pip install 'guichet-gateway[parquet]'`.

Enters: portions of rows as `rows.stream` gives them. Leaves: bytes after each portion, the rest at the end. Each
portion is a row group, so memory holds one. May fail: `ImportError` where pyarrow is missing; `available` says so.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from models.statistics.rows import COLUMNS


def available() -> bool:
    """Whether Parquet can be written here."""
    return importlib.util.find_spec("pyarrow") is not None


class File:
    """One file that is being written."""

    def __init__(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        kinds = {"int": pa.int64(), "text": pa.string(), "moment": pa.timestamp("us", tz="UTC"), "bool": pa.bool_()}
        self._schema = pa.schema([(name, kinds[kind]) for name, _source, kind in COLUMNS])
        self._batch = pa.RecordBatch
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")

    def add(self, rows: Sequence[Any]) -> bytes:
        """Write a portion. Returns the bytes that are ready."""
        columns = zip(*rows, strict=True) if rows else [[] for _column in COLUMNS]
        named = dict(zip(self._schema.names, map(list, columns), strict=True))
        self._writer.write_batch(self._batch.from_pydict(named, schema=self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        """The rest: the file's footer."""
        self._writer.close()
        return self._sink.taken()


class _Sink:
    """A file that is written from the beginning to the end and forgets what was taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def write(self, data: Any) -> int:
        """Keep it until it is taken."""
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        """How much was written in all."""
        return self._length

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def readable(self) -> bool:
        """It cannot be read."""
        return False

    def writable(self) -> bool:
        """It can be written."""
        return True

    def seekable(self) -> bool:
        """It goes one way."""
        return False
