"""Who is at the other end: the visitor's token, and the identity that a host site signs. Pure.

A token is `<visitor>.<issued>.<seal>`: 32 hex digits, seconds since 1970 in hex, our seal over both and the site. The
browser keeps it; it opens one conversation and nothing else.

    anonymous  a<31 hex>  random; the token alone opens the conversation
    known      b<31 hex>  derived from the site and its own id of the person; opens only with a fresh signed identity,
                          so that who signs out on a shared machine leaves nothing behind

An identity is `<base64url of JSON>.<HMAC-SHA256 in hex>`, made by the host site with its key. The JSON holds `id`, and
may hold `name`, `email` and `exp` (seconds since 1970).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

import msgspec

from config.secret import seal, sealed

TOKEN = re.compile(r"([ab][0-9a-f]{31})\.([0-9a-f]{1,12})\.([a-z2-7]{16})")
ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\\\"\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,190}")
AHEAD = 300.0
"""Seconds that the clock of another gateway may be ahead of ours."""
KNOWN_SECONDS = 86_400.0
"""How long the token of a known visitor serves for files; their conversation wants the identity each time."""
LONGEST_NAME = 120
LONGEST_IDENTITY = 4_000


class StrangerError(ValueError):
    """A token or identity that opens nothing. The text says why, for the visitor's browser."""


class Identity(msgspec.Struct, frozen=True):
    """What a host site vouches for."""

    id: str
    name: str = ""
    email: str = ""
    exp: float = 0.0


def newcomer(random: bytes) -> str:
    """A new anonymous visitor. `random`: 16 bytes."""
    return f"a{random.hex()[1:]}"


def known(secret: bytes, site: str, identity: Identity) -> str:
    """The visitor of an identity: the same on every device."""
    return "b" + hashlib.blake2b(f"{site}\0{identity.id}".encode(), key=secret, digest_size=16).hexdigest()[1:]


def is_known(visitor: str) -> bool:
    """Whether a host site has to vouch for this visitor."""
    return visitor.startswith("b")


def issue(secret: bytes, site: str, visitor: str, now: float) -> str:
    """The token of `visitor` on `site`. `now` is a POSIX time."""
    issued = f"{int(now):x}"
    return f"{visitor}.{issued}.{seal(secret, 'visitor', site, visitor, issued)}"


def judge(secret: bytes, site: str, token: str, now: float, *, days: int) -> tuple[str, float]:
    """The visitor of a token, and its age in seconds. Raises `StrangerError`."""
    match = TOKEN.fullmatch(token)
    if match is None or not sealed(secret, match[3], "visitor", site, match[1], match[2]):
        raise StrangerError("the token is not ours")
    age = now - int(match[2], 16)
    lifetime = KNOWN_SECONDS if is_known(match[1]) else days * 86_400.0
    if age < -AHEAD or age > lifetime:
        raise StrangerError("the token has expired")
    return match[1], age


def identify(secret: str, text: str, now: float) -> Identity:
    """Check and read a signed identity. `secret` is the site's key. Raises `StrangerError`."""
    claims, _, mark = text.rpartition(".")
    if not secret or not claims or len(text) > LONGEST_IDENTITY:
        raise StrangerError("this site signs no identities")
    right = hmac.new(secret.encode(), claims.encode("utf-8", "replace"), "sha256").hexdigest()
    if not hmac.compare_digest(right.encode(), mark.lower().encode("utf-8", "replace")):
        raise StrangerError("the identity is not signed with this site's key")
    try:
        padded = claims.encode() + b"=" * (-len(claims) % 4)
        identity = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Identity)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise StrangerError("the identity cannot be read") from error
    if identity.exp and identity.exp < now:
        raise StrangerError("the identity has expired")
    if not identity.id:
        raise StrangerError("the identity names nobody")
    return identity


def address(text: str) -> str:
    """One bare e-mail address in lower case; '' where that is none."""
    text = text.strip()
    return text.lower() if len(text) <= 254 and ADDRESS.fullmatch(text) and ".." not in text else ""


def name(text: str) -> str:
    """A name on one line, without what cannot be shown."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:LONGEST_NAME]
