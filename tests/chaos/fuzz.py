"""Fuzzing the reader of mail: damaged, spliced and hostile mails, each read, and what was read of it examined.

Enters: a seed, and how many mails or how much time. Leaves: how many were read, and every flaw with the bytes that show
it. The promises: nothing is raised; it costs little time; what is read can be stored; files are no larger than the mail
and harmlessly named; reading twice gives the same, and the bytes stay as they were.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec

from channels import Channel, Malformed
from gateway.simulated_mail import Customers
from models.envelope import AttachedFile, Envelope, InboundMessage, RawMessage
from tests.composed_mail import compose
from workers.reader import Reader

_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MEDIA_TYPE = re.compile(r"[!-.0-~]{1,127}/[!-.0-~]{1,127}")
_HALF = re.compile("[\ud800-\udfff]")
CORPUS = Path(__file__).parent.parent / "corpus"
MOST_BYTES = 60_000
BATCH = 200
CPU_SECONDS = 1.5
"""For a mail of at most MOST_BYTES, on a machine that others use too. The child allows more than three times that."""
RECEIVED_AT = datetime(2026, 5, 4, 8, tzinfo=UTC)
SCRAPS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n--", b"--\r\n", b"\0", b"\xff", b"\xe9", b"\xc3\xa9", b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80", b"=?utf-8?B?", b"=?utf-8?Q?=", b"?=", b"=?iso-2022-jp?B?GyRC", b"<", b">", b'"', b"'", b"(",
    b")", b"\\", b",", b";", b":", b"@", b"=", b"=\r\n", b"%ED%A0%80", b"\x1b$B", b"\x1b(B", b"+2AA-", b"\xfe\xff",
    b"\xef\xbb\xbf", b"\x7f", b"\x85", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"From ", b"From: ", b"Subject: ",
    b"Content-Type: ", b"Content-Transfer-Encoding: ", b"Content-Disposition: ", b"Message-ID: <", b"References: ",
    b"text/plain", b"text/html", b"text/enriched", b"text/calendar", b"multipart/alternative", b"multipart/related",
    b"multipart/digest", b"multipart/signed", b"message/rfc822", b"message/delivery-status", b"application/ms-tnef",
    b"application/pkcs7-mime", b'; boundary="b"', b"; boundary=", b"; charset=", b"; name=", b"; filename*0*=utf-8''",
    b"; filename*1=", b"utf-7", b"utf-16", b"utf-32", b"hz", b"idna", b"unicode_escape", b"iso-2022-jp", b"gb18030",
    b"shift_jis", b"cp037", b"x-mac-roman", b"format=flowed; delsp=yes", b"base64", b"quoted-printable",
    b"x-uuencode", b"begin 644 a\n", b"\nend\n", b"=ybegin line=128 size=1 name=a\r\n", b"\r\n=yend size=1",
    b"\x78\x9f\x3e\x22", b"<!--", b"-->", b"<style>", b"</style>", b"<div style=\"display:none\">", b"<blockquote>",
    b"<pre>", b"&#xD800;", b"&#0;", b"&lt", b"<ol start=99999999>", b"../", b"Auto-Submitted: auto-replied\r\n",
    b"On Monday, Ann <a@b> wrote:\r\n> ", b"-- \r\n", b"Date: 99999 Jan 99999 99:99:99 +9999\r\n",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flaw:
    """A promise that was broken, and by what."""

    what: str
    raw: bytes


@dataclass(slots=True)
class Fuzzed:
    """One campaign."""

    read: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    """CPU seconds of the dearest mail."""
    flaws: list[Flaw] = field(default_factory=list)


def fuzz(channel: Channel, *, seed: int, mails: int, seconds: float, say: Callable[[str], None] = print) -> Fuzzed:
    """Read up to `mails` mails for up to `seconds`, and examine what comes out. One flaw of a kind is kept."""
    report = Fuzzed()
    began = time.monotonic()
    for raw in damaged(Random(seed)):
        report.seconds = time.monotonic() - began
        if report.read >= mails or report.seconds >= seconds:
            break
        before = time.process_time()
        what = flaw(channel, raw)
        report.slowest = max(report.slowest, time.process_time() - before)
        report.read += 1
        if what and all(known.what != what for known in report.flaws):
            report.flaws.append(Flaw(what, smallest(raw, lambda piece, what=what: flaw(channel, piece) == what)))
        if report.read % 5_000 == 0:
            say(f"{report.read:,} mails read, {len(report.flaws)} flaws")
    return report


async def fuzz_child(reader: Reader, *, seed: int, mails: int) -> list[Flaw]:
    """Read `mails` damaged mails in the real child, under its limits: what ended it, if anything did."""
    source = damaged(Random(seed))
    flaws: list[Flaw] = []
    for _ in range(0, mails, BATCH):
        raws = [next(source) for _ in range(BATCH)]
        readings = await reader.read([RawMessage(ENVELOPE, raw) for raw in raws])
        flaws += [
            Flaw(f"the child died: {reading.killed}", raw)
            for raw, reading in zip(raws, readings, strict=True)
            if reading.killed
        ]
    return flaws


def damaged(chance: Random) -> Iterator[bytes]:
    """Mails without end: real ones, simulated ones, composed ones, damaged in one way or in many."""
    whole = seeds(chance)
    while True:
        raw = chance.choice(whole) if chance.random() < 0.8 else compose(chance).raw
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            raw = chance.choice(_DAMAGES)(raw, chance, whole)[:MOST_BYTES]
        yield raw


def seeds(chance: Random) -> list[bytes]:
    """The corpus, and simulated mails."""
    files = [path.read_bytes() for path in sorted(CORPUS.rglob("*")) if path.suffix in (".eml", ".txt")]
    customers = Customers(chance.randrange(2**32), start=RECEIVED_AT, count=50)
    return [*(raw for raw in files if len(raw) < MOST_BYTES), *(customers.next().raw for _ in range(100))]


def _place(raw: bytes, chance: Random) -> int:
    """Anywhere, and more often where the header is."""
    return chance.randrange(min(len(raw), 2_000) + 1 if chance.random() < 0.5 else len(raw) + 1)


def _scrap(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    place = _place(raw, chance)
    return raw[:place] + chance.choice(SCRAPS) + raw[place:]


def _exchanged(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    place = _place(raw, chance)
    return raw[:place] + chance.choice(SCRAPS) + raw[place + chance.randrange(40) :]


def _cut(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    place = _place(raw, chance)
    return raw[:place] + raw[place + chance.randrange(1, 200) :]


def _truncated(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    return raw[: _place(raw, chance)]


def _flipped(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    if not raw:
        return raw
    data = bytearray(raw)
    for _ in range(chance.choice((1, 4, 16))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _repeated(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    place = _place(raw, chance)
    piece = raw[place : place + chance.choice((1, 2, 5, 20, 100, 500))] or chance.choice(SCRAPS)
    times = min(chance.choice((2, 10, 100, 5_000, 50_000)), MOST_BYTES // len(piece))
    return raw[:place] + piece * times + raw[place:]


def _spliced(raw: bytes, chance: Random, whole: list[bytes]) -> bytes:
    return raw[: _place(raw, chance)] + (other := chance.choice(whole))[_place(other, chance) :]


def _enclosed(raw: bytes, chance: Random, whole: list[bytes]) -> bytes:
    kind = chance.choice((b"mixed", b"alternative", b"related", b"digest", b"report", b"signed"))
    head = b"From: a@b.example\r\nContent-Type: multipart/" + kind + b"; boundary=b\r\n\r\n--b\r\n"
    return head + raw + b"\r\n--b\r\n" + chance.choice(whole)[:20_000] + b"\r\n--b--\r\n"


def _other_ends(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    return raw.replace(b"\r\n", chance.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ")))


def _other_words(raw: bytes, chance: Random, _: list[bytes]) -> bytes:
    one, other = chance.choice(SCRAPS), chance.choice(SCRAPS)
    return raw.replace(
        chance.choice((one, b"utf-8", b"text/plain", b"quoted-printable", b"base64", b"boundary")), other
    )


_DAMAGES = (
    _scrap, _scrap, _exchanged, _cut, _truncated, _flipped, _repeated, _spliced, _enclosed, _other_ends, _other_words,
)  # fmt: skip


def flaw(channel: Channel, raw: bytes) -> str:
    """Which promise reading `raw` breaks; '' for none."""
    mail, kept = RawMessage(ENVELOPE, raw), bytes(bytearray(raw))
    before = time.process_time()
    try:
        messages = channel.normalise(mail)
        spent = time.process_time() - before
        again, explained = channel.explain(mail)
    except Malformed:
        return ""
    except Exception as error:
        return f"raised {type(error).__name__}"
    if spent > CPU_SECONDS and len(raw) <= MOST_BYTES:
        return "took too long"
    if raw != kept:
        return "the bytes were changed"
    if messages != again:
        return "reading twice gave two things"
    return next(filter(None, (_unfit(message, raw) for message in messages)), "") or _unstorable(explained)


def _unfit(message: InboundMessage, raw: bytes) -> str:
    """What is wrong with a message that came of `raw`."""
    if msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=InboundMessage) != message:
        return "did not survive the pipe"
    if len(message.recipients) > 200 or len(message.references) > 40 or len(message.subject) > 8_192:
        return "a header is not bounded"
    if not all(remark.strip() for remark in message.remarks):
        return "an empty remark"
    if sum(len(file.content) for file in message.attachments) > len(raw):
        return "its files are larger than the mail"
    if not all(_MEDIA_TYPE.fullmatch(file.content_type) for file in message.attachments):
        return "a file's type is none"
    if any(map(_ill_named, message.attachments)):
        return "a file's name does harm"
    return _unstorable(msgspec.to_builtins(message, builtin_types=(bytes, datetime)))


def _ill_named(file: AttachedFile) -> bool:
    name = file.filename
    harmful = any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _BIDI for letter in name)
    return harmful or len(name) > 255 or name in (".", "..") or "/" in name or "\\" in name


def _unstorable(value: object) -> str:
    """Text that PostgreSQL does not take, wherever in `value` it stands."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if "\0" in one:
                return "NUL in a text"
            if not one.isascii() and _HALF.search(one):
                return "half a character in a text"
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            waiting += one
    return ""


def smallest(raw: bytes, still: Callable[[bytes], bool], tries: int = 400) -> bytes:
    """`raw` without what does not matter, for people to look at: halves, quarters … leave it while `still` holds."""
    size = len(raw) // 2
    while size and tries:
        place = 0
        while place < len(raw) and tries:
            tries -= 1
            shorter = raw[:place] + raw[place + size :]
            if still(shorter):
                raw = shorter
            else:
                place += size
        size //= 2
    return raw


ENVELOPE = Envelope(
    channel="email",
    account="support@example.org",
    external_id="fuzz",
    sender="a@b.example",
    recipients=("support@example.org",),
    received_at=RECEIVED_AT,
    trace_id="0" * 32,
    lane="a@b.example",
)
