"""A mail that was read, with its envelope and the machine's verdict, made into `InboundMessage`. Pure.

Only the rules that need the envelope or our own addresses are decided here (A3, A4, A12, A14); what the mail itself
shows was judged before, and so was who wrote it. The first rule of the table wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from channels.email import lookalike
from channels.email.authenticity.verdict import Finding as Author
from channels.email.compose import LOOP_HEADER
from channels.email.conversation import conversation
from channels.email.machine_mail import Verdict
from channels.email.mail import Mail
from channels.email.recipients import bare, reply_token
from channels.email.reply_text import new_words
from models.envelope import Address, Envelope, InboundMessage

UNPROVED = Author("unproved", "")
OWN_PASSES = 3
"""A mail that we passed on so often runs in a circle."""
MASS_MAIL = 100
"""Recipients from which on nobody expects an answer to each (B4)."""
_LOOP = LOOP_HEADER.lower()
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Finding(NamedTuple):
    """A rule of the acknowledgement table that applies."""

    rule: str
    reason: str
    machine: bool
    """True where it says that nobody sits at the other end; False where we only know too little to answer."""


_NOTHING = Finding("", "", machine=False)


def inbound(
    mail: Mail,
    envelope: Envelope,
    verdict: Verdict,
    *,
    own: frozenset[str],
    hostname: str,
    author: Author = UNPROVED,
) -> InboundMessage:
    """The message of `mail`. `own`: addresses that are ours beyond doubt; `hostname`: our name in Received headers."""
    recipients = (*mail.to, *mail.cc)
    findings = [*_findings(mail, envelope, verdict, own=own, hostname=hostname), *_about_author(mail, author)]
    findings.sort(key=_table_order)
    first = findings[0] if findings else _NOTHING
    machine = next((finding for finding in findings if finding.machine), None) if findings else None
    talk = conversation(mail)
    sender, reverse_path = _sender(mail, envelope), envelope.sender.lower()
    return InboundMessage(
        sender=sender,
        subject=mail.subject,
        text=mail.text,
        reply_text=new_words(mail.text, html=mail.html),
        html=mail.html,
        recipients=recipients,
        aliases=tuple([person.address for person in mail.reply_to if person.address]),
        message_id=mail.message_id,
        references=talk.references,
        marks=talk.marks,
        circle=talk.circle,
        reply_token=_first_token(recipients, envelope),
        proof=author.proof,
        proof_reason=author.reason,
        sent_at=mail.date,
        attachments=mail.attachments,
        machine=f"{machine.rule}: {_clean(machine.reason)}" if machine else "",
        machine_rule=first.rule,
        inert=verdict.inert,
        acknowledge_to=reverse_path if reverse_path != sender.address else "",
        report=verdict.reports[0] if verdict.reports else None,
        remarks=(*mail.remarks, *_remarks(findings, verdict)),
    )


def _sender(mail: Mail, envelope: Envelope) -> Address:
    """The first author that can be named, else whom the transport named, else nobody (B17)."""
    for author in mail.senders:
        if author.address:
            return author
    return Address(envelope.sender.lower(), mail.senders[0].name if mail.senders else "")


def _first_token(recipients: Iterable[Address], envelope: Envelope) -> str:
    """The transport's word comes first: a header may name an address that this mail was not sent to."""
    addresses = (*envelope.recipients, *(recipient.address for recipient in recipients))
    return next(filter(None, map(reply_token, addresses)), "")


def _findings(
    mail: Mail, envelope: Envelope, verdict: Verdict, *, own: frozenset[str], hostname: str
) -> Iterator[Finding]:
    if verdict.automatic:
        yield Finding(verdict.rule, verdict.reason, machine=True)
    ours = own | {bare(recipient) for recipient in (envelope.account, *envelope.recipients)}
    if _LOOP in mail.headers:
        yield Finding("A3", "it is a mail of ours that came back", machine=True)
    elif any(bare(author.address) in ours for author in mail.senders if author.address):
        yield Finding("A3", "it says to be from an address of ours", machine=True)
    if _passes(mail.headers.all("received"), hostname) >= OWN_PASSES:
        yield Finding("A4", "it has passed here several times", machine=True)
    if len(mail.to) + len(mail.cc) >= MASS_MAIL:
        yield Finding("A6", "A6: it is mass mail, with a hundred recipients or more", machine=False)
    named = {bare(recipient.address) for recipient in (*mail.to, *mail.cc)}
    if envelope.recipients and named.isdisjoint(map(bare, envelope.recipients)):
        yield Finding("A14", "our address stands in neither To nor Cc", machine=False)


def _about_author(mail: Mail, author: Author) -> Iterator[Finding]:
    """A12 and A13: who cannot be taken at their word, and who is somebody else."""
    if doubt := _doubt(mail, proved=author.proof == "aligned"):
        yield Finding("A12", doubt, machine=False)
    if author.proof == "failed":
        yield Finding("A13", author.reason, machine=False)
    for person in mail.senders[:1]:
        if why := lookalike.warning(person.address):
            yield Finding("A12", why, machine=False)


def _passes(received: list[str], hostname: str) -> int:
    """How often we passed the mail on, by its Received fields."""
    if len(received) < OWN_PASSES:
        return 0
    by_us = _passed_by(hostname)
    return sum(by_us.search(field) is not None for field in received)


@cache
def _passed_by(hostname: str) -> re.Pattern[str]:
    """What a Received field of ours says (RFC 5321 §4.4)."""
    return re.compile(rf"\bby\s+{re.escape(hostname)}(?![\w.-])", re.IGNORECASE)


def _doubt(mail: Mail, *, proved: bool) -> str:
    """Why the author cannot be taken at their word (rule A12)."""
    authors = {author.address for author in mail.senders if author.address}
    if not authors:
        return "its From cannot be read"
    if len(authors) > 1:
        return f"it names more than one author: {', '.join(sorted(authors))}"
    if len(mail.headers.all("from")) > 1:
        return "it has more than one From header"
    if proved:
        return ""
    domain = _domain(next(iter(authors)))
    elsewhere = [answer.address for answer in mail.reply_to if answer.address and not _same(domain, answer.address)]
    return f"answers would go to another domain than its author's: {elsewhere[0]}" if elsewhere else ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _same(domain: str, address: str) -> bool:
    """One domain, or one below the other."""
    other = _domain(address)
    return domain == other or domain.endswith(f".{other}") or other.endswith(f".{domain}")


def _table_order(finding: Finding) -> int:
    return int(finding.rule[1:]) if finding.rule[1:].isdigit() else 99


def _remarks(findings: Iterable[Finding], verdict: Verdict) -> Iterator[str]:
    for finding in findings:
        if not finding.machine:
            yield f"{finding.rule}: {_clean(finding.reason)}"
    for report in verdict.reports[1:]:
        yield _clean(f"the report also names {report.recipient or 'somebody'}: {report.state} {report.status}".strip())


def _clean(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text) if _UNSTORABLE.search(text) else text
