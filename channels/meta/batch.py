"""One webhook body holds many events: each becomes a body of its own, so that each is stored, retried and judged alone.

Meta batches events as it likes and batches them differently when it sends them again; a message's own id (wamid) is
what stays. Enters: the signed bytes. Leaves: `Event`s, the untouched JSON of each within the frame that it came in.
Raises `Malformed` where the whole is no webhook; an entry that cannot be read is an event of its own, kept for people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from channels import Malformed
from channels.meta.identity import address_of

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What msgspec raises for bytes that are no JSON, or not of the wanted shape."""
FRAME = frozenset(("messaging_product", "metadata", "contacts"))
"""Keys of a value that say what the events have in common."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event."""

    account: str
    """The id of our number; '' where the event concerns none."""
    external_id: str
    sender: str
    """Whose it is: E.164, or a business-scoped user id; '' for nobody's."""
    lane: str
    """What must be settled in order."""
    body: bytes


class _Body(msgspec.Struct):
    object: str
    entry: list[Raw]


class _Entry(msgspec.Struct):
    id: str | int = ""
    changes: list[Raw] = []


class _Change(msgspec.Struct):
    field: str
    value: dict[str, Raw]


class _Metadata(msgspec.Struct):
    phone_number_id: str = ""


class _Message(msgspec.Struct):
    id: str
    sender: str = msgspec.field(name="from", default="")
    from_user_id: str = ""


class _Status(msgspec.Struct):
    id: str
    status: str


class _Contact(msgspec.Struct):
    wa_id: str = ""
    user_id: str = ""


def split(body: bytes) -> list[Event]:
    """Every event of a webhook body, in order. Raises `Malformed`."""
    try:
        body.decode()  # what is skipped is not looked at, and half a letter must not reach the reader
        whole = _body(body)
    except UNREADABLE as error:
        raise Malformed(f"not a webhook of Meta: {error}") from error
    return [event for entry in whole.entry for event in _entry(whole.object, entry)]


def _entry(kind: str, raw: Raw) -> Iterator[Event]:
    try:
        entry = _decode(raw, _Entry)
        changes = [(change, _decode(change, _Change)) for change in entry.changes]
    except UNREADABLE:
        yield _whole(kind, raw)
        return
    for change_raw, change in changes:
        yield from _change(kind, msgspec.json.encode(entry.id), change_raw, change)


def _change(kind: str, entry_id: bytes, raw: Raw, change: _Change) -> Iterator[Event]:
    try:
        account = _decode(change.value.get("metadata", Raw(b"{}")), _Metadata).phone_number_id
        lists = {name: _decode(change.value.get(name, Raw(b"[]")), list[Raw]) for name in ("messages", "statuses")}
    except UNREADABLE:
        yield _change_whole(kind, entry_id, raw, "")
        return
    if change.field != "messages":
        yield _change_whole(kind, entry_id, raw, account)
        return
    frame = _Frame(kind, entry_id, account, change.value)
    for message in lists["messages"]:
        yield frame.message(message)
    for status in lists["statuses"]:
        yield frame.status(status)
    rest = {name: value for name, value in change.value.items() if name not in FRAME and name not in lists}
    if rest:
        yield frame.event(rest, f"sha256:{hashlib.sha256(bytes(raw)).hexdigest()}", "")


class _Frame:
    """What the events of one change have in common."""

    def __init__(self, kind: str, entry_id: bytes, account: str, value: dict[str, Raw]) -> None:
        self.kind = kind
        self.entry_id = entry_id
        self.account = account
        self.value = value

    def message(self, raw: Raw) -> Event:
        try:
            head = _decode(raw, _Message)
        except UNREADABLE:
            return self.event({"messages": _list(raw)}, _digest(raw), "")
        sender = address_of(head.sender, head.from_user_id)
        return self.event({**self._contacts(head), "messages": _list(raw)}, head.id, sender)

    def status(self, raw: Raw) -> Event:
        try:
            head = _decode(raw, _Status)
        except UNREADABLE:
            return self.event({"statuses": _list(raw)}, _digest(raw), "")
        return self.event({"statuses": _list(raw)}, f"{head.id}:{head.status}", "")

    def event(self, content: dict[str, Raw], external_id: str, sender: str) -> Event:
        value = {name: self.value[name] for name in ("messaging_product", "metadata") if name in self.value}
        change = msgspec.json.encode({"field": "messages", "value": {**value, **content}})
        return Event(
            account=self.account,
            external_id=external_id,
            sender=sender,
            lane=sender or external_id,
            body=_wrapped(self.kind, self.entry_id, change),
        )

    def _contacts(self, head: _Message) -> dict[str, Raw]:
        """The contact card of this sender alone: a batch may hold strangers'."""
        if "contacts" not in self.value:
            return {}
        try:
            cards = [(raw, _decode(raw, _Contact)) for raw in _decode(self.value["contacts"], list[Raw])]
        except UNREADABLE:
            return {}
        mine = {head.sender, head.from_user_id} - {""}
        return {"contacts": _list(*(raw for raw, card in cards if mine & {card.wa_id, card.user_id}))}


def _whole(kind: str, raw: Raw) -> Event:
    body = b'{"object":%b,"entry":[%b]}' % (msgspec.json.encode(kind), bytes(raw))
    return Event(account="", external_id=_digest(raw), sender="", lane=_digest(raw), body=body)


def _change_whole(kind: str, entry_id: bytes, raw: Raw, account: str) -> Event:
    digest = _digest(raw)
    return Event(account=account, external_id=digest, sender="", lane=digest, body=_wrapped(kind, entry_id, bytes(raw)))


def _wrapped(kind: str, entry_id: bytes, change: bytes) -> bytes:
    return b'{"object":%b,"entry":[{"id":%b,"changes":[%b]}]}' % (msgspec.json.encode(kind), entry_id, change)


def _list(*raws: Raw) -> Raw:
    return Raw(b"[" + b",".join(bytes(raw) for raw in raws) + b"]")


def _digest(raw: Raw) -> str:
    return f"sha256:{hashlib.sha256(bytes(raw)).hexdigest()}"


_body = msgspec.json.Decoder(_Body).decode
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (_Entry, _Change, _Metadata, _Message, _Status, _Contact, list[Raw])
}


def _decode(raw: Raw, kind: Any) -> Any:
    return _DECODERS[kind].decode(raw)
