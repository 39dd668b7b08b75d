"""Passwords: Argon2id (RFC 9106 §4, second recommended choice: 64 MiB, three passes), and what makes one fit.

Both cost about a tenth of a second of a core: to be called in a thread. `matches` takes the same time where there is no
password to compare with, so that nobody learns from the clock who has an account. Nothing fails.
"""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 256
_HASHER = PasswordHasher()


def hashed(password: str) -> str:
    """The hash to be stored, with its salt and cost."""
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether `password` is the one that `stored` was made of; never where nothing is stored."""
    try:
        _HASHER.verify(stored or _nobody(), password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored)


def outdated(stored: str) -> bool:
    """Whether it was hashed at another cost than today's."""
    try:
        return _HASHER.check_needs_rehash(stored)
    except InvalidHashError:
        return True


@cache
def _nobody() -> str:
    """What an unknown account's password is compared with."""
    return _HASHER.hash("nobody's password")


def why_unfit(password: str, *, shortest: int, known: tuple[str, ...] = ()) -> str:
    """'' for a fit password, else short, long, plain (one letter over and over, or what we know of the person).

    Length is what counts; nothing is asked about its kinds of letters (NIST SP 800-63B §3.1.1.2).
    """
    if len(password) < shortest:
        return "short"
    if len(password) > LONGEST:
        return "long"
    plain = password.casefold()
    if len(set(plain)) < 4 or any(word and word.casefold() in (plain, plain.rstrip("0123456789!.")) for word in known):
        return "plain"
    return ""
