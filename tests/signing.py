"""Keys and DKIM signatures for tests."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import dataclass
from functools import cache

from dkim import DKIM


@dataclass(frozen=True)
class Key:
    """An RSA key, and the record that publishes it."""

    private: bytes
    record: str


@cache
def key(bits: int = 1024, tags: str = "") -> Key:
    private = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], capture_output=True, check=True).stdout
    public = subprocess.run(
        ["openssl", "rsa", "-pubout", "-outform", "DER"], input=private, capture_output=True, check=True
    ).stdout
    return Key(private, f"v=DKIM1; k=rsa; {tags}p={base64.b64encode(public).decode()}")


def signed(mail: bytes, domain: str, signer: Key | None = None, *, selector: str = "s1", length: bool = False) -> bytes:
    """`mail` with a signature of `domain` on top."""
    mail = mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    field = DKIM(mail).sign(
        selector.encode(),
        domain.encode(),
        (signer or key()).private,
        canonicalize=(b"relaxed", b"relaxed"),
        length=length,
    )
    return bytes(field) + mail
