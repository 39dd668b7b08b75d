"""`OutboundMessage` → the bytes of a mail (RFC 5322, RFC 2045). Pure: the same value gives the same bytes.

Leaves a `Letter`: CRLF line ends, 7-bit but for addresses that cannot be, boundaries made from the Message-ID. Raises
`Refused` for whatever would not be one honest header: CR, LF, NUL, other control characters, what is no address. The
check stands before any socket, whatever the libraries behind it would let through.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import encodebytes
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import quote

from channels import Refused
from channels.email.recipients import is_address
from models.envelope import Address, AttachedFile, OutboundMessage

LINE = 76
WORD_BYTES = 39
"""UTF-8 bytes in an encoded word: with the longest field name before it a line stays below 78."""
LAST_REFERENCES = 20
LOOP_HEADER = "X-Guichet-Loop"

_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_ID = re.compile(r"[!-;=?-~]{1,900}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")


class Letter(NamedTuple):
    """A mail and what its transport must be told."""

    sender: str
    """The reverse path: '' for automatic mail, so that nothing bounces back (RFC 3834 §3.3)."""
    recipient: str
    message_id: str
    content: bytes
    international: bool
    """True where an address needs SMTPUTF8 (RFC 6531)."""


class Entity(NamedTuple):
    """A MIME entity: its own headers and its encoded body."""

    headers: tuple[str, ...]
    body: bytes


def compose(outbound: OutboundMessage, *, sender_name: str, now: datetime) -> Letter:
    """Write `outbound` as mail of `sender_name`, dated `now` (aware). Raises `Refused`."""
    _check(outbound, sender_name)
    account, recipient = _ascii_domain(outbound.account), _ascii_domain(outbound.to.address)
    headers = [
        _mailbox("From", Address(account, sender_name)),
        _mailbox("To", Address(recipient, outbound.to.name)),
        *([_mailbox("Reply-To", Address(_ascii_domain(outbound.reply_address)))] if outbound.reply_address else []),
        _unstructured("Subject", outbound.subject),
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{outbound.message_id}>",
        *_thread(outbound.references),
        *(_automatic(outbound.message_id) if outbound.automatic else []),
        *([f"Content-Language: {outbound.language}"] if _LANGUAGE.fullmatch(outbound.language) else []),
        "MIME-Version: 1.0",
    ]
    entity = _content(outbound)
    text = "\r\n".join((*headers, *entity.headers)) + "\r\n\r\n"
    return Letter(
        sender="" if outbound.automatic else account,
        recipient=recipient,
        message_id=outbound.message_id,
        content=text.encode() + entity.body,
        international=not (text.isascii() and recipient.isascii()),
    )


# What may not pass.


def _check(outbound: OutboundMessage, sender_name: str) -> None:
    for name, value in _fields(outbound, sender_name):
        if _CONTROL.search(value):
            raise Refused(f"{name} holds a line break or a control character")
    for name, text in (("the text", outbound.text), ("the HTML", outbound.html)):
        if _UNSENDABLE.search(text):
            raise Refused(f"{name} holds NUL or half a character")
    for name, address in (("account", outbound.account), ("recipient", outbound.to.address)):
        if not is_address(address):
            raise Refused(f"the {name} is not one e-mail address")
    if outbound.reply_address and not is_address(outbound.reply_address):
        raise Refused("the reply address is not one e-mail address")
    if not _ID.fullmatch(outbound.message_id):
        raise Refused("the Message-ID cannot be written")


def _fields(outbound: OutboundMessage, sender_name: str) -> Iterator[tuple[str, str]]:
    yield "the sender's name", sender_name
    yield "the account", outbound.account
    yield "the recipient", outbound.to.address
    yield "the recipient's name", outbound.to.name.replace("\t", " ")
    yield "the subject", outbound.subject.replace("\t", " ")
    yield "the Message-ID", outbound.message_id
    yield "the reply address", outbound.reply_address
    yield "the language", outbound.language
    for reference in outbound.references:
        yield "a reference", reference
    for file in outbound.attachments:
        yield "a file's name", file.filename
        yield "a file's type", file.content_type
        yield "a file's content id", file.content_id


def _ascii_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise Refused("an address has a domain that no mail server can find") from None


# Headers.


def _unstructured(name: str, value: str) -> str:
    """A text header, folded; as encoded words (RFC 2047) where it is not plain ASCII."""
    value = value.replace("\t", " ")
    words = value.split(" ")
    plain = value.isascii() and "=?" not in value and (not value or all(words)) and max(map(len, words)) <= LINE - 20
    if not plain:
        return f"{name}: " + "\r\n ".join(_encoded_words(value))
    return _folded(name, words)


def _encoded_words(value: str) -> Iterator[str]:
    start = size = 0
    for at, character in enumerate(value):
        width = len(character.encode())
        if size + width > WORD_BYTES:  # a word holds whole characters (RFC 2047 §5)
            yield _encoded_word(value[start:at])
            start, size = at, 0
        size += width
    yield _encoded_word(value[start:])


def _encoded_word(text: str) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(text.encode(), newline=False).decode()}?="


def _folded(name: str, words: list[str]) -> str:
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > LINE and not lines[-1].endswith(":"):
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)


def _mailbox(name: str, address: Address) -> str:
    if not address.name:
        return f"{name}: {address.address}"
    display = address.name.replace("\t", " ")
    if display.isascii() and "=?" not in display and len(display) <= LINE - 20:
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        return _folded(name, [f'"{quoted}"', f"<{address.address}>"])
    return f"{name}: " + "\r\n ".join((*_encoded_words(display), f"<{address.address}>"))


def _thread(references: tuple[str, ...]) -> list[str]:
    known = [f"<{reference}>" for reference in references if _ID.fullmatch(reference)]
    if not known:
        return []
    shown = known if len(known) <= LAST_REFERENCES else [known[0], *known[-LAST_REFERENCES:]]
    return [_folded("In-Reply-To", known[-1:]), _folded("References", shown)]


def _automatic(message_id: str) -> list[str]:
    """What keeps other machines from answering (RFC 3834 §3.1.7), and us from answering ourselves."""
    return [
        "Auto-Submitted: auto-replied",
        "X-Auto-Response-Suppress: All",
        "Precedence: auto_reply",
        f"{LOOP_HEADER}: {message_id}",
    ]


# Bodies.


def _content(outbound: OutboundMessage) -> Entity:
    digest = hashlib.sha256(outbound.message_id.encode()).hexdigest()[:32]
    pictures = [file for file in outbound.attachments if file.inline and file.content_id and outbound.html]
    others = [file for file in outbound.attachments if file not in pictures]
    entity = _text("plain", outbound.text)
    if outbound.html:
        page = _text("html", outbound.html)
        if pictures:
            page = _multipart("related", [page, *map(_file, pictures)], f"=_r_{digest}")
        entity = _multipart("alternative", [entity, page], f"=_a_{digest}")
    if others:
        entity = _multipart("mixed", [entity, *map(_file, others)], f"=_m_{digest}")
    return entity


def _text(subtype: str, text: str) -> Entity:
    """A text part, encoded so that '=_', which begins our boundaries, cannot stand in it."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    data += b"" if data.endswith(b"\n") else b"\n"
    if data.isascii() and b"=_" not in data and max(map(len, data.split(b"\n"))) <= 78:
        encoding, body = "7bit", data
    elif sum(map(len, re.findall(rb"[\x80-\xff]+", data))) * 3 > len(data):
        encoding, body = "base64", encodebytes(data)
    else:
        encoding, body = "quoted-printable", binascii.b2a_qp(data, istext=True)
    charset = "us-ascii" if data.isascii() else "utf-8"
    headers = (f"Content-Type: text/{subtype}; charset={charset}", f"Content-Transfer-Encoding: {encoding}")
    return Entity(headers, body.replace(b"\n", b"\r\n"))


