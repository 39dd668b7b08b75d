"""A request of Twilio becomes a message or a delivery report. Pure.

Enters: the body as the door stored it, and its envelope. Leaves: one `InboundMessage`. Raises `Malformed` for what
names no message, and for accounts and numbers that are not ours. Source: twilio.com/docs, "Twilio's request to your
webhook URL" and "WhatsApp".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from channels import Malformed
from channels.clean_text import line, says_something
from channels.twilio import call, callback, errors
from channels.twilio.accounts import WHATSAPP, answerable, is_ours
from channels.twilio.consent import keyword
from channels.twilio.fields import Fields, read
from channels.wordless import say
from models.envelope import Address, DeliveryReport, Envelope, InboundMessage, PendingFile

WINDOW = timedelta(hours=24)
"""So long after a customer's WhatsApp message we may answer in words of our own."""
MOST_FILES = 10
STATES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}


def inbound(body: bytes, envelope: Envelope, settings: Any) -> tuple[InboundMessage, ...]:
    """What one request says."""
    fields, language = read(body), settings.triage.languages[0]
    if "MessageStatus" in fields and "NumMedia" not in fields:
        return (report(fields, envelope),)
    if not is_ours(settings.twilio, fields["AccountSid"], fields["To"]):
        raise Malformed(
            f"account {line(fields['AccountSid'])} with number {line(fields['To'])} is not among those of the settings;"
            " add it, then retry"
        )
    if "CallSid" in fields:
        return (call.read(fields, envelope, language),)
    sid = fields["MessageSid"] or fields["SmsMessageSid"] or fields["SmsSid"]
    if not sid:
        raise Malformed("a message without a MessageSid")
    return (message(fields, envelope, sid, language),)


def message(fields: Fields, envelope: Envelope, sid: str, language: str) -> InboundMessage:
    """One SMS, MMS or WhatsApp message."""
    address, account = fields["From"], fields["To"]
    if not address:
        raise Malformed("a message without a sender")
    whatsapp = address.startswith(WHATSAPP)
    files = tuple(_files(fields))
    text = _text(fields, files, language)
    said = "" if whatsapp else keyword(fields["Body"], fields["OptOutType"])
    reaction = fields["MessageType"] == "reaction"
    sent_at = _sent_at(envelope.facts.get("recovered", ""))
    machine = "" if answerable(address) else say(language, "short_code", address.removeprefix(WHATSAPP))
    return InboundMessage(
        sender=Address(address, line(fields["ProfileName"])),
        subject="" if says_something(text) else say(language, "message_from", address.removeprefix(WHATSAPP)),
        text=text,
        reply_text=text,
        message_id=sid,
        references=tuple(filter(None, (fields["OriginalRepliedMessageSid"],))),
        conversation=f"{envelope.channel}:{account}:{address}",
        sent_at=sent_at,
        pending=files,
        proof="proved",
        machine=say(language, "reaction", line(fields["Body"])) if reaction else machine,
        machine_rule="A10" if machine else "",
        inert=reaction,
        consent=said if said in ("stop", "start") else "",
        answer_until=(sent_at or envelope.received_at) + WINDOW if whatsapp and not reaction else None,
        remarks=tuple(_circumstances(fields, envelope, said, machine, language)),
    )


def _sent_at(date: str) -> datetime | None:
    """When a message that was found in Twilio's list had been sent (RFC 2822 there); webhooks do not say."""
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        return None


def _text(fields: Fields, files: tuple[PendingFile, ...], language: str) -> str:
    """The words, or what stands for them."""
    if fields["MessageType"] == "reaction":
        return say(language, "reaction", line(fields["Body"]))
    lines = [fields["Body"] or fields["ButtonText"] or fields["ListTitle"]]
    if fields["Latitude"] and fields["Longitude"]:
        place = f"geo:{line(fields['Latitude'])},{line(fields['Longitude'])}"  # RFC 5870
        lines += [say(language, "location"), line(fields["Label"]), line(fields["Address"]), place]
    if not any(lines):
        lines += [say(language, _kind(file)) for file in files]
    written = "\n".join(filter(None, lines))
    if written:
        return written
    unknown = line(fields["MessageType"])
    return say(language, "unknown", unknown) if unknown not in ("", "text") else say(language, "empty")


def _kind(file: PendingFile) -> str:
    kind, _, subtype = file.content_type.partition("/")
    if "vcard" in subtype:
        return "contact"
    return kind if kind in ("image", "video", "audio") else "file"


def _files(fields: Fields) -> Iterator[PendingFile]:
    """What Twilio keeps for us."""
    count = fields["NumMedia"]
    for place in range(min(int(count), MOST_FILES) if count.isdecimal() else 0):
        if url := fields[f"MediaUrl{place}"]:
            kind = line(fields[f"MediaContentType{place}"]).partition(";")[0].strip().lower()
            yield PendingFile(reference=url, content_type=kind)


def _circumstances(fields: Fields, envelope: Envelope, said: str, machine: str, language: str) -> Iterator[str]:
    """What else is said about it."""
    if machine:
        yield machine
    if said == "help":
        yield say(language, "help")
    if (segments := line(fields["NumSegments"])).isdecimal() and int(segments) > 1:
        yield say(language, "segments", segments)
    if "true" in (fields["Forwarded"].lower(), fields["FrequentlyForwarded"].lower()):
        yield say(language, "forwarded")
    referral = [line(fields[f"Referral{name}"], 400) for name in ("Headline", "Body", "SourceUrl")]
    if any(referral):
        yield say(language, "advertisement", " · ".join(filter(None, referral)))
    if envelope.facts.get("recovered"):
        yield say(language, "recovered")


def report(fields: Fields, envelope: Envelope) -> InboundMessage:
    """What became of a message of ours. Our own id stands in the address that Twilio called back."""
    code = int(fields["ErrorCode"]) if fields["ErrorCode"].isdecimal() else 0
    told = DeliveryReport(
        state=STATES.get(fields["MessageStatus"].lower(), ""),
        recipient=fields["To"],
        message_id=envelope.facts.get(callback.NAME, ""),
        status=str(code) if code else "",
        reason=errors.words(code, line(fields["ErrorMessage"], 400)),
        stopped=code in errors.STOPPED,
    )
    return InboundMessage(
        sender=Address(""), machine="A delivery report.", machine_rule="A2", inert=True, unseen=True, report=told
    )
