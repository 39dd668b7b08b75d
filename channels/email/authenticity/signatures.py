"""DKIM (RFC 6376): whose signatures on a mail are right. Pure; runs in the reader's child, nothing raises.

Keys were asked for before: `records` maps names to TXT strings. Only signatures that could speak for the author are
looked at, and only the first few. A signature over a part of the body (`l=`) proves nothing about the rest, and counts
for nothing; nor does SHA-1 (RFC 8301), or a key shorter than 1,024 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from channels.email.authenticity.dmarc import Records, related
from channels.email.mail import Headers

MOST_SIGNATURES = 5
"""Signatures of related domains that are checked."""
MOST_FIELDS = 50
"""Fields of this kind that are looked at."""
SHORTEST_KEY = 1_024
LONGEST_KEY = 4_096
"""Characters of a key record."""
LONGEST_RUN = re.compile(rb"[ \t]{2000}")
"""White space that the canonical forms would take too long over."""
_SPACE = re.compile(r"\s+")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9])?")


class Signature(NamedTuple):
    """A DKIM-Signature field, as far as it matters before its key is known."""

    place: int
    """Among all fields of this kind, from 0."""
    domain: str
    selector: str
    whole: bool
    """False where it covers only a part of the body."""

    @property
    def key(self) -> str:
        """Where its key is published."""
        return f"{self.selector}._domainkey.{self.domain}"


class Checked(NamedTuple):
    """What became of one signature."""

    domain: str
    result: str
    """pass, fail, or unknown where the key could not be asked for."""
    why: str = ""


def signatures(headers: Headers, author: str) -> list[Signature]:
    """The signatures that could speak for the domain `author`."""
    fields = headers.all("dkim-signature")[:MOST_FIELDS]
    found = [signature for place, value in enumerate(fields) if (signature := _read(place, value)) is not None]
    return [signature for signature in found if related(signature.domain, author)][:MOST_SIGNATURES]


def _read(place: int, value: str) -> Signature | None:
    tags = dict(_tags(value))
    domain, selector = tags.get("d", "").lower().rstrip("."), tags.get("s", "").lower()
    if not (_NAME.fullmatch(domain) and _NAME.fullmatch(selector)):
        return None
    return Signature(place, domain, selector, "l" not in tags)


def _tags(value: str) -> Iterator[tuple[str, str]]:
    for piece in value[:10_000].split(";"):
        name, equals, content = piece.partition("=")
        if equals:
            yield name.strip().lower(), _SPACE.sub("", content)


def check(raw: bytes, found: Sequence[Signature], records: Records) -> list[Checked]:
    """Check `found`, the signatures of the mail `raw`."""
    if found and LONGEST_RUN.search(raw):
        return [Checked(signature.domain, "fail", "too much white space") for signature in found]
    return [_check(raw, signature, records.get(signature.key)) for signature in found]


def _check(raw: bytes, signature: Signature, published: Sequence[str] | None) -> Checked:
    if not signature.whole:
        return Checked(signature.domain, "fail", "it covers only a part of the body")
    if published is None:
        return Checked(signature.domain, "unknown", "its key could not be asked for")
    keys = [text for text in published if len(text) <= LONGEST_KEY and not _testing(text)]
    if not keys:
        return Checked(signature.domain, "fail", "there is no key for it")
    from dkim import DKIM, DKIMException  # here, since most readers never need it

    try:
        for text in keys:
            verifier = DKIM(raw, minkey=SHORTEST_KEY)  # anew: checking leaves traces in it
            right = verifier.verify(idx=signature.place, dnsfunc=lambda _name, text=text, **_: text.encode())
            if right and verifier.signature_fields.get(b"a") != b"rsa-sha1":
                return Checked(signature.domain, "pass")
    except (DKIMException, ValueError, LookupError, TypeError) as error:
        return Checked(signature.domain, "fail", f"{type(error).__name__}: {error}"[:120])
    return Checked(signature.domain, "fail", "it does not match")


def _testing(key: str) -> bool:
    """Whether its owner only tries it (RFC 6376 §3.6.1, the tag t)."""
    return "y" in dict(_tags(key)).get("t", "").split(":")
