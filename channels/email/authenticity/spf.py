"""SPF (RFC 7208): whether a peer may send mail for a domain.

Enters: the peer's address, the envelope's sender, the name in HELO. Leaves: none, neutral, pass, fail, softfail,
temperror or permerror (§2.6). Nothing raises: a DNS that does not answer is temperror. At most 10 terms that ask the
DNS, 2 of them in vain, 10 hosts of an MX (§4.6.4). `ptr` never matches: it is not to be used (§5.5).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import quote

from channels.email.authenticity.names import Names, NoAnswer

MOST_LOOKUPS = 10
MOST_VOID = 2
MOST_HOSTS = 10
LONGEST_RECORD = 4_000
RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}

_TERM = re.compile(r"([+?~-])?(all|include|a|mx|ptr|exists)(?::([^\s/]*))?(/\d{1,3})?(//\d{1,3})?", re.IGNORECASE)
_NETWORK = re.compile(r"([+?~-])?(ip4|ip6):([0-9a-f.:]+(?:/\d{1,3})?)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][\w.-]*)=(\S*)", re.IGNORECASE)
_MACRO = re.compile(r"%(?:\{([slodiphcrtv])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)


class PermError(Exception):
    """The record cannot be understood, or asks too much (§2.6.7)."""


class Asked(NamedTuple):
    """A result, and the domain that it is about."""

    result: str
    domain: str


@dataclass(slots=True)
class _Check:
    """One evaluation: who asks about whom, and what of its budget is left."""

    names: Names
    peer: IPv4Address | IPv6Address
    sender: str
    helo: str
    lookups: int = MOST_LOOKUPS
    void: int = MOST_VOID
    seen: list[str] = field(default_factory=list)

    async def evaluate(self, domain: str) -> str:
        """§4: check_host(). Raises `PermError` and `NoAnswer`."""
        if not _is_name(domain):
            return "none"
        records = [text for text in await self.names.txt(domain) if text.lower().split(" ")[0] == "v=spf1"]
        if not records:
            return "none"
        if len(records) > 1 or len(records[0]) > LONGEST_RECORD:
            raise PermError("more than one record")
        terms = records[0].split()[1:]
        mechanisms, redirect = _sorted(terms)
        for qualifier, matches in mechanisms:
            if await self._matches(matches, domain):
                return RESULTS[qualifier]
        if not redirect:
            return "neutral"
        self._spend()
        result = await self.evaluate(self._expand(redirect, domain))
        if result == "none":
            raise PermError("redirect leads nowhere")
        return result

    async def _matches(self, term: re.Match[str], domain: str) -> bool:
        name = term[2].lower()
        if name in ("ip4", "ip6"):
            return self._in_network(term[3], 4 if name == "ip4" else 6)
        if name == "all":
            return True
        self._spend()
        target = self._expand(term[3], domain) if term[3] else domain
        if name == "include":
            result = await self.evaluate(target)
            if result == "none":
                raise PermError("include of a domain without a record")
            return result == "pass"
        if name == "exists":
            return bool(self._counted(await self.names.addresses(target, 4)))
        if name == "ptr":
            return False
        async for host in self._hosts(name, target):
            for address in await self._addresses(host):
                if self._near(address, term[4], term[5]):
                    return True
        return False

    async def _hosts(self, name: str, target: str) -> AsyncIterator[str]:
        if name == "a":
            yield target
            return
        hosts = self._counted(await self.names.exchanges(target))
        if len(hosts) > MOST_HOSTS:
            raise PermError("too many MX hosts")
        for host in hosts:
            yield host

    async def _addresses(self, host: str) -> tuple[str, ...]:
        return self._counted(await self.names.addresses(host, self.peer.version)) if _is_name(host) else ()

    def _near(self, address: str, four: str | None, six: str | None) -> bool:
        prefix = four if self.peer.version == 4 else (six or "")[1:]
        try:
            return self.peer in ip_network(f"{address}{prefix or ''}", strict=False)
        except ValueError as error:
            raise PermError(f"wrong prefix length: {error}") from error

    def _in_network(self, text: str, version: int) -> bool:
        try:
            network = ip_network(text, strict=False)
        except ValueError as error:
            raise PermError(f"not a network: {text[:50]}") from error
        if network.version != version:
            raise PermError(f"not a network of IPv{version}: {text[:50]}")
        return self.peer in network

    def _spend(self) -> None:
        self.lookups -= 1
        if self.lookups < 0:
            raise PermError("too many look-ups")

    def _counted(self, found: tuple[str, ...]) -> tuple[str, ...]:
        if not found:
            self.void -= 1
            if self.void < 0:
                raise PermError("too many look-ups in vain")
        return found

    def _expand(self, text: str, domain: str) -> str:
        """§7: macros in a domain-spec."""

        def value(macro: re.Match[str]) -> str:
            if macro[5]:
                return {"%": "%", "_": " ", "-": "%20"}[macro[5]]
            parts = re.split(f"[{re.escape(macro[4] or '.')}]", self._letter(macro[1].lower(), domain))
            parts = parts[::-1] if macro[3] else parts
            kept = parts[-int(macro[2]) :] if macro[2] and int(macro[2]) else parts
            joined = ".".join(kept)
            return quote(joined, safe="") if macro[1].isupper() else joined

        expanded = _MACRO.sub(value, text)
        if "%" in _MACRO.sub("", text):
            raise PermError(f"not a macro: {text[:50]}")
        while len(expanded) > 253 and "." in expanded:
            expanded = expanded.partition(".")[2]
        return expanded.lower().rstrip(".")

    def _letter(self, letter: str, domain: str) -> str:
        local, _, sender_domain = self.sender.rpartition("@")
        peer = self.peer
        dotted = str(peer) if peer.version == 4 else ".".join(peer.exploded.replace(":", ""))
        values = {"s": self.sender, "l": local or "postmaster", "o": sender_domain, "d": domain, "h": self.helo}
        values |= {"i": dotted, "p": "unknown", "v": "in-addr" if peer.version == 4 else "ip6", "c": str(peer)}
        return values.get(letter, "unknown")


def _sorted(terms: list[str]) -> tuple[list[tuple[str, re.Match[str]]], str]:
    """Mechanisms in order, and where `redirect` points to. Raises `PermError`."""
    mechanisms: list[tuple[str, re.Match[str]]] = []
    redirect = ""
    for term in terms:
        found = _NETWORK.fullmatch(term) or _TERM.fullmatch(term)
        if found is not None and not (found[2].lower() in ("include", "exists") and not found[3]):
            mechanisms.append((found[1] or "+", found))
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            raise PermError(f"not a term: {term[:50]}")
        if modifier[1].lower() == "redirect":
            if redirect:
                raise PermError("redirect twice")
            redirect = modifier[2]
    return mechanisms, redirect


def _is_name(domain: str) -> bool:
    """Whether `domain` is a name of several labels that the DNS can hold (§4.3)."""
    labels = domain.split(".")
    return len(domain) <= 253 and len(labels) > 1 and all(0 < len(label) <= 63 for label in labels)


async def check(names: Names, *, peer: str, sender: str, helo: str) -> Asked:
    """Whether `peer` may send for the domain of `sender`, or for `helo` where the reverse path is empty (§2.4)."""
    sender = sender if "@" in sender else f"postmaster@{helo}"
    domain = sender.rpartition("@")[2].lower().rstrip(".")
    try:
        address = ip_address(peer)
    except ValueError:
        return Asked("none", domain)
    address = getattr(address, "ipv4_mapped", None) or address
    try:
        return Asked(await _Check(names, address, sender, helo).evaluate(domain), domain)
    except PermError:
        return Asked("permerror", domain)
    except NoAnswer:
        return Asked("temperror", domain)
