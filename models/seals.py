"""What names a ticket and carries our seal: reply tokens and our own Message-IDs. Pure.

A seal is 80 bits of HMAC under the installation's key, so that naming a ticket by one proves that we gave it out.
Customers' and agents' seals are made for different purposes, and their tokens differ in shape: the two digits that base
32 has no use for stand in agents' alone. Neither is ever taken for the other.

    customer   <ticket><seal>                              <ticket>.<nonce>.<seal>@domain
    agent      <ticket>8<agent>9<seal>                     <ticket>8<agent>.<nonce>.<seal>@domain
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from config.secret import seal, sealed

SEAL_LENGTH = 16
CODE_LENGTH = 5
AGENT_REPLY, AGENT_NOTICE, AGENT_CODE = "agent-reply", "agent-notice", "agent-code"
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


class Named(NamedTuple):
    """Whom and what an agent's token or notice names."""

    ticket: int
    agent: int


def agent_token(secret: bytes, ticket_id: int, agent_id: int) -> str:
    """The token of the address at which this agent, and nobody else, may answer the customer of this ticket."""
    mark = seal(secret, AGENT_REPLY, str(ticket_id), str(agent_id))
    return f"{_base32(ticket_id)}8{_base32(agent_id)}9{mark}"


def token_named(token: str) -> Named | None:
    """What an agent's token claims to be for; None where it has another shape."""
    front, nine, mark = token.rpartition("9")
    return _pair(front) if nine and len(mark) == SEAL_LENGTH else None


def token_sealed(secret: bytes, token: str) -> Named | None:
    """What an agent's token is for, if its seal is right."""
    named = token_named(token)
    if named is None or not sealed(secret, token[-SEAL_LENGTH:], AGENT_REPLY, str(named.ticket), str(named.agent)):
        return None
    return named


def agent_code(secret: bytes, ticket_id: int, agent_id: int) -> str:
    """A short seal of the same, for people to type where a sender's number proves little: 25 bits, so count tries."""
    return seal(secret, AGENT_CODE, str(ticket_id), str(agent_id))[:CODE_LENGTH]


def code_fits(secret: bytes, code: str, ticket_id: int, agent_id: int) -> bool:
    """Whether it is that code, compared in constant time."""
    return hmac.compare_digest(agent_code(secret, ticket_id, agent_id).encode(), code.lower().encode())


def notice_id(secret: bytes, ticket_id: int, agent_id: int, nonce: str, domain: str) -> str:
    """The Message-ID of a notice about a ticket to an agent. No letter of `nonce` may be a dot."""
    mark = seal(secret, AGENT_NOTICE, str(ticket_id), str(agent_id), nonce)
    return f"{_base32(ticket_id)}8{_base32(agent_id)}.{nonce}.{mark}@{domain}"


def notice_named(secret: bytes, message_id: str) -> Named | None:
    """What one of our notices was about, if its seal is right."""
    parts = message_id.partition("@")[0].split(".")
    if len(parts) != 3 or "8" not in parts[0]:
        return None
    named = _pair(parts[0])
    if named is None:
        return None
    return named if sealed(secret, parts[2], AGENT_NOTICE, str(named.ticket), str(named.agent), parts[1]) else None


def _pair(text: str) -> Named | None:
    ticket, eight, agent = text.partition("8")
    numbers = _number(ticket), _number(agent)
    return Named(numbers[0], numbers[1]) if eight and numbers[0] and numbers[1] else None


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
