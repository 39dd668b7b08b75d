"""Addresses: how a transport writes them, which of them are ours, and the signed part of our reply addresses. Pure.

support@example.org             an account of ours
support+billing@example.org     the same account, decorated
support+tk5uw3q@example.org     the same account; `k5uw3q` is a reply token, made and verified elsewhere
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

LONGEST = 320
"""64 octets of local part, an @ and 255 of domain (RFC 5321 §4.5.3.1)."""

_WORD = r'[^\x00-\x20\x7f-\x9f()<>@,;:\\"\[\]\u2028\u2029\ud800-\udfff]+'
_QUOTED = r'"(?:[^\x00-\x1f"\\\x7f-\x9f\ud800-\udfff]|\\[\x20-\x7e])*"'
_DOMAIN = rf"(?:{_WORD}|\[[0-9A-Za-z.:-]+\])"
_SPEC = rf"(?:{_WORD}|{_QUOTED})@{_DOMAIN}"
ADDRESS = re.compile(_SPEC)
PATH = re.compile(rf"(?:<(?:@[^:<>\s]*:)?({_SPEC}|)>|({_SPEC}))(?:\s+(.*))?", re.DOTALL)
_PLAIN = re.compile(r'"([\w!#$%&\'*+/=?^`{|}~.-]+)"')
_TOKEN = re.compile(r"\+t([a-z2-9]{8,})\Z")


def parse_path(argument: str) -> tuple[str, str] | None:
    """Read the path of MAIL or RCPT and what follows it (RFC 5321 §4.1.2); None where it is not one.

    '<>' comes back as '<>', a source route is dropped (Appendix C), quotes that quote nothing are dropped, and an
    address without brackets is tolerated.
    """
    match = PATH.fullmatch(argument)
    if match is None:
        return None
    address = match[1] or match[2] or "<>"
    if len(address) > LONGEST:
        return None
    if address[0] == '"':
        local, _, domain = address.rpartition("@")
        plain = _PLAIN.fullmatch(local)
        address = f"{plain[1]}@{domain}" if plain else address
    return address, match[3] or ""


def is_address(text: str) -> bool:
    """True for exactly one addr-spec, in a form that is safe in a header and in a command."""
    return len(text) <= LONGEST and ADDRESS.fullmatch(text) is not None


@lru_cache(maxsize=2048)
def bare(address: str) -> str:
    """The address in lower case, without what stands after the first + of its local part."""
    local, at, domain = address.lower().rpartition("@")
    if local.startswith('"'):
        return f"{local}@{domain}"
    return f"{local.partition('+')[0] or local}{at}{domain}"


@lru_cache(maxsize=2048)
def mailbox(address: str) -> str:
    """`bare`, and at Google without dots, which mean nothing there."""
    plain = bare(address)
    local, at, domain = plain.rpartition("@")
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}{at}gmail.com"
    return plain


def ours(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test whether an address is one of `patterns`, where * stands for any run of characters."""
    either = "|".join(fnmatch.translate(pattern.strip().lower()) for pattern in patterns)
    matches = re.compile(either or r"(?!)").match
    return lambda address: matches(bare(address)) is not None


def exactly_ours(patterns: Iterable[str]) -> frozenset[str]:
    """Those patterns that name one address. `support@*` does not: customers have a support@ of their own."""
    return frozenset(pattern.strip().lower() for pattern in patterns if not re.search(r"[*?\[]", pattern))


def reply_address(account: str, token: str) -> str:
    """`account` with `token` in its local part: answers sent there name their ticket."""
    local, at, domain = account.rpartition("@")
    return f"{local}+t{token.lower()}{at}{domain}"


def reply_token(address: str) -> str:
    """The token of a reply address, lower case; '' where there is none."""
    match = _TOKEN.search(address.lower().rpartition("@")[0]) if "+" in address else None
    return match[1] if match else ""
