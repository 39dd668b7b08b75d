"""Whose request is it? The peer's IP address, or what a proxy that we trust says about it.

Enters: a request and the networks of our own proxies. Leaves: one IP address as text. Nothing fails: what cannot be
read is not believed, and the last address that somebody trusted vouches for is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import hdrs, web

Networks = tuple[IPv4Network | IPv6Network, ...]


def networks(texts: Iterable[str]) -> Networks:
    """Read CIDR networks or single addresses. Raises `ValueError` that names the wrong one."""
    return tuple(ip_network(text, strict=False) for text in texts)


def client_address(request: web.BaseRequest, proxies: Networks) -> str:
    """The client's IP address; '' where there is none (a unix socket)."""
    return nearest_stranger(request.remote or "", request.headers.getall(hdrs.X_FORWARDED_FOR, []), proxies)


def nearest_stranger(peer: str, forwarded: Sequence[str], proxies: Networks) -> str:
    """Walk X-Forwarded-For from its end, where our own proxies write, to the first hop that is none of them.

    Whatever stands before that hop was sent by the stranger and proves nothing.
    """
    current = _read(peer)
    if current is None:
        return ""
    hops = [hop for line in forwarded for hop in line.split(",")]
    while hops and any(current in network for network in proxies):
        hop = _read(hops.pop())
        if hop is None:
            break
        current = hop
    return str(current)


def is_proxy(peer: str, proxies: Networks) -> bool:
    """Whether `peer` is one of our own proxies, whose word counts."""
    address = _read(peer)
    return address is not None and any(address in network for network in proxies)


def neighbourhood(address: str) -> str:
    """What one customer of an access provider can choose from: the IPv4 address, or the IPv6 /64. For rate limits."""
    read = _read(address)
    if isinstance(read, IPv6Address):
        return str(ip_network((read, 64), strict=False))
    return str(read or "")


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: bare, `1.2.3.4:80`, `[::1]:80`; IPv4 in IPv6 clothes becomes IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
