"""Whether a provider is a stand-in on this machine: only then may something be rehearsed. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_here(url: str) -> bool:
    """Whether `url` leads to this machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
