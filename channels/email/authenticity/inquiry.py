"""Asks the DNS all that judging a mail will need, so that judging itself needs no network.

Enters: a raw message. Leaves: the evidence, names and their TXT records, and what SPF gave. Nothing raises: what did
not answer in time is not in the evidence. Of the hostile bytes only the header block is read, by bounded means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from channels.email import addresses, headers
from channels.email.authenticity import dmarc, spf
from channels.email.authenticity.names import Names, NoAnswer
from channels.email.authenticity.results import believed
from channels.email.authenticity.signatures import signatures
from channels.email.authenticity.verdict import SPF, Pinned, domain_of, is_trusted
from channels.email.mail import Headers
from models.envelope import RawMessage

MOST_NAMES = 40
"""Names asked for because of one mail, SPF not counted."""


async def inquire(
    raw: RawMessage, names: Names, settings: Pinned, trusted: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The evidence on `raw`. Empty where our own mail server has said all, or where the author cannot be named."""
    start = headers.skip_preamble(raw.body)
    fields = headers.read(raw.body, start, min(len(raw.body), start + headers.MAX_BLOCK)).headers
    author = _author(fields)
    remote = raw.envelope.remote
    ours = not remote or is_trusted(remote, tuple(trusted))
    if not author or (ours and believed(fields, settings.authserv_ids, settings.fields)):
        return {}
    found = signatures(fields, author)
    wanted = [*dmarc.names(author), *(signature.key for signature in found)]
    domains = {signature.domain for signature in found}
    if not ours:
        domains.add(_envelope_domain(raw))
    for domain in domains:
        if domain and dmarc.related(domain, author):
            wanted += dmarc.names(domain)
    evidence: dict[str, tuple[str, ...]] = {}
    async with asyncio.TaskGroup() as together:
        for name in list(dict.fromkeys(wanted))[:MOST_NAMES]:
            together.create_task(_ask(name, names, evidence))
        if not ours:
            together.create_task(_ask_spf(raw, names, evidence))
    return evidence


def _author(fields: Headers) -> str:
    """The domain of the only author; '' where there is none, or where they are several."""
    values = fields.all("from")
    if len(values) != 1:
        return ""
    people = {person.address for person in addresses.read(values[0], 3)[0] if person.address}
    return domain_of(next(iter(people))) if len(people) == 1 else ""


def _envelope_domain(raw: RawMessage) -> str:
    return domain_of(raw.envelope.sender or f"postmaster@{raw.envelope.facts.get('helo', '')}")


async def _ask(name: str, names: Names, evidence: dict[str, tuple[str, ...]]) -> None:
    try:
        evidence[name] = await names.txt(name)
    except NoAnswer:
        return  # not in the evidence: it could not be asked


async def _ask_spf(raw: RawMessage, names: Names, evidence: dict[str, tuple[str, ...]]) -> None:
    envelope = raw.envelope
    helo = envelope.facts.get("helo", "")
    evidence[SPF] = tuple(await spf.check(names, peer=envelope.remote, sender=envelope.sender, helo=helo))
