"""Keys of 64 bits for what is looked up by its hash: message ids, subjects, locks. Pure."""

from __future__ import annotations

import hashlib


def hash_key(value: str) -> int:
    """First 64 bits of BLAKE2b, signed: an advisory lock, and the key of a message id."""
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def message_key(message_id: str) -> int:
    """The key of a Message-ID or provider's id."""
    return hash_key("message:" + message_id)
