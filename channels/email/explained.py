"""How a mail was read, as the values that `guichet explain` prints. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from channels.email.machine_mail import Verdict
from channels.email.mail import Mail
from channels.email.reply_text import split
from models.envelope import Address, AttachedFile, InboundMessage

BOUNCES = ("bounce", "delay")


def explained(mail: Mail, verdict: Verdict, message: InboundMessage) -> dict[str, object]:
    """The keys of the public face, in its order; triage adds its own."""
    reports = verdict.reports
    parts = split(mail.text)
    return {
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to[0] if mail.in_reply_to else "",
        "references": list(mail.references),
        "from": _person(mail.senders[0] if mail.senders else Address("")),
        "to": _people(mail.to),
        "cc": _people(mail.cc),
        "subject": mail.subject,
        "text": mail.text,
        "reply_text": message.reply_text,
        "quoted_lines": parts.quoted.count("\n") + bool(parts.quoted),
        "signature": parts.signature,
        "html_present": bool(mail.html),
        "attachments": [_file(attached) for attached in mail.attachments],
        "auto_submitted": verdict.automatic,
        "auto_reason": f"{verdict.rule}: {verdict.reason}" if verdict.automatic else "",
        "auto_kind": verdict.kind,
        "proof": message.proof,
        "proof_reason": message.proof_reason,
        "away_until": str(verdict.away_until or ""),
        "bounce": verdict.kind in BOUNCES,
        "bounce_recipient": reports[0].recipient if reports else "",
        "bounce_recipients": [report.recipient for report in reports],
        "bounce_status": reports[0].status if reports else "",
        "bounce_reason": reports[0].reason if reports else "",
        "bounce_message_id": reports[0].message_id if reports else "",
    }


def _person(person: Address) -> dict[str, str]:
    return {"address": person.address, "name": person.name}


def _people(people: Iterable[Address]) -> list[dict[str, str]]:
    return [_person(person) for person in people]


def _file(attached: AttachedFile) -> dict[str, object]:
    return {
        "filename": attached.filename,
        "content_type": attached.content_type,
        "size": len(attached.content),
        "sha256": attached.sha256,
        "inline": attached.inline,
    }
