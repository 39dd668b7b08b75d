"""Keys: 64 bits in the place of a text, for advisory locks and for finding what a message may match on. Pure."""

from __future__ import annotations

import hashlib

Address = tuple[str, str]
"""Channel and canonical address."""


def hash_key(value: str) -> int:
    """First 64 bits of BLAKE2b, signed: an advisory lock, and the key of a message id."""
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def message_key(message_id: str) -> int:
    """The key of a Message-ID or provider's id."""
    return hash_key("message:" + message_id)


def mark_key(mark: str) -> int:
    """The key of a mark that the messages of a conversation share, beside their ids."""
    return hash_key("mark:" + mark)


def matter_key(label: str, matter: str) -> int:
    """The key of a subject in the mouth of one participant."""
    return hash_key(f"matter:{label}\n{matter}")


def address_key(address: Address) -> int:
    """The lock of an identity."""
    return hash_key("address:" + ":".join(address))
