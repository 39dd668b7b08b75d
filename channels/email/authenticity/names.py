"""The DNS, as judging mail wants it: a few record types, cached, limited, and no trouble of ours when it is away.

Enters: names. Leaves: records; () where a name has none. May fail: `NoAnswer`, within the time that the settings give,
and at once for a while after the DNS was silent several times: an outage must not make every mail wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

AT_ONCE = 64
"""Questions in the air at once, in one process."""
CACHED = 20_000
SHORTEST, LONGEST, WITHOUT = 30.0, 3_600.0, 300.0
"""Seconds that an answer is kept at least and at most, and that a name without records is remembered."""
PATIENCE = 5
"""Questions in a row without an answer, after which none is asked for PAUSE seconds."""
PAUSE = 30.0


class NoAnswer(Exception):
    """The DNS does not answer now, or answers that it is in trouble."""


class Names(Protocol):
    """Somebody who can be asked."""

    async def txt(self, name: str) -> tuple[str, ...]:
        """The TXT records of `name`, each with its strings joined. Raises `NoAnswer`."""
        ...

    async def addresses(self, name: str, version: int) -> tuple[str, ...]:
        """The A (`version` 4) or AAAA (6) records of `name`. Raises `NoAnswer`."""
        ...

    async def exchanges(self, name: str) -> tuple[str, ...]:
        """The hosts of the MX records of `name`. Raises `NoAnswer`."""
        ...


class Resolver:
    """Asks name servers. `nameservers`: `address` or `address:port`; empty: those of the system."""

    def __init__(
        self, nameservers: list[str], timeout_seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not nameservers)
        self.servers = [_server(server) for server in nameservers]
        if self.servers:
            self._resolver.nameserver_ports = dict(self.servers)
            self._resolver.nameservers = [address for address, _ in self.servers]
        self._resolver.timeout = timeout_seconds / 2
        self._resolver.lifetime = timeout_seconds
        self._known: dict[tuple[str, str], tuple[list[Any], float]] = {}
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._silent = 0
        self._asks_again_at = float("-inf")

    async def txt(self, name: str) -> tuple[str, ...]:
        """TXT records."""
        answer = await self._ask(name, "TXT")
        return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in answer)

    async def addresses(self, name: str, version: int) -> tuple[str, ...]:
        """A or AAAA records."""
        return tuple(record.address for record in await self._ask(name, "A" if version == 4 else "AAAA"))

    async def exchanges(self, name: str) -> tuple[str, ...]:
        """MX hosts, the preferred ones first."""
        records = sorted(await self._ask(name, "MX"), key=lambda record: int(record.preference))
        return tuple(record.exchange.to_text(omit_final_dot=True) for record in records)

    async def _ask(self, name: str, kind: str) -> list[Any]:
        """What is known of the name, else what the DNS answers. Raises `NoAnswer`."""
        known = self._known.get((name, kind))
        if known is not None and self._clock() < known[1]:
            return known[0]
        if self._clock() < self._asks_again_at:
            raise NoAnswer("the DNS was silent a moment ago")
        async with self._slots:
            records, seconds = await self._asked(name, kind)
        if len(self._known) >= CACHED:
            self._known.pop(next(iter(self._known)))
        self._known[name, kind] = records, self._clock() + min(max(seconds, SHORTEST), LONGEST)
        return records

    async def _asked(self, name: str, kind: str) -> tuple[list[Any], float]:
        """The records, and for how long they are good."""
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
        except (dns.resolver.NXDOMAIN, dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError):
            self._silent = 0
            return [], WITHOUT
        except dns.exception.Timeout as error:
            self._silent += 1
            if self._silent >= PATIENCE:
                self._silent, self._asks_again_at = 0, self._clock() + PAUSE
            raise NoAnswer(f"{kind} of {name[:100]}: no answer in time") from error
        except (dns.exception.DNSException, OSError) as error:
            raise NoAnswer(f"{kind} of {name[:100]}: {type(error).__name__}") from error
        self._silent = 0
        return list(answer.rrset or ()), float(answer.rrset.ttl) if answer.rrset else WITHOUT


def _server(text: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, int(port.lstrip(":") or 53)
    address, colon, port = text.partition(":")
    return (address, int(port)) if colon and ":" not in port else (text, 53)
