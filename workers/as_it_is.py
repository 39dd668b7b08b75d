"""As it is: a ticket from an item in quarantine, when somebody asked for one in spite of all.

Enters: the raw message and what reading it gave: messages that could not be settled, or a reason why the bytes are no
message of their channel. Leaves: one plain message: who wrote it as far as known, a subject and a text of whatever can
be read, the bytes untouched as a file. It carries no ids, no HTML and no files of its own, since any of these may be
what failed; and no acknowledgement is sent for it, since its author is in doubt. Pure; nothing fails.
"""

from __future__ import annotations

import re

from models.envelope import Address, AttachedFile, InboundMessage, RawMessage
from workers.reading import Reading

LONGEST_TEXT, LONGEST_SUBJECT = 20_000, 200
SHARE_OF_WORDS = 0.85
"""From so many printable characters on, bytes are shown as text."""
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff\N{LEFT-TO-RIGHT OVERRIDE}\N{RIGHT-TO-LEFT OVERRIDE}]")


def as_it_is(raw: RawMessage, reading: Reading) -> InboundMessage:
    """The message that stands for an item which somebody wants as a ticket."""
    first = next(iter(reading.messages), None)
    why = reading.malformed or reading.killed or "it could not be settled as it is"
    remark = f"A ticket was made of this message by hand, from quarantine: {why}. Its bytes are attached, untouched."
    said = legible(first.text) if first else legible_bytes(raw.body)
    return InboundMessage(
        sender=first.sender if first else Address(legible(raw.envelope.sender).lower()),
        subject=(legible(first.subject) if first else "")[:LONGEST_SUBJECT],
        text=said or remark,
        reply_text=(legible(first.reply_text) if first else said) or remark,
        attachments=(AttachedFile(filename="original.bin", content_type="application/octet-stream", content=raw.body),),
        machine=remark,
        machine_rule="A12",
        remarks=(remark,),
    )


def legible(words: str) -> str:
    """`words` without control characters, of a length that people read."""
    return _CONTROL.sub("", words).strip()[:LONGEST_TEXT]


def legible_bytes(body: bytes) -> str:
    """Bytes as text, where most of them are; '' for all others."""
    words = body[: 4 * LONGEST_TEXT].decode("utf-8", "replace")
    good = sum(character.isprintable() or character in "\r\n\t" for character in words if character != "\ufffd")
    return legible(words.replace("\r\n", "\n")) if words and good >= SHARE_OF_WORDS * len(words) else ""
