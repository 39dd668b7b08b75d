"""What names a ticket and carries our seal: reply tokens and our own Message-IDs. Pure.

A seal is 80 bits of HMAC under the installation's key, so that naming a ticket by one proves that we gave it out.
"""

from __future__ import annotations

from config.secret import seal, sealed

SEAL_LENGTH = 16
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
"""Base 32 as in RFC 4648 §6, lower case: what survives in a local part that somebody reads out on the phone."""


def reply_token(secret: bytes, ticket_id: int, label: str) -> str:
    """The token of a reply address: the ticket in base 32, then the seal that binds it to `label`."""
    return _base32(ticket_id) + seal(secret, "reply", str(ticket_id), label)


def own_message_id(secret: bytes, ticket_id: int, nonce: str, domain: str) -> str:
    """A Message-ID of ours that names its ticket and carries our seal."""
    return f"{_base32(ticket_id)}.{nonce}.{seal(secret, 'message', str(ticket_id), nonce)}@{domain}"


def token_ticket(token: str) -> int | None:
    """The ticket that a reply token claims to be for; None where it is none of ours."""
    return _number(token[:-SEAL_LENGTH]) if len(token) > SEAL_LENGTH else None


def sealed_ticket(secret: bytes, message_id: str) -> int | None:
    """The ticket of one of our own Message-IDs, if its seal is right."""
    parts = message_id.partition("@")[0].split(".")
    if len(parts) != 3:
        return None
    number = _number(parts[0])
    return number if number and sealed(secret, parts[2], "message", str(number), parts[1]) else None


def _base32(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 32)
        text = _DIGITS[digit] + text
    return text or "a"


def _number(text: str) -> int | None:
    if not 0 < len(text) <= 12 or any(letter not in _DIGITS for letter in text):
        return None
    number = 0
    for letter in text:
        number = number * 32 + _DIGITS.index(letter)
    return number
