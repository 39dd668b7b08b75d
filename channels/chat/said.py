"""What a visitor said: the bytes that a line is stored as, and the message that it makes. Pure.

    frame ──door──▶ Said ──encode──▶ bytes in the ledger ──decode──▶ Said ──read──▶ InboundMessage

`decode` raises `Malformed`. The same line always makes the same bytes, so that a repeated one is known as such.
"""

from __future__ import annotations

import msgspec

from channels import Malformed
from models.envelope import Address, AttachedFile, Envelope, InboundMessage


class SaidFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file, as the browser sent it."""

    filename: str
    content_type: str
    content: bytes


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One line. Its id is the browser's."""

    id: str
    text: str = ""
    name: str = ""
    email: str = ""
    proved: bool = False
    """Whether the host site signed name and address."""
    language: str = ""
    page: str = ""
    """The page on which it was written, as the browser says."""
    file: SaidFile | None = None


def encode(line: Said) -> bytes:
    """The canonical bytes."""
    return msgspec.msgpack.encode(line, order="deterministic")


def decode(body: bytes) -> Said:
    """Read what `encode` wrote. Raises `Malformed`."""
    try:
        return msgspec.msgpack.decode(body, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a line of a chat: {error}") from error


def message_id(visitor: str, line_id: str) -> str:
    """The id of a visitor's line in all tables; `line_id` is unique to the visitor alone."""
    return f"{visitor}.{line_id}"


def line_id(visitor: str, external_id: str) -> str:
    """The browser's own id of a line; '' for what came by another way."""
    return external_id.removeprefix(f"{visitor}.") if external_id.startswith(f"{visitor}.") else ""


def read(line: Said, envelope: Envelope) -> InboundMessage:
    """The message of a line. The visitor is proved by the token that the door has checked."""
    attached = line.file
    words = line.text or (attached.filename if attached else "")
    return InboundMessage(
        sender=Address(envelope.sender, line.name),
        text=words,
        reply_text=words,
        message_id=message_id(envelope.sender, line.id),
        conversation=envelope.lane,
        language=line.language,
        attachments=(
            AttachedFile(filename=attached.filename, content_type=attached.content_type, content=attached.content),
        )
        if attached
        else (),
        proof="proved",
        remarks=tuple(_remarks(line)),
    )


def _remarks(line: Said) -> list[str]:
    """What the agent should know beside the words."""
    found = [f"Written on {line.page}"] if line.page else []
    if line.email:
        how = "vouched for by the web site" if line.proved else "typed by the visitor, not verified"
        found.append(f"E-mail address {line.email}: {how}.")
    return found
