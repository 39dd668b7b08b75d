"""The installation's key and what is signed with it: reply addresses, message ids, receipts.

The key comes from the settings, else from `var/secret`, which is made on first use (mode 0600) so that a fresh machine
needs no preparation. Several hosts must share one key by GUICHET_SECRET.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from config.settings import Settings


def key(settings: Settings) -> bytes:
    """The key, 32 bytes. Raises `OSError` when `var/secret` can neither be read nor written."""
    given = settings.secret.get_secret_value()
    if given:
        return hashlib.sha256(given.encode()).digest()
    path = settings.var / "secret"
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        return _make(path)


def _make(path: Path) -> bytes:
    """Write a new key, or read the one that another process wrote in the same instant."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"secret.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass  # another process was first: its key counts
    finally:
        fresh.unlink()
    return bytes.fromhex(path.read_text().strip())


def seal(secret: bytes, purpose: str, *parts: str) -> str:
    """80 bits of HMAC-SHA-256 over `parts` for one `purpose`, as 16 lower-case base32 letters."""
    text = "\0".join((purpose, *parts)).encode("utf-8", "surrogatepass")
    return base64.b32encode(hmac.digest(secret, text, "sha256")[:10]).decode().lower()


def sealed(secret: bytes, mark: str, purpose: str, *parts: str) -> bool:
    """True where `mark` is the seal of `parts`, compared in constant time."""
    return hmac.compare_digest(seal(secret, purpose, *parts).encode(), mark.lower().encode("utf-8", "surrogatepass"))
