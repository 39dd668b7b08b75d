"""Calls that an agent writes down, so that they stand beside all else that the customer said.

`noted` makes a raw message of a call, for the command line and for programs; `normalise` reads it. It has no
door, and no way out of its own: answers go by the channel that the settings name (`phone.answer_by`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from channels import Channel, Malformed
from channels.clean_text import line, words
from channels.number import e164
from channels.wordless import say
from models.envelope import Address, Envelope, InboundMessage, RawMessage

ACCOUNT = "calls"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent notes."""

    number: str
    """The customer's, as the agent typed it."""
    text: str
    subject: str = ""
    name: str = ""
    agent: str = ""
    direction: str = "in"
    """in: the customer called; out: we did."""
    minutes: int = 0
    at: datetime


class Phone(Channel):
    """Calls."""

    def noted(self, note: Mapping[str, str]) -> RawMessage:
        """The call as accept wants it. Raises `ValueError` for a number that is none, or fields that are no call's."""
        call = msgspec.convert({"at": datetime.now(UTC).isoformat(), **note}, Call, strict=False)
        return _raw(self.name, self.settings, call)

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        """One message a call. Raises `Malformed`."""
        try:
            call = msgspec.json.decode(raw.body, type=Call)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"not a call: {error}") from error
        return (_read(call, self.settings),)


def _raw(name: str, settings: Any, call: Call) -> RawMessage:
    """The call as accept wants it: the same one noted twice is one."""
    number = e164(call.number, settings.phone.region)
    if not number:
        raise ValueError(f"{call.number!r} is no telephone number in {settings.phone.region}")
    body = msgspec.json.encode(msgspec.structs.replace(call, number=number))
    envelope = Envelope(
        channel=name,
        account=ACCOUNT,
        external_id=hashlib.sha256(body).hexdigest(),
        sender=number,
        received_at=datetime.now(UTC),
        trace_id=secrets.token_hex(16),
        lane=f"{name}:{number}",
        facts={"import": "spoken", "agent": call.agent},
    )
    return RawMessage(envelope, body)


def _read(call: Call, settings: Any) -> InboundMessage:
    language = settings.triage.languages[0]
    heading = say(language, "call_out" if call.direction == "out" else "call_in")
    remarks = [heading]
    if call.minutes:
        remarks.append(say(language, "minutes", call.minutes))
    if call.agent:
        remarks.append(say(language, "noted_by", line(call.agent)))
    text = words(call.text)
    return InboundMessage(
        sender=Address(call.number, line(call.name)),
        subject=line(call.subject) or f"{heading} · {call.number}",
        text=text,
        reply_text=text,
        sent_at=call.at,
        answer_by=settings.phone.answer_by,
        answer_from=settings.phone.answer_from,
        remarks=tuple(remarks),
    )
