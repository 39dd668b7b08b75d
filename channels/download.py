"""Fetching a file from an address that somebody else gave us: only from hosts that we know, only what we expect.

Enters: a URL, the hosts that may serve it, the credentials of those that get any. Leaves: the bytes and their type.
Raises `Refused` for an address that must not be asked and for a file that is gone or too large, `Unavailable` for what
may pass.

Each hop is checked before anything is sent: https, a host of the list, and every address that its name resolves to is
public; the connection goes to exactly those addresses (no second look-up in between). Credentials go to the hosts
they belong to and to no other, whatever redirects say. `trusted` names an origin that our own settings name, such as a
provider's stand-in on this machine: it alone may be plain or private.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from channels import Refused, Unavailable

HOPS = 4
SECONDS = 60.0
CHUNK = 65_536
REDIRECTS = frozenset((301, 302, 303, 307, 308))
GONE = frozenset((400, 404, 410))


class Source(msgspec.Struct, frozen=True):
    """Where files may come from."""

    hosts: Collection[str]
    """Names, exactly."""
    credentials: Mapping[str, str]
    """Origin (scheme://host:port as the URL has it) or bare host → the Authorization header that it gets."""
    trusted: str = ""
    """An origin that the settings name: scheme://host[:port]."""


class Downloaded(msgspec.Struct, frozen=True):
    """What came."""

    content: bytes
    content_type: str


class PublicAddresses(AbstractResolver):
    """Resolves names, and refuses those that lead into our own network. `trusted` hosts may lead anywhere."""

    def __init__(self, trusted: Collection[str] = (), resolver: AbstractResolver | None = None) -> None:
        self._trusted = trusted
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`; all of them must be public, or it is a trap. Raises `Refused`, OSError."""
        self._resolver = self._resolver or ThreadedResolver()
        found = await self._resolver.resolve(host, port, family)
        if host not in self._trusted and not all(is_public(entry["host"]) for entry in found):
            raise Refused(f"{host} leads to an address that is not public")
        return found

    async def close(self) -> None:
        """Nothing is kept open."""


def is_public(text: str) -> bool:
    """Whether an IP address, also one of IPv4 in IPv6 clothes, is reachable for everybody."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    for inner in (getattr(address, "ipv4_mapped", None), getattr(address, "sixtofour", None)):
        if inner is not None:
            address = inner
    return address.is_global and not (address.is_multicast or address.is_reserved)


async def download(url: str, source: Source, *, most: int, resolver: AbstractResolver | None = None) -> Downloaded:
    """The file at `url`, at most `most` bytes."""
    trusted = urlsplit(source.trusted).hostname or ""
    connector = TCPConnector(resolver=PublicAddresses((trusted,), resolver), use_dns_cache=False)
    try:
        async with (
            asyncio.timeout(SECONDS),
            ClientSession(connector=connector, timeout=ClientTimeout(total=SECONDS), trust_env=False) as session,
        ):
            return await _follow(session, url, source, most)
    except (Refused, Unavailable):
        raise
    except (ClientError, OSError, TimeoutError, ValueError) as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, Refused):
            raise cause from error
        raise Unavailable(f"the file could not be fetched: {type(error).__name__}") from error


async def _follow(session: ClientSession, url: str, source: Source, most: int) -> Downloaded:
    for _hop in range(HOPS):
        headers = _headers(url, source)
        async with session.get(url, headers=headers, allow_redirects=False, auto_decompress=False) as answer:
            if answer.status in REDIRECTS:
                url = urljoin(url, answer.headers.get(hdrs.LOCATION, ""))
                continue
            return await _content(answer, most)
    raise Refused(f"the file lies behind more than {HOPS} redirects")


def _headers(url: str, source: Source) -> dict[str, str]:
    """What may be said to `url`. Raises `Refused` where it must not be asked at all."""
    try:
        parts = urlsplit(url)
        host, port, origin = parts.hostname or "", parts.port, f"{parts.scheme}://{parts.netloc}"
    except ValueError as error:
        raise Refused("the file's address cannot be read") from error
    if "@" in parts.netloc:
        raise Refused("the file's address carries a login")
    if not source.trusted or origin != source.trusted:
        if parts.scheme != "https" or port not in (None, 443):
            raise Refused("the file's address is not https")
        if host not in source.hosts:
            raise Refused(f"files are not fetched from {host[:100] or 'nowhere'}")
        origin = host
    secret = source.credentials.get(origin)
    headers: dict[str, str] = {hdrs.ACCEPT_ENCODING: "identity"}  # what is counted and hashed is the file itself
    return headers | ({hdrs.AUTHORIZATION: secret} if secret else {})


async def _content(answer: ClientResponse, most: int) -> Downloaded:
    if answer.status in GONE:
        raise Refused(f"the provider does not have the file any more ({answer.status})")
    if answer.status in (401, 403):
        raise Unavailable(f"the provider does not let us have the file ({answer.status}): check the credentials")
    if answer.status != 200:
        raise Unavailable(f"the provider answered {answer.status}", retry_after=_seconds(answer))
    if (answer.content_length or 0) > most:
        raise Refused(f"the file has {answer.content_length} bytes, more than {most}")
    data = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        data += chunk
        if len(data) > most:
            raise Refused(f"the file has more than {most} bytes")
    return Downloaded(bytes(data), answer.content_type)


def _seconds(answer: ClientResponse) -> float | None:
    text = answer.headers.get(hdrs.RETRY_AFTER, "")
    return float(text) if text.isdigit() else None
