"""The envelope around a fetched mail, with facts that `fetched` reads. Pure.

A mail that could not be had whole is not lost: too large, it becomes a ticket of its headers with a remark; refused by
the server time after time, a quarantined item that names folder, UID and reason.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from channels.email.imap_session import Listed
from channels.email.recipients import parse_path
from channels.email.smtp_envelope import first_author, header_block
from models.envelope import Envelope, RawMessage

_RETURN_PATH = re.compile(rb"^return-path[ \t]*:[ \t]*([^\r\n]{0,400})", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Letter:
    """What was had of one mail: its bytes, or its header block (`large`), or nothing (`refused` says why)."""

    listed: Listed
    body: bytes = b""
    large: bool = False
    refused: str = ""
    short: bool = False
    """The server gave far fewer bytes than it announced, time after time."""

    @property
    def whole(self) -> bool:
        """Whether we have all that the server has."""
        return not (self.large or self.refused or self.short)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where mails are fetched from, as their envelopes say it."""

    channel: str
    address: str
    """Our account."""
    mailbox: str
    """Its name in the settings."""
    folder: str
    junk: bool = False

    def external_id(self, validity: int, turn: int, uid: int) -> str:
        """The mail's name for ever."""
        return f"{self.mailbox}/{self.folder}:{validity}{f'.{turn}' if turn else ''}:{uid}"


def return_path(head: bytes) -> str:
    """The address that the delivering server wrote down (RFC 5321 §4.4); '' for the null one and for none."""
    field = _RETURN_PATH.search(head)
    path = parse_path(field[1].decode("utf-8", "replace").strip()) if field else None
    return "" if path is None or path[0] == "<>" else path[0]


def seal(letter: Letter, origin: Origin, *, external_id: str, why: str, now: datetime, trace_id: str) -> RawMessage:
    """The mail as accept takes it. `why`: 'old' or 'again' where nothing may be sent because of it."""
    head = header_block(letter.body)
    sender = return_path(head)
    envelope = Envelope(
        channel=origin.channel,
        account=origin.address,
        external_id=external_id,
        sender=sender,
        received_at=now,
        trace_id=trace_id,
        lane=f"{origin.channel}:{sender.lower() or first_author(head)}",
        facts=_facts(letter, origin, why),
    )
    return RawMessage(envelope, letter.body)


def _facts(letter: Letter, origin: Origin, why: str) -> dict[str, str]:
    listed = letter.listed
    facts = {
        "mailbox": origin.mailbox,
        "folder": origin.folder,
        "uid": str(listed.uid),
        "arrived": listed.arrived.isoformat() if listed.arrived else "",
        "sha256": hashlib.sha256(letter.body).hexdigest() if letter.whole else "",
        "junk": "yes" if origin.junk else "",
        "import": why,
        "too_large": f"{max(1, round(listed.size / 1_000_000))} MB" if letter.large else "",
        "short": f"{len(letter.body)} of {listed.size} bytes" if letter.short else "",
        "unfetched": letter.refused,
    }
    return {name: value for name, value in facts.items() if value}
