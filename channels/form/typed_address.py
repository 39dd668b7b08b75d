"""An e-mail address that somebody typed into a field. Pure.

Exactly one bare address passes: no list, no display name, no line break (each of which would reach other people or
headers when the answer is sent). The address proves nothing about who typed it.
"""

from __future__ import annotations

import re
import unicodedata

LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
"""A dot-atom (RFC 5322 §3.2.3), letters of any script (RFC 6531). Quoted local parts are not for forms."""
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def read(text: str) -> str:
    """The address in lower case, its domain in ASCII. Raises `ValueError`."""
    text = text.strip(" \t\u00a0")
    if not text.isprintable():
        raise ValueError("control characters")
    local, at, domain = unicodedata.normalize("NFC", text).rpartition("@")
    if not at or len(local.encode()) > 64 or not LOCAL.fullmatch(local):
        raise ValueError("not one bare address")
    return f"{local.lower()}@{_domain(domain.lower())}"


def _domain(domain: str) -> str:
    """A host name in ASCII (IDNA). A name without a dot is a typing mistake, unless it is this machine."""
    ascii_name = domain.encode("idna").decode().lower()
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a host name")
    if (len(labels) < 2 and ascii_name != "localhost") or labels[-1].isdigit():
        raise ValueError("not a host name")
    return ascii_name
