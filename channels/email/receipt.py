"""Receipts (RFC 8098) and complaints (RFC 5965): what a reader, or their mail provider, did with our message.

Enters: a `Mail` that carries such a report. Leaves: a `DeliveryReport`, or none where the mail carries no report.
Nothing fails; what cannot be read is ''.
"""

from __future__ import annotations

from typing import Final

from channels.email.mail import Mail
from channels.email.phrases import any_of, fold
from channels.email.report_fields import (
    Fields,
    address_in,
    groups,
    header_block,
    message_id_in,
    original_id,
    returned_text,
    typed_address,
)
from models.envelope import DeliveryReport

_RECEIPTS = ("message/disposition-notification", "message/global-disposition-notification")
_COMPLAINTS = ("message/feedback-report",)
_BEGINNING = 600
"""Characters of a text that are looked at."""

_READ_SUBJECT: Final = """
    (not )?read( receipt)? ?:
    (return|read) receipt\\b
    (non )?lue? ?:
    accuse de (reception|lecture) [(]
    (nicht |un)?gelesen ?:
    (empfangs|lese)bestatigung [(]
    (no )?leido ?:
    (non )?letto ?:
    (nao )?lid[ao] ?:
    (niet )?gelezen ?:
    (nie )?przeczytan[oa]e? ?:
    (ikke |inte |ej )?(last|laest|lest) ?:
    (не )?прочитано ?:
    (開封済み|未開封|已读|已讀|읽음) ?[:：]
"""
"""How subjects of receipts begin. People write such subjects too."""
_READ_TEXT: Final = """
    your message …(to|subject|sent) ?:.{0,400} was (read|displayed|deleted)
    votre message …(a|objet|envoye) ?:.{0,400} a ete (lu|affiche|supprime)
    ihre nachricht …(an|betreff|gesendet) ?:.{0,400} wurde .{0,60}(gelesen|geloscht|angezeigt)
    (el|su) mensaje …(para|asunto|enviado) ?:.{0,400} (fue|ha sido) (leido|eliminado)
    il (suo )?messaggio …(a|oggetto|data|inviato) ?:.{0,400} e stato (letto|eliminato)
    (a sua )?mensagem …(para|assunto|enviad[ao]) ?:.{0,400} foi (lida|eliminada|excluida)
    uw bericht …(aan|onderwerp|verzonden) ?:.{0,400} (is|werd) .{0,60}(gelezen|verwijderd)
    this is a (return )?receipt for the (mail|message|e-?mail)
    ceci est un accuse de (reception|lecture) (pour|du) (le |courrier|message)
    dies ist eine (empfangs|lese)bestatigung fur
    the message sent (on|to) .{0,200} (was|has been) (displayed|read)
"""
"""How their texts begin, which people do not."""
_UNREAD: Final = """
    (without being read|deleted|not read|supprime|geloscht|eliminad|eliminato|excluid|verwijderd)
"""


def is_receipt(mail: Mail) -> bool:
    """Whether `mail` is a disposition notification, not merely carries one as a file; or is one in words alone."""
    return _is_report(mail, "disposition-notification", _RECEIPTS) or _is_worded(mail)


def is_complaint(mail: Mail) -> bool:
    """Whether `mail` is a feedback report in the standard form, or in the one that Hotmail sends."""
    return _is_report(mail, "feedback-report", _COMPLAINTS) or _is_hotmail(mail)


def read_receipt(mail: Mail) -> DeliveryReport:
    """What the receipt says: read, where it was displayed to somebody (RFC 8098 §3.2.6), else merely delivered."""
    fields = _fields(mail, _RECEIPTS)
    if not fields:
        return _read_worded(mail)
    disposition = fields.get("disposition", "")
    kind = disposition.rpartition(";")[2].strip().lower()
    recipient = typed_address(fields.get("original-recipient", "")) or typed_address(fields.get("final-recipient", ""))
    original = fields.get("original-message-id", "").strip("<> ") or original_id(mail, returned_text(mail))
    return DeliveryReport(
        state="read" if kind.startswith("displayed") else "delivered",
        recipient=recipient or (mail.senders[0].address if mail.senders else ""),
        message_id=original,
        reason=disposition[:200],
    )


def read_complaint(mail: Mail) -> DeliveryReport:
    """Who complained about which message. The mail was delivered, and was not wanted."""
    fields = _fields(mail, _COMPLAINTS)
    returned = returned_text(mail)
    header = header_block(returned)
    recipient = next(
        filter(
            None,
            (
                address_in(text)
                for text in (
                    fields.get("original-rcpt-to", ""),
                    fields.get("removal-recipient", ""),
                    header.get("x-hmxmroriginalrecipient", ""),
                    header.get("to", ""),
                )
            ),
        ),
        "",
    )
    return DeliveryReport(
        state="delivered",
        recipient=recipient,
        message_id=message_id_in(returned),
        complaint=True,
        reason=f"complaint: {fields.get('feedback-type', 'abuse')[:100]}",
    )


def _is_worded(mail: Mail) -> bool:
    """Whether subject and text are those of a receipt without the report that belongs to it."""
    if not any_of(_READ_SUBJECT).match(fold(mail.subject[:40])):
        return False
    return any_of(_READ_TEXT).match(_beginning(mail)) is not None


def _read_worded(mail: Mail) -> DeliveryReport:
    text = _beginning(mail)
    unread = any_of(_UNREAD).search(text) is not None
    return DeliveryReport(
        state="delivered" if unread or not _is_worded(mail) else "read",
        recipient=mail.senders[0].address if mail.senders else "",
        message_id=original_id(mail, returned_text(mail)),
        reason=" ".join(mail.subject.split())[:200],
    )


def _beginning(mail: Mail) -> str:
    return " ".join(fold(mail.text[:_BEGINNING]).split())


def _is_report(mail: Mail, kind: str, types: tuple[str, ...]) -> bool:
    if mail.content_type in types:
        return True
    if mail.content_type != "multipart/report":
        return False
    declared = mail.parameters.get("report-type", "").lower()
    return declared == kind or (
        declared != "delivery-status" and any(part.content_type in types for part in mail.parts)
    )


def _is_hotmail(mail: Mail) -> bool:
    return (
        mail.subject.lower().startswith("complaint about message from")
        and bool(mail.senders)
        and mail.senders[0].address.endswith(("@hotmail.com", "@outlook.com", "@microsoft.com"))
    )


def _fields(mail: Mail, types: tuple[str, ...]) -> Fields:
    """The fields of the first part of one of `types`; later blocks add what earlier ones lack."""
    merged: Fields = {}
    for part in mail.parts:
        if part.content_type in types:
            for fields in groups(part.text or part.content.decode("utf-8", "replace")):
                merged = {**fields, **merged}
            break
    return merged
