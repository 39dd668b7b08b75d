"""The verdict on a mail's author: aligned, unproved or failed, and the reason in words. Pure; nothing raises.

Enters: a mail, its envelope, what our own mail server said of it, and what the DNS answered before. Leaves: a
`Finding`. The first that knows anything decides: our mail server, then the signatures and SPF.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple, Protocol

from channels.email.authenticity import dmarc, results, signatures
from channels.email.authenticity.results import Result
from channels.email.mail import Mail
from models.envelope import RawMessage

ALIGNED, UNPROVED, FAILED = "aligned", "unproved", "failed"
SPF = "spf"
"""Under this name the evidence holds what SPF gave: result and domain."""
ENFORCED = ("quarantine", "reject")


class Finding(NamedTuple):
    """How far the author in From is who they say to be."""

    proof: str
    reason: str
    """One plain clause; '' where nothing was looked at."""


class Pinned(Protocol):
    """What of the settings counts here."""

    authserv_ids: list[str]
    fields: int
    dns: bool


def judge(mail: Mail, raw: RawMessage, settings: Pinned, trusted: Sequence[str]) -> Finding:
    """Judge the author of `mail`. `trusted`: the networks of our own mail servers."""
    if not (settings.authserv_ids or settings.dns):
        return Finding(UNPROVED, "")
    authors = {author.address for author in mail.senders if author.address}
    if len(authors) != 1 or len(mail.headers.all("from")) != 1:
        return Finding(UNPROVED, "it names no author, or several")
    author = domain_of(next(iter(authors)))
    if not author:
        return Finding(UNPROVED, "its author's domain cannot be in the DNS")
    remote = raw.envelope.remote
    ours = not remote or is_trusted(remote, tuple(trusted))
    if settings.authserv_ids and ours:
        told = results.believed(mail.headers, settings.authserv_ids, settings.fields)
        if told:
            return from_results(told, author)
    if settings.dns and raw.evidence:
        return from_evidence(mail, raw, author)
    return Finding(UNPROVED, "nothing was found out about its author")


def domain_of(address: str) -> str:
    """The domain of `address` as the DNS has it (RFC 5891), lower case; '' where it can have none."""
    domain = address.rpartition("@")[2].rstrip(".").lower()
    if domain.isascii():
        return domain if "." in domain and not domain.startswith("[") else ""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return ""


@lru_cache(maxsize=4096)
def is_trusted(remote: str, networks: tuple[str, ...]) -> bool:
    """Whether `remote` is one of our own mail servers."""
    try:
        address = ip_address(remote)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ip_network(network, strict=False) for network in networks)


# What our own mail server said.


def from_results(told: Sequence[Result], author: str) -> Finding:
    """By DMARC where our server checked it, else by signatures and SPF that name the author's own domain."""
    for result in told:
        if result.method == "dmarc" and result.properties.get("header.from", author).rpartition("@")[2] == author:
            if result.result in ("pass", "bestguesspass"):
                return Finding(ALIGNED, f"our mail server says: DMARC passed for {author}")
            if result.result == "fail":
                return _failed(author, result.policy or "reject", "our mail server says: ")
            if result.result in ("temperror", "permerror"):
                return Finding(UNPROVED, f"our mail server could not check DMARC for {author}")
    for result in told:
        domain = _authenticated(result)
        if domain and _one_below_the_other(domain, author):
            return Finding(ALIGNED, f"our mail server says: {result.method.upper()} passed for {domain}")
    return Finding(UNPROVED, f"our mail server says nothing for {author}")


def _authenticated(result: Result) -> str:
    """The domain that `result` stands for, where it passed."""
    if result.result != "pass" or result.method not in ("dkim", "spf"):
        return ""
    names = ("header.d", "header.i") if result.method == "dkim" else ("smtp.mailfrom", "smtp.mail")
    return next((result.properties[name].rpartition("@")[2] for name in names if name in result.properties), "")


def _one_below_the_other(domain: str, author: str) -> bool:
    if "." not in domain:
        return False
    return domain == author or domain.endswith(f".{author}") or author.endswith(f".{domain}")


def _failed(author: str, policy: str, who: str) -> Finding:
    """Nobody vouches for the author; how much that says is for the owner of the domain to tell."""
    if policy in ENFORCED:
        return Finding(FAILED, f"{who}DMARC failed for {author}, whose owner asks to {policy} such mail")
    return Finding(UNPROVED, f"{who}DMARC failed for {author}, whose owner asks for nothing then")


# What we found out ourselves.


def from_evidence(mail: Mail, raw: RawMessage, author: str) -> Finding:
    """By signatures and SPF, and by what the domain's owner publishes."""
    records = raw.evidence
    try:
        standing = dmarc.standing(author, records)
        record = standing.record
        checked = signatures.check(raw.body, signatures.signatures(mail.headers, author), records)
        for one in checked:
            if one.result == "pass" and dmarc.aligned(one.domain, author, records, strict=record.strict_dkim):
                return Finding(ALIGNED, f"signed by {one.domain} (DKIM)")
        spf, domain = _spf(records)
        if spf == "pass" and dmarc.aligned(domain, author, records, strict=record.strict_spf):
            return Finding(ALIGNED, f"sent by a server of {domain} (SPF)")
    except dmarc.Unknown:
        return Finding(UNPROVED, f"the DNS did not answer for {author}")
    if not standing.policy:
        return Finding(UNPROVED, f"neither signed nor sent by {author}, which asks for nothing (no DMARC record)")
    if any(one.result == "unknown" for one in checked) or spf in ("", "temperror"):
        return Finding(UNPROVED, f"nothing vouches for {author}, but not everything could be checked")
    return _failed(author, standing.policy, "")


def _spf(records: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Result and domain; two empty strings where SPF could not be asked, as for mail that came by a server of ours."""
    found = records.get(SPF, ())
    return (found[0], found[1]) if len(found) == 2 else ("", "")
