"""Deduplicate: tell whether a message is one that came before, by another route.

Pure. The door has already answered the provider's own retries; here stands the rest: one mail sent to two of our
mailboxes, pulled by IMAP and pushed by SMTP, posted again with the same text. The same Message-ID with different
content is not a duplicate: both are kept, and the second one says so.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from models.envelope import Envelope, InboundMessage


def fingerprint(message: InboundMessage, envelope: Envelope, place: int = 0) -> UUID:
    """A digest of who said what. `place` tells apart the messages of one raw body that have no id of their own."""
    digest = hashlib.blake2b(digest_size=16)
    if message.message_id:
        parts = [message.message_id, message.sender.address, message.subject, message.text]
        parts += [attached.sha256 for attached in message.attachments]
    else:
        parts = [envelope.channel, envelope.facts.get("sha256", envelope.external_id), str(place)]
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return UUID(bytes=digest.digest())
