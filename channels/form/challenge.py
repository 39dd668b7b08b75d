"""What a served page carries and a post brings back: the token, the proof of work, the receipt. Pure.

- A token names one sending of one form: its time of issue, 96 random bits, our seal. It is the idempotency key, so that
  a double click, a refresh and a second tab make one ticket.
- A proof is a number whose SHA-256 together with the token begins with so many zero bits.
- A receipt is the id of a stored post under our seal: the address of the thank-you page, which nobody can guess.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum

import msgspec

from config.secret import seal, sealed

LIFETIME = 24 * 3600.0
AHEAD = 300.0
"""Seconds that the clock of another gateway may be ahead of ours."""

TOKEN = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{24})\.([a-z2-7]{16})")
RECEIPT = re.compile(r"([0-9a-f]{64})([a-z2-7]{16})")
ANSWER = re.compile(r"[0-9]{1,15}")


class Standing(Enum):
    """What a posted token turned out to be."""

    ABSENT = "absent"
    FOREIGN = "foreign"
    EXPIRED = "expired"
    VALID = "valid"


class Token(msgspec.Struct, frozen=True):
    """A posted token, judged. `age` in seconds counts only where it is valid."""

    text: str
    standing: Standing
    age: float = 0.0


def issue(secret: bytes, form: str, now: float, nonce: bytes) -> str:
    """A token for one sending of `form`. `now` is a POSIX time, `nonce` 12 random bytes."""
    issued, random = f"{int(now * 1000):x}", nonce.hex()
    return f"{issued}.{random}.{seal(secret, 'form token', form, issued, random)}"


def judge(secret: bytes, form: str, text: str, now: float) -> Token:
    """Find out whether `text` is a token that we issued for `form`, and when."""
    if not text:
        return Token("", Standing.ABSENT)
    match = TOKEN.fullmatch(text)
    if match is None or not sealed(secret, match[3], "form token", form, match[1], match[2]):
        return Token(text, Standing.FOREIGN)
    age = now - int(match[1], 16) / 1000
    if age < -AHEAD:
        return Token(text, Standing.FOREIGN)
    return Token(text, Standing.EXPIRED if age > LIFETIME else Standing.VALID, max(age, 0.0))


def external_id(form: str, key: str) -> str:
    """The id under which a post is stored: 64 hex digits."""
    return hashlib.sha256("\0".join(("form", form, key)).encode("utf-8", "replace")).hexdigest()


def receipt(secret: bytes, form: str, stored_as: str) -> str:
    """The receipt for a stored post."""
    return stored_as + seal(secret, "form receipt", form, stored_as)


def stored_as(secret: bytes, form: str, text: str) -> str:
    """The external id that a receipt names. Raises `ValueError` where it is not ours."""
    match = RECEIPT.fullmatch(text)
    if match is None or not sealed(secret, match[2], "form receipt", form, match[1]):
        raise ValueError("not our receipt")
    return match[1]


def solved(token: str, answer: str, bits: int) -> bool:
    """True where SHA-256 of `token:answer` begins with `bits` zero bits."""
    if not ANSWER.fullmatch(answer):
        return False
    digest = hashlib.sha256(f"{token}:{answer}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits) == 0
