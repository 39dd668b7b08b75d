"""Reply lines: every status gets its enhanced code (RFC 2034, RFC 3463) where the text does not bring one. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

ENHANCED = {
    "250": "2.0.0",
    "221": "2.0.0",
    "252": "2.0.0",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "530": "5.7.0",
    "552": "5.3.4",
    "553": "5.1.3",
    "555": "5.5.4",
}
_HAS_ONE = re.compile(r"\d{3} \d\.\d{1,3}\.\d{1,3} ")


@lru_cache(maxsize=512)
def reply_line(status: str) -> bytes:
    """`status` ('250 OK') as one line for the wire, with its enhanced code; what is not ASCII becomes '?'."""
    code, _, text = status.partition(" ")
    if code in ENHANCED and not _HAS_ONE.match(status):
        status = f"{code} {ENHANCED[code]} {text}"
    return status.encode("ascii", "replace") + b"\r\n"
