"""The clock on the wall, which every channel is handed and a test replaces."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)
