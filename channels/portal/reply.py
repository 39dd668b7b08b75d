"""A reply from a ticket's page: its bytes in the ledger, and the message that it makes. Pure.

`decode` raises `Malformed`. The same post always makes the same bytes.
"""

from __future__ import annotations

import msgspec

from channels import Malformed
from channels.posted import Upload
from models.envelope import Address, AttachedFile, Envelope, InboundMessage


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, and by which link. The door has checked the link; `reply_token` is sealed by us."""

    ticket: int
    reply_token: str
    channel: str
    """The channel of the identity that the link was made for."""
    account: str
    """Our account there."""
    text: str
    files: tuple[Upload, ...] = ()
    remarks: tuple[str, ...] = ()


def encode(reply: Reply) -> bytes:
    """The canonical bytes."""
    return msgspec.msgpack.encode(reply, order="deterministic")


def decode(body: bytes) -> Reply:
    """Read what `encode` wrote. Raises `Malformed`."""
    try:
        return msgspec.msgpack.decode(body, type=Reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a reply of a ticket's page: {error}") from error


def read(reply: Reply, envelope: Envelope) -> InboundMessage:
    """The message of a reply."""
    words = reply.text or ", ".join(file.filename for file in reply.files)
    return InboundMessage(
        sender=Address(envelope.sender),
        text=words,
        reply_text=words,
        message_id=envelope.external_id,
        reply_token=reply.reply_token,
        proof="proved",
        answer_by=reply.channel,
        answer_from=reply.account,
        attachments=tuple(
            AttachedFile(filename=file.filename, content_type=file.content_type, content=file.content)
            for file in reply.files
        ),
        remarks=reply.remarks,
    )
