"""Our own id of a message in the address that Twilio calls with its statuses: letters that no proxy rewrites. Pure."""

from __future__ import annotations

import base64
import binascii

NAME = "message"
"""The parameter."""


def written(message_id: str) -> str:
    """The id for the address (base64url without padding, RFC 4648 §5)."""
    return base64.urlsafe_b64encode(message_id.encode()).decode().rstrip("=")


def read(value: str) -> str:
    """The id; '' for what we did not write."""
    try:
        return base64.urlsafe_b64decode(value[:400] + "=" * (-len(value[:400]) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""
