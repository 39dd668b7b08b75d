"""A call becomes a message: that it was missed, or what was left on the voicemail. Pure.

Enters: the parameters of a Voice request. Leaves: one `InboundMessage`; both of one call are one conversation. Raises
`Malformed` for a recording that is nowhere. A caller's number can be forged by anybody: it proves nothing.
Source: twilio.com/docs/voice/twiml, "Request parameters", and twilio.com/docs/voice/twiml/record.
"""

from __future__ import annotations

from channels import Malformed
from channels.clean_text import line
from channels.number import is_e164
from channels.twilio.fields import Fields
from channels.wordless import say
from models.envelope import Address, Envelope, InboundMessage, PendingFile

HIDDEN = frozenset(
    ("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253", "anonymous", "restricted", "unavailable", "")
)
"""What stands for a number that is withheld (the digits spell ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE)."""


def caller(fields: Fields) -> str:
    """The caller's number; for one that is withheld, a name for this call alone."""
    number = fields["From"]
    return f"anonymous-{fields['CallSid']}" if number.lower() in HIDDEN else number


def read(fields: Fields, envelope: Envelope, language: str) -> InboundMessage:
    """A missed call, or its recording."""
    address, account = caller(fields), fields["To"]
    shown = address if is_e164(address) else say(language, "hidden")
    recording = fields["RecordingUrl"]
    if fields["RecordingSid"] and not recording:
        raise Malformed("a recording without an address")
    seconds = line(fields["RecordingDuration"]) or "?"
    text = say(language, "voicemail", seconds) if recording else say(language, "missed_call")
    return InboundMessage(
        sender=Address(address, line(fields["CallerName"])),
        subject=say(language, "missed_call_from", shown),
        text=text,
        reply_text=text,
        message_id=fields["RecordingSid"] or fields["CallSid"],
        conversation=f"{envelope.channel}:{account}:{address}",
        pending=(PendingFile(reference=f"{recording}.mp3", content_type="audio/mpeg"),) if recording else (),
        machine_rule="A12",
        remarks=(say(language, "caller"), *(() if is_e164(address) else (say(language, "hidden"),))),
    )
