"""What a WhatsApp message says, by its type. Pure.

Enters: one element of `messages` of a webhook, as plain values, and the language for what has no words. Leaves: its
`Content`. Raises nothing on purpose: a field that is missing or of another type reads as empty, and a type that is not
known is a visible stub. Source: developers.facebook.com, "Messages webhook reference", one page for each type.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from channels.clean_text import filename, line, words
from channels.meta.identity import address_of
from channels.wordless import say
from models.envelope import PendingFile

Message = dict[str, Any]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a message."""

    text: str = ""
    files: tuple[PendingFile, ...] = ()
    references: tuple[str, ...] = ()
    moved_to: str = ""
    """The sender's new address, where it tells of one."""
    notice: str = ""
    """Why it is no message of a person to us, but about another one; '' for a message."""
    changes: str = ""
    change: str = ""
    remarks: tuple[str, ...] = ()


def content(message: Message, language: str) -> Content:
    """The content of `message`."""
    kind = message.get("type")
    read = _TYPES.get(kind) if isinstance(kind, str) else None
    return read(message, language) if read else _unknown(message, language)


def part(value: Any, *path: str) -> Message:
    """The object at `path`; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def parts(value: Any) -> list[Message]:
    """The objects of a list; nothing where it is none."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(message: Message, language: str) -> Content:
    return Content(text=words(part(message, "text").get("body")) or say(language, "empty"))


def _file(kind: str) -> Callable[[Message, str], Content]:
    def read(message: Message, language: str) -> Content:
        media = part(message, kind)
        spoken = "voice" if media.get("voice") is True else kind
        file = PendingFile(
            reference=words(media.get("id")),
            filename=filename(media.get("filename")),
            content_type=line(media.get("mime_type")).partition(";")[0].strip().lower(),
            sha256=_hex(media.get("sha256")),
        )
        return Content(
            text=words(media.get("caption")) or say(language, spoken), files=(file,) if file.reference else ()
        )

    return read


def _hex(digest: Any) -> str:
    """A SHA-256 in hex; webhooks give it in base64 or hex."""
    text = line(digest)
    if len(text) == 64 and all(letter in "0123456789abcdefABCDEF" for letter in text):
        return text.lower()
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return ""
    return decoded.hex() if len(decoded) == 32 else ""


def _location(message: Message, language: str) -> Content:
    place = part(message, "location")
    latitude, longitude = place.get("latitude"), place.get("longitude")
    lines = [say(language, "location"), words(place.get("name")), words(place.get("address"))]
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        lines.append(f"geo:{latitude:g},{longitude:g}")  # RFC 5870
    lines.append(words(place.get("url")))
    return Content(text=_lines(lines))


def _contacts(message: Message, language: str) -> Content:
    cards = [_card(card) for card in parts(message.get("contacts"))]
    return Content(text=_lines([say(language, "contact"), *cards]))


def _card(card: Message) -> str:
    """Name, organisation, numbers and addresses of a contact card."""
    told = [
        line(part(card, "name").get("formatted_name")),
        line(part(card, "org").get("company")),
        *(line(phone.get("phone")) for phone in parts(card.get("phones"))),
        *(line(email.get("email")) for email in parts(card.get("emails"))),
    ]
    return " · ".join(filter(None, told))


def _interactive(message: Message, language: str) -> Content:
    given = part(message, "interactive")
    match given.get("type"):
        case "button_reply" | "list_reply" as kind:
            chosen = part(given, kind)
            lines = [words(chosen.get("title")) or say(language, "choice"), words(chosen.get("description"))]
            return Content(text=_lines(lines))
        case "nfm_reply":
            reply = part(given, "nfm_reply")
            return Content(text=_lines([say(language, "flow"), words(reply.get("response_json"))]))
        case other:
            return Content(text=say(language, "unknown", line(other) or "interactive"))


def _button(message: Message, language: str) -> Content:
    return Content(text=words(part(message, "button").get("text")) or say(language, "choice"))


def _order(message: Message, language: str) -> Content:
    order = part(message, "order")
    items = [
        f"{line(item.get('quantity')) or item.get('quantity', '?')} × {line(item.get('product_retailer_id'))}"
        f" · {item.get('item_price', '')} {line(item.get('currency'))}".rstrip()
        for item in parts(order.get("product_items"))
    ]
    return Content(text=_lines([say(language, "order"), words(order.get("text")), *map(words, items)]))


def _reaction(message: Message, language: str) -> Content:
    reaction = part(message, "reaction")
    emoji = line(reaction.get("emoji"))
    text = say(language, "reaction", emoji) if emoji else say(language, "reaction_removed")
    return Content(text=text, notice=text, references=_ids(reaction.get("message_id")))


def _edit(message: Message, language: str) -> Content:
    """The new words stand in the ticket; the old ones stay, and say that they were corrected."""
    edit = part(message, "edit")
    new = content(part(edit, "message"), language)
    original = words(edit.get("original_message_id"))
    return Content(
        text=_lines([say(language, "edit"), new.text]),
        files=new.files,
        notice=say(language, "edit"),
        references=_ids(original),
        changes=original,
        change=say(language, "edited"),
    )


def _revoke(message: Message, language: str) -> Content:
    original = words(part(message, "revoke").get("original_message_id"))
    text = say(language, "revoke")
    return Content(text=text, notice=text, references=_ids(original), changes=original, change=say(language, "revoked"))


def _system(message: Message, language: str) -> Content:
    system = part(message, "system")
    if system.get("type") in ("user_changed_number", "user_changed_user_id"):
        new = address_of(system.get("wa_id") or system.get("new_wa_id"), system.get("user_id"))
        old = address_of(message.get("from"), message.get("from_user_id"))
        text = say(language, "number", f"{old} → {new}")
        return Content(text=text, notice=text, moved_to=new)
    text = say(language, "system", words(system.get("body")) or line(system.get("type")))
    return Content(text=text, notice=text)


def _welcome(_message: Message, language: str) -> Content:
    return Content(text=say(language, "opened"), notice=say(language, "opened"))


def _unknown(message: Message, language: str) -> Content:
    """A visible stub: somebody has to see that there was something."""
    kind = line(part(message, "unsupported").get("type")) or line(message.get("type")) or "?"
    return Content(text=say(language, "unknown", kind), remarks=errors(message))


def errors(value: Message) -> tuple[str, ...]:
    """The provider's own words for what went wrong, one sentence each."""
    return tuple(error_text(error) for error in parts(value.get("errors")))


def error_text(error: Message) -> str:
    """Code, title and details of one error."""
    details = line(part(error, "error_data").get("details"), 400)
    title = line(error.get("title")) or line(error.get("message"), 400)
    return f"{error.get('code', '')} {': '.join(filter(None, dict.fromkeys((title, details))))}".strip()


def _ids(*names: Any) -> tuple[str, ...]:
    return tuple(filter(None, map(words, names)))


def _lines(lines: list[str]) -> str:
    return "\n".join(filter(None, lines))


_TYPES: dict[str, Callable[[Message, str], Content]] = {
    "text": _text,
    **{kind: _file(kind) for kind in ("image", "video", "audio", "document", "sticker")},
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "system": _system,
    "request_welcome": _welcome,
}
