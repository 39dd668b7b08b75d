"""An answer of ours as Twilio wants it. Pure.

Enters: an `OutboundMessage`. Leaves: the parameters of one or more requests, in order. Raises `Refused` for what
Twilio cannot carry. Source: twilio.com/docs/messaging/api/message-resource, "Create a message".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from channels import Refused
from channels.clean_text import pieces
from channels.twilio.accounts import WHATSAPP
from models.envelope import OutboundMessage

LONGEST_TEXT = 1_600
MOST_FILES = 10

Pairs = list[tuple[str, str]]


def parameters(outbound: OutboundMessage, service: str, files: Sequence[str] = ()) -> list[Pairs]:
    """What to post, one after the other. `service` sends SMS in the place of one number, where it is set.

    `files`: where Twilio finds them. WhatsApp takes one in a message, an MMS takes all with the words.
    """
    frame: Pairs = [("To", outbound.to.address), ("From", outbound.account)]
    if service and not outbound.account.startswith(WHATSAPP):
        frame.append(("MessagingServiceSid", service))
    if len(files) > MOST_FILES:
        raise Refused(f"a message may have {MOST_FILES} files, not {len(files)}")
    alone: list[Pairs] = []
    together: Pairs = [("MediaUrl", url) for url in files]
    if outbound.account.startswith(WHATSAPP):
        alone, together = [[*frame, file] for file in together], []
    if outbound.template is not None:
        given = {str(place): value for place, value in enumerate(outbound.template.parameters, 1)}
        variables = msgspec.json.encode(given).decode()
        return [*alone, [*frame, ("ContentSid", outbound.template.name), ("ContentVariables", variables)]]
    first, *more = pieces(_text(outbound), LONGEST_TEXT) or [""]
    if not first and together:
        return [[*frame, *together]]
    texts = [[*frame, ("Body", first), *together], *([*frame, ("Body", piece)] for piece in more)]
    return [*alone, *(texts if first else [])]


def _text(outbound: OutboundMessage) -> str:
    """The words; choices as a numbered list, which every phone shows."""
    choices = [f"{place}. {choice.title}" for place, choice in enumerate(outbound.choices, 1)]
    return "\n".join([outbound.text, *choices])
