"""An answer of ours as Twilio wants it. Pure.

Enters: an `OutboundMessage`. Leaves: the parameters of one or more requests, in order. Raises `Refused` for what
Twilio cannot carry. Source: twilio.com/docs/messaging/api/message-resource, "Create a message".
"""

from __future__ import annotations

import msgspec

from channels import Refused
from channels.twilio.accounts import WHATSAPP
from models.envelope import OutboundMessage

LONGEST_TEXT = 1_600

Pairs = list[tuple[str, str]]


def parameters(outbound: OutboundMessage, service: str) -> list[Pairs]:
    """What to post, one after the other. `service` sends SMS in the place of one number, where it is set."""
    if outbound.attachments:
        raise Refused("files cannot be sent by this channel yet: Twilio wants a public address for each")
    frame: Pairs = [("To", outbound.to.address), ("From", outbound.account)]
    if service and not outbound.account.startswith(WHATSAPP):
        frame.append(("MessagingServiceSid", service))
    if outbound.template is not None:
        given = {str(place): value for place, value in enumerate(outbound.template.parameters, 1)}
        variables = msgspec.json.encode(given).decode()
        return [[*frame, ("ContentSid", outbound.template.name), ("ContentVariables", variables)]]
    return [[*frame, ("Body", piece)] for piece in pieces(_text(outbound))]


def _text(outbound: OutboundMessage) -> str:
    """The words; choices as a numbered list, which every phone shows."""
    choices = [f"{place}. {choice.title}" for place, choice in enumerate(outbound.choices, 1)]
    return "\n".join([outbound.text, *choices])


def pieces(text: str) -> list[str]:
    """`text` cut into messages, at the end of a paragraph, a line or a word where there is one."""
    found = []
    while len(text) > LONGEST_TEXT:
        at = max(text.rfind(mark, LONGEST_TEXT // 2, LONGEST_TEXT) for mark in ("\n\n", "\n", " "))
        cut = at if at > 0 else LONGEST_TEXT
        found.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*found, text]
