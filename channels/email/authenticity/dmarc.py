"""DMARC (RFC 9989): which domain speaks for which, and what its owner asks for. Pure; nothing raises.

Records were asked for before: `records` maps names to TXT strings; what is not in it could not be asked. No list of
public suffixes is needed: RFC 9989 §4.10 walks up the DNS tree instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Records = Mapping[str, Sequence[str]]
"""Name, lower case, without a dot at its end → its TXT strings; () where it has none."""

MOST_STEPS = 8
"""RFC 9989 §4.10: a name with more labels is walked from its seventh one up."""


class Unknown(Exception):
    """The DNS did not answer what would have to be known."""


class Record(NamedTuple):
    """What a domain's owner publishes at _dmarc.<domain>."""

    domain: str
    policy: str = "none"
    subdomains: str = ""
    """Policy of the domains below; '' for the same one."""
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    """y: below it, everybody is somebody else; n: it is an organisation; u: not said."""


class Standing(NamedTuple):
    """What counts for one author's domain."""

    organisation: str
    """The organisational domain: under it, all are one."""
    policy: str
    """none, quarantine or reject; '' where nothing is published."""
    record: Record


def walk(domain: str) -> list[str]:
    """The domains whose records are looked at, from `domain` up, the top-level domain included."""
    labels = domain.split(".")
    above = labels[1:] if len(labels) <= MOST_STEPS else labels[-(MOST_STEPS - 1) :]
    return [domain, *(".".join(above[place:]) for place in range(len(above)))]


def names(domain: str) -> list[str]:
    """The names to ask for, so that `standing` and `aligned` know enough about `domain`."""
    return [f"_dmarc.{step}" for step in walk(domain)]


def standing(domain: str, records: Records) -> Standing:
    """How `domain` stands as an author's. Raises `Unknown`."""
    found = _found(domain, records)
    own = next((record for record in found if record.domain == domain), None)
    organisation = _organisation(domain, found)
    if own is not None:
        return Standing(organisation, own.policy, own)
    above = next((record for record in found if record.domain == organisation), None) or (found[-1] if found else None)
    if above is None:
        return Standing(organisation, "", Record(domain))
    return Standing(organisation, above.subdomains or above.policy, above)


def aligned(domain: str, author: str, records: Records, *, strict: bool) -> bool:
    """Whether `domain`, which was authenticated, speaks for the author's domain. Raises `Unknown`."""
    if domain == author:
        return True
    if strict or not related(domain, author):
        return False
    return _organisation(domain, _found(domain, records)) == _organisation(author, _found(author, records))


def related(domain: str, author: str) -> bool:
    """Whether they can be aligned at all: one top-level domain, and the label before it."""
    return domain == author or domain.split(".")[-2:] == author.split(".")[-2:]


def _found(domain: str, records: Records) -> list[Record]:
    """The records on the walk from `domain` up, which ends where one says what it is (`psd`)."""
    found: list[Record] = []
    for step in walk(domain):
        strings = records.get(f"_dmarc.{step}")
        if strings is None:
            raise Unknown(f"_dmarc.{step}")
        valid = [record for text in strings if (record := _parse(step, text)) is not None]
        if len(valid) == 1:  # RFC 9989 §4.10.1: several records are as good as none
            found.append(valid[0])
            if valid[0].psd in ("y", "n"):
                break
    return found


def _organisation(domain: str, found: Sequence[Record]) -> str:
    """RFC 9989 §4.10.2."""
    if not found:
        return domain
    last = found[-1]
    if last.psd == "y" and last.domain != domain:
        labels = len(last.domain.split(".")) + 1
        return ".".join(domain.split(".")[-labels:])
    return last.domain


def _parse(domain: str, text: str) -> Record | None:
    """A record, where `text` is one (RFC 9989 §4.7)."""
    tags: dict[str, str] = {}
    for place, piece in enumerate(text[:2_000].split(";")):
        name, equals, value = piece.partition("=")
        if place == 0 and (name.strip().lower(), value.strip()) != ("v", "DMARC1"):
            return None
        if equals:
            tags.setdefault(name.strip().lower(), value.strip().lower())
    testing = tags.get("t") == "y" or tags.get("pct") == "0"
    return Record(
        domain,
        policy=_policy(tags.get("p", "none"), testing=testing),
        subdomains=_policy(tags["sp"], testing=testing) if "sp" in tags else "",
        strict_dkim=tags.get("adkim") == "s",
        strict_spf=tags.get("aspf") == "s",
        psd=tags.get("psd", "u"),
    )


def _policy(said: str, *, testing: bool) -> str:
    """One step less than said while the owner is only trying it (RFC 9989 §4.7, the tag t)."""
    if said == "reject":
        return "quarantine" if testing else "reject"
    return "quarantine" if said == "quarantine" and not testing else "none"
