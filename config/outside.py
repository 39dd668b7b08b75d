"""Calling addresses that somebody typed in: only public ones, and the one that was looked at is the one that is called.

`session` makes an HTTP client whose every connection passes `forbidden` at the last moment, when the socket for an
already resolved address is made: whatever a name resolves to, whenever, in whatever notation, nothing else is reached.
Redirects are never followed, no proxy of the environment is used, nothing is unpacked without bound.

Forbidden are all that is not globally reachable (IANA's special-purpose registries, RFC 6890), multicast, and every
form of IPv6 that carries an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64), whatever it carries.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

_CARRIERS = tuple(
    ip_network(text)
    for text in (
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
    )
)
_GLOBAL = ip_network("2000::/3")


class ForbiddenError(OSError):
    """The address is not to be called."""


def forbidden(address: str, allowed: Sequence[IPv4Network | IPv6Network] = ()) -> str:
    """Why an IP address must not be called; '' where it may. `allowed`: networks of ours that may be."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "it is no IP address"
    if any(ip in network for network in allowed if network.version == ip.version):
        return ""
    within = isinstance(ip, IPv6Address) and (
        ip.scope_id is not None or ip not in _GLOBAL or any(ip in network for network in _CARRIERS)
    )
    if within or not ip.is_global or ip.is_multicast or ip.is_reserved:
        return f"{ip} is no public address"
    return ""


def networks(texts: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks, as the settings have them. Raises `ValueError`."""
    return tuple(ip_network(text) for text in texts)


def session(seconds: float, allowed: Sequence[IPv4Network | IPv6Network] = ()) -> ClientSession:
    """A client for addresses that strangers chose. Its requests raise `ForbiddenError`, within aiohttp's own error."""

    def make(place: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _name, where = place
        if reason := forbidden(str(where[0]), allowed):
            raise ForbiddenError(reason)
        return socket.socket(family, kind, protocol)

    return ClientSession(
        connector=TCPConnector(limit=50, limit_per_host=5, ttl_dns_cache=0, use_dns_cache=False, socket_factory=make),
        timeout=ClientTimeout(total=seconds),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )
