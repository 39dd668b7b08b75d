"""The fields inside machine reports: delivery status (RFC 3464), receipts (RFC 8098), complaints (RFC 5965).

Enters: the text of a report part, or of the returned message. Leaves: groups of named fields, addresses, message ids.
Written for what servers really send: blank lines missing or too many, types left out, names misspelt. Nothing fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from channels.email.mail import Mail

Fields = dict[str, str]
"""Names in lower case; of a repeated field the first value, unfolded."""

MAX_TEXT = 65_536
"""Characters of a report, of a notification and of a returned message that are looked at."""

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)")
_LOCAL = r"(?:\"[^\"\s\\]{1,64}\"|(?<![\w.!#$%&*+/=?^`{|}~-])[\w!#$%&*+/=?^`{|}~.-][\w.!#$%&'*+/=?^`{|}~-]{0,127})"
ADDRESS = re.compile(rf"{_LOCAL}@[A-Za-z0-9](?:[A-Za-z0-9_.-]{{0,252}}[A-Za-z0-9])?", re.ASCII)
_BRACKETED = re.compile(r"<((?:\"[^\"<>\n]{1,64}\"|[^<>\s@\"]{1,128})@[^<>\s@]{1,253})>")
_WHOLE = re.compile(r"[^\s<>@\"(),]{1,128}@[^\s<>@\"(),;:]{1,253}")
_MESSAGE_ID = re.compile(r"^[ \t>]*(?:Original-)?Message-Id[ \t]*:\s*<([^<>\s]{1,998})>", re.IGNORECASE | re.MULTILINE)
_XTEXT = re.compile(r"\+(2B|3D)|\\x\{([0-9A-F]{2,6})\}")
RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "text/rfc822")
"""Types of parts that carry the returned message or its header (RFC 6522 §3, RFC 6533)."""
STATUS_REPORTS = ("message/delivery-status", "message/global-delivery-status")
"""Types of parts that say what became of each recipient (RFC 3464 §2, RFC 6533)."""


def groups(text: str) -> Iterator[Fields]:
    """The blocks of fields in `text`: a blank line ends one, and so does a field naming a recipient a second time."""
    block: Fields = {}
    last = ""
    for line in text[:MAX_TEXT].split("\n"):
        if line[:1] in " \t" and line.strip() and last:
            block[last] = f"{block[last]} {line.strip()}"
        elif found := _FIELD.match(line):
            name = found[1].lower()
            if name in ("final-recipient", "original-recipient") and name in block:
                yield block
                block = {}
            last = name if name not in block else ""
            block.setdefault(name, found[2].strip())
        else:
            last = ""
            if block and not line.strip():
                yield block
                block = {}
    if block:
        yield block


def typed_address(value: str) -> str:
    """The address of `rfc822; <a@b>`, of `utf-8;a@b` (RFC 6533 §3) or of a bare one, lower case; '' of others."""
    address = _XTEXT.sub(_decoded, value.rpartition(";")[2]).strip(" \t<>")
    if not _WHOLE.fullmatch(address):
        return address_in(address)
    return "" if address.startswith(("/", "|")) else address.lower()


def _decoded(found: re.Match[str]) -> str:
    """One encoded character of an address; what is no character stays as it came."""
    number = int(found[1] or found[2], 16)
    return chr(number) if 0x20 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else found[0]


def address_in(text: str) -> str:
    """The first address in `text`, lower case; one in angle brackets may hold any letters. '' where there is none."""
    found = _BRACKETED.search(text)
    if found:
        return found[1].lower()
    bare = ADDRESS.search(text)
    return bare[0].lower() if bare else ""


def returned_text(mail: Mail) -> str:
    """The message or its header block that a report carries as a part; '' where there is none."""
    for part in mail.parts:
        if part.content_type in RETURNED and part.text.strip():
            return part.text[:MAX_TEXT]
    return ""


def header_block(text: str) -> Fields:
    """The first block of fields in `text`: the header of a returned message."""
    return next(groups(text.lstrip()), {})


def message_id_in(text: str) -> str:
    """The first Message-ID field's value in `text`, without angle brackets; '' where there is none."""
    found = _MESSAGE_ID.search(text[:MAX_TEXT])
    return found[1] if found else ""


def original_id(mail: Mail, returned: str) -> str:
    """The id of the message that a report is about: from what was returned, else from the report's own header."""
    return message_id_in(returned) or next(iter((*mail.in_reply_to, *reversed(mail.references))), "")
