"""The value between the mail files: what `mime.read` makes of raw bytes, before anything is judged about it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from models.envelope import Address, AttachedFile


class Headers(msgspec.Struct, frozen=True):
    """The header block, in order, names lower-cased, values unfolded but otherwise as they came (not RFC 2047 decoded).

    Values are text: UTF-8 where the bytes are, else the charset of the body, else what they look like.
    """

    fields: tuple[tuple[str, str], ...] = ()
    by_name: dict[str, list[str]] = {}
    """The values of each name; made from `fields`, which is all that one gives."""

    def __post_init__(self) -> None:
        for name, value in self.fields:
            values = self.by_name.get(name)
            if values is None:
                self.by_name[name] = [value]
            else:
                values.append(value)

    def first(self, name: str, default: str = "") -> str:
        """The first value of `name` (lower case), or `default`."""
        values = self.by_name.get(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Every value of `name` (lower case), in order."""
        return self.by_name.get(name, [])

    def __contains__(self, name: str) -> bool:
        return name in self.by_name


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf of the MIME tree, or a message/rfc822 kept whole."""

    content_type: str
    """Lower case type/subtype, 'text/plain' where none could be read (RFC 2045 §5.2)."""
    parameters: dict[str, str] = {}
    """Content-Type parameters, RFC 2231 decoded, names lower-cased."""
    disposition: str = ""
    """'attachment', 'inline' or ''."""
    headers: Headers = Headers()
    content: bytes = b""
    """Transfer-decoded bytes."""
    text: str = ""
    """Decoded text of text/* and message/* parts (CRLF and CR made LF); '' for others."""
    depth: int = 0


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One e-mail, read. Never raises on access; whatever could not be read is empty and has a line in `remarks`."""

    headers: Headers
    content_type: str = "text/plain"
    """Of the whole message."""
    parameters: dict[str, str] = {}
    senders: tuple[Address, ...] = ()
    """Every address of every From header, in order: more than one is a warning (rule A12)."""
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    message_id: str = ""
    """Without angle brackets; '' where there is none that can be read."""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Without angle brackets, oldest first; at most the first 20 and the last 20 (B27)."""
    date: datetime | None = None
    text: str = ""
    """The body as plain text: the text/plain parts, or the HTML turned into text where there are none."""
    html: str = ""
    text_from_html: bool = False
    attachments: tuple[AttachedFile, ...] = ()
    parts: tuple[Part, ...] = ()
    """Every leaf in order, machine parts (message/delivery-status, text/rfc822-headers …) included."""
    remarks: tuple[str, ...] = ()
