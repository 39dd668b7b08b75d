"""What an SMTP transaction said, made into an `Envelope`. Pure; looks at the header block with bounded searches only.

The full parser never runs here: hostile headers cost it minutes and gigabytes, and this is the accepting process.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from channels.email.recipients import bare
from models.envelope import Envelope, RawMessage

HEADER_BYTES = 256 * 1024
"""How far the header block is looked at."""

_FROM = re.compile(rb"^from[ \t]*:((?:[^\r\n]|\r?\n[ \t]){0,2000})", re.IGNORECASE | re.MULTILINE)
_ANGLED = re.compile(rb"<([^<>\s@]{1,64}@[^<>\s@]{1,255})>")
_NAKED = re.compile(rb"(?<![^\s,;:\"'(])([^<>\s@,;:\"'()]{1,64}@[^<>\s@,;:\"'()]{1,255})")


def header_block(body: bytes) -> bytes:
    """The bytes before the first empty line, at most `HEADER_BYTES`."""
    end = body.find(b"\r\n\r\n", 0, HEADER_BYTES)
    bare_end = body.find(b"\n\n", 0, end if end >= 0 else HEADER_BYTES)
    return body[: min((at for at in (end, bare_end) if at >= 0), default=HEADER_BYTES)]


def hops(head: bytes) -> int:
    """How many servers say in Received headers that they passed the message on (RFC 5321 §6.3)."""
    return (b"\n" + head).lower().count(b"\nreceived:")


def first_author(head: bytes) -> str:
    """The first address of the first From header, lower case; '' where none can be seen."""
    field = _FROM.search(head)
    if field is None:
        return ""
    found = _ANGLED.search(field[1]) or _NAKED.search(field[1])
    return found[1].decode("utf-8", "replace").lower() if found else ""


def seal(
    body: bytes,
    *,
    head: bytes,
    channel: str,
    sender: str,
    recipients: list[str],
    remote: str,
    facts: dict[str, str],
    now: datetime,
    trace_id: str,
) -> RawMessage:
    """The envelope around `body`, which stays byte for byte as it came. `sender` is '' for the null path."""
    author = sender.lower() or first_author(head)
    envelope = Envelope(
        channel=channel,
        account=bare(recipients[0]),
        external_id=hashlib.sha256(body).hexdigest(),
        sender=sender,
        recipients=tuple(dict.fromkeys(recipients)),
        received_at=now,
        remote=remote,
        trace_id=trace_id,
        lane=f"{channel}:{author}",
        facts=facts,
    )
    return RawMessage(envelope=envelope, body=body)
