"""An answer of ours as the Cloud API wants it. Pure.

Enters: an `OutboundMessage` and the ids of its uploaded files. Leaves: the bodies of one or more requests, in order.
Raises `Refused` for what WhatsApp cannot carry. Source: developers.facebook.com, "Cloud API: send messages".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels import Refused
from channels.clean_text import pieces
from channels.meta.identity import is_user_id
from models.envelope import AttachedFile, Choice, OutboundMessage, Template

LONGEST_TEXT = 4_096
LONGEST_BODY = 1_024
"""Characters beside buttons or a list."""
MOST_BUTTONS, MOST_ROWS = 3, 10
LONGEST_BUTTON, LONGEST_ROW, LONGEST_DESCRIPTION = 20, 24, 72
LABEL = {"fr": "Choisir", "en": "Choose"}

Body = dict[str, Any]


def bodies(outbound: OutboundMessage, uploaded: Sequence[str]) -> list[Body]:
    """What to post, one after the other."""
    frame = _frame(outbound)
    files = [frame | _file(file, name) for file, name in zip(outbound.attachments, uploaded, strict=True)]
    if outbound.template is not None:
        return [*files, frame | _template(outbound.template)]
    if outbound.choices:
        return [*files, frame | _interactive(outbound)]
    return [*files, *(frame | _text(piece) for piece in pieces(outbound.text, LONGEST_TEXT))]


def _frame(outbound: OutboundMessage) -> Body:
    address = outbound.to.address
    frame: Body = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        # Comes back with every status of this message: it is ours even where the answer to the request was lost.
        "biz_opaque_callback_data": outbound.message_id[:512],
    }
    if is_user_id(address):
        return frame | {"recipient": address}
    if not address.startswith("+"):
        raise Refused(f"{address} is neither a number nor a user id of WhatsApp")
    return frame | {"to": address.removeprefix("+")}


def _text(text: str) -> Body:
    return {"type": "text", "text": {"body": text, "preview_url": False}}


def _file(file: AttachedFile, uploaded: str) -> Body:
    kind = file.content_type.partition("/")[0]
    if kind not in ("image", "audio", "video"):
        return {"type": "document", "document": {"id": uploaded, "filename": file.filename or "file"}}
    return {"type": kind, kind: {"id": uploaded}}


def _template(template: Template) -> Body:
    body: Body = {"name": template.name, "language": {"code": template.language}}
    if template.parameters:
        given = [{"type": "text", "text": value} for value in template.parameters]
        body["components"] = [{"type": "body", "parameters": given}]
    return {"type": "template", "template": body}


def _interactive(outbound: OutboundMessage) -> Body:
    """Up to three choices are buttons, up to ten a list."""
    choices = outbound.choices
    if len(choices) > MOST_ROWS:
        raise Refused(f"WhatsApp offers at most {MOST_ROWS} choices, not {len(choices)}")
    if len(outbound.text) > LONGEST_BODY:
        raise Refused(f"beside choices a text may have {LONGEST_BODY} characters, not {len(outbound.text)}")
    if len(choices) <= MOST_BUTTONS:
        action: Body = {"buttons": [{"type": "reply", "reply": _button(choice)} for choice in choices]}
        return {
            "type": "interactive",
            "interactive": {"type": "button", "body": {"text": outbound.text}, "action": action},
        }
    label = LABEL.get(outbound.language, LABEL["en"])
    action = {"button": label, "sections": [{"title": label, "rows": [_row(choice) for choice in choices]}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": outbound.text}, "action": action}}


def _button(choice: Choice) -> Body:
    return {"id": choice.id[:256], "title": choice.title[:LONGEST_BUTTON]}


def _row(choice: Choice) -> Body:
    row = {"id": choice.id[:200], "title": choice.title[:LONGEST_ROW]}
    return row | ({"description": choice.description[:LONGEST_DESCRIPTION]} if choice.description else {})
