"""What the facts of a fetched mail's envelope mean to its reader. Pure, and read in the child: it knows no IMAP.

Enters: a message, and the facts that the IMAP door noted. Leaves: the message with what fetching it has shown. May
fail: `Malformed` for an item that stands for a mail which the server did not give; it goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from channels import Malformed
from models.envelope import InboundMessage


def refuse_unfetched(facts: Mapping[str, str]) -> None:
    """Raise `Malformed` for an item that stands for a mail which the server did not give."""
    if reason := facts.get("unfetched"):
        raise Malformed(
            f"The server would not give this mail: {reason}. It lies in the folder {facts.get('folder')} of the mailbox"
            f" {facts.get('mailbox')}, UID {facts.get('uid')}."
        )


def annotated(message: InboundMessage, facts: Mapping[str, str]) -> InboundMessage:
    """`message` with what fetching it has shown."""
    if size := facts.get("too_large"):
        remark = f"This mail is too large, {size}: only its headers were fetched. It is still on the mail server."
        message = msgspec.structs.replace(message, text=remark, reply_text=remark, remarks=(*message.remarks, remark))
    if given := facts.get("short"):
        remark = f"The mail server gave only {given} of this mail."
        message = msgspec.structs.replace(message, remarks=(*message.remarks, remark))
    if facts.get("junk"):
        message = msgspec.structs.replace(message, spam=f"it lay in the folder {facts.get('folder')}")
    return message
