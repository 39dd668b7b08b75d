"""Mail that one of us forwarded: who wrote it first, and what. Pure, linear in the size of the mail; nothing fails.

Enters: a `Mail` and the message made of it. Leaves: the message as if its first author had sent it, with a remark that
says who forwarded it. Addresses in a forwarded text are hearsay, so nobody is proved by it, and an acknowledgement to
them is sent only where the one who forwards is proved, within the smaller budgets of typed addresses (A20).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from channels.email import addresses, mime
from channels.email.mail import Mail
from channels.email.quote_headers import block_end, divider, label
from models.envelope import Address, InboundMessage

MOST_LINES = 400
"""Lines in which a forwarded header is looked for."""
LONGEST_LINE = 1_000

_SUBJECT = re.compile(
    "\\s*(?:\\[[^\\[\\]]{1,40}\\]\\s*)*(?:tr|fwd?|wg|rv|enc|vb|vl|pd|doorst|i|转发)\\s?[:\uff1a]\\s*", re.IGNORECASE
)


class Original(NamedTuple):
    """A forwarded mail, as far as it can be read."""

    author: Address
    subject: str
    text: str
    message_id: str = ""


def unwrapped(message: InboundMessage, mail: Mail) -> InboundMessage:
    """`message`, which one of us sent, as its first author's; `message` itself where nothing was forwarded."""
    if message.inert or message.machine:
        return message
    original = attached(mail) or inline(mail)
    if original is None:
        return message
    who = message.sender.address
    remark = f"{who} forwarded this; its author's address is as they passed it on."
    doubtful = message.proof not in ("proved", "aligned")
    return msgspec.structs.replace(
        message,
        sender=original.author,
        subject=original.subject or _SUBJECT.sub("", message.subject, count=1),
        reply_text=original.text,
        references=(*message.references, *([original.message_id] if original.message_id else [])),
        proof="unproved",
        proof_reason=f"forwarded by {who}, who is {message.proof}",
        hearsay=True,
        acknowledge_to="",
        machine_rule="A12" if doubtful else "",
        remarks=(*message.remarks, remark),
    )


def attached(mail: Mail) -> Original | None:
    """The mail that hangs on it as a file, where it is the only one."""
    whole = [part for part in mail.parts if part.content_type == "message/rfc822"]
    if len(whole) != 1:
        return None
    inner = mime.read(whole[0].content)
    author = next((person for person in inner.senders if person.address), None)
    return Original(author, inner.subject, inner.text, inner.message_id) if author else None


def inline(mail: Mail) -> Original | None:
    """What stands below the header block that a mail program puts over a forwarded mail."""
    lines = mail.text.split("\n")
    stripped = [line[:LONGEST_LINE].strip().removeprefix(">").strip() for line in lines[:MOST_LINES]]
    announced = _SUBJECT.match(mail.subject) is not None
    for place, line in enumerate(stripped):
        announced = announced or (line != "" and divider(line) == "forwarded")
        if not announced or not label(line):
            continue
        end = block_end(stripped, place)
        if end > place:
            below = lines[end:]
            if lines[place].startswith(">"):  # Apple Mail quotes what it forwards
                below = [line.removeprefix(">").removeprefix(" ") for line in below]
            return _original(stripped[place:end], "\n".join(below).strip())
    return None


def _original(block: list[str], text: str) -> Original | None:
    """The author and the subject that the block names; None where it names no address."""
    author, subject = Address(""), ""
    for line in block:
        role = label(line)
        value = line.replace("\uff1a", ":").partition(":")[2].strip(" *\u00a0")
        if role == "from" and not author.address:
            author = next((person for person in addresses.read(value, 1)[0] if person.address), author)
        elif role == "subject" and not subject:
            subject = value
    return Original(author, subject, text) if author.address else None