def _file(file: AttachedFile) -> Entity:
    kind = file.content_type.lower()
    if not _TYPE.fullmatch(kind) or kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    disposition = "inline" if file.inline else "attachment"
    headers = [f"Content-Type: {kind}", "Content-Transfer-Encoding: base64"]
    headers.append(f"Content-Disposition: {disposition}{_filename(file.filename)}")
    if _ID.fullmatch(file.content_id):
        headers.append(f"Content-ID: <{file.content_id}>")
    return Entity(tuple(headers), encodebytes(file.content).replace(b"\n", b"\r\n"))


def _filename(name: str) -> str:
    """The parameter, after RFC 2231 where it is not plain: in numbered sections when it is long."""
    if not name:
        return ""
    if name.isascii() and len(name) <= 60 and not re.search(r'["\\%]', name):
        return f';\r\n filename="{name}"'
    encoded = re.findall(r"(?:%..|[^%]){1,50}", "utf-8''" + quote(name, safe=""))
    if len(encoded) == 1:
        return f";\r\n filename*={encoded[0]}"
    return "".join(f";\r\n filename*{number}*={section}" for number, section in enumerate(encoded))


def _multipart(kind: str, entities: list[Entity], boundary: str) -> Entity:
    opening = f"--{boundary}\r\n".encode()
    body = b"".join(
        opening + "\r\n".join(entity.headers).encode() + b"\r\n\r\n" + entity.body + b"\r\n" for entity in entities
    )
    return Entity(
        (f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"',), body + f"--{boundary}--\r\n".encode()
    )
