"""Bad mail through the SMTP door: the right answer, a ticket (or quarantine) with its bytes, no harm to others.

The numbers are those of the list of bad inputs in docs/reliability.md. What the SMTP session itself must answer
(B5, B8, B9, B43, B48-B55) stands in test_smtp.py; here is what lies inside a mail that was accepted.
"""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest

from tests.desk import Desk, letter

HEAD = b"From: Claire <claire@example.com>\r\nTo: support@example.org\r\nMessage-ID: <bad@x>\r\n"


def nested(depth: int, kind: bytes) -> bytes:
    """`depth` multiparts or message/rfc822, one within the other."""
    if kind == b"rfc822":
        return HEAD + b"Subject: deep\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\nthe end\r\n"
    opening = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return HEAD + b"Subject: deep\r\n" + opening + b"Content-Type: text/plain\r\n\r\nthe end\r\n"


def many_parts(count: int) -> bytes:
    parts = b"".join(b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" for _ in range(count))
    return HEAD + b'Subject: many\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + parts + b"--b--\r\n"


def header(name: bytes, value: bytes, head: bytes = HEAD) -> bytes:
    return head + name + b": " + value + b"\r\n\r\nsome words\r\n"


def plain(kind: bytes, body: bytes, encoding: bytes = b"8bit") -> bytes:
    return (
        HEAD + b"Subject: body\r\nMIME-Version: 1.0\r\nContent-Type: " + kind
        + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body + b"\r\n"
    )  # fmt: skip


NO_FROM = b"To: support@example.org\r\nMessage-ID: <bad@x>\r\n"
CASES = {
    "B1 multipart 1,000 deep": nested(1000, b"mixed"),
    "B2 message/rfc822 1,000 deep": nested(1000, b"rfc822"),
    "B3 100,000 parts": many_parts(100_000),
    "B4 100,000 addresses in To": header(
        b"Subject", b"mass\r\nCc: " + b",\r\n ".join(b"u%d@x.example" % n for n in range(100_000))
    ),
    "B6 70,000 encoded words": header(b"Subject", b"\r\n ".join([b"=?utf-8?b?w6k=?="] * 70_000)),
    "B7 a header of 10 MB": header(b"X-Long", b"\r\n ".join([b"y" * 900] * 11_000)),
    "B10 NUL in header and body": header(b"Subject", b"a\0b") + b"c\0d\r\n",
    "B11 raw 8-bit header": header(b"Subject", "Réclamation".encode("cp1252")),
    "B12 charset foo-bar": plain(b"text/plain; charset=foo-bar", "été".encode()),
    "B12 charset with NUL": plain(b'text/plain; charset="utf\0-8"', "été".encode()),
    "B12 charset rot13": plain(b"text/plain; charset=rot13", b"uryyb"),
    "B13 bad base64": plain(b"text/plain; charset=utf-8", b"@@@ this is ### not base64 ===", b"base64"),
    "B14 unknown transfer encoding": plain(b"text/plain", b"words", b"x-who-knows"),
    "B15 no boundary": plain(b"multipart/mixed", b"--b\r\n\r\nwords\r\n--b--"),
    "B15 truncated boundary": HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nwords and th',
    "B16 headers only": HEAD + b"Subject: nothing\r\n\r\n",
    "B17 no From": header(b"Subject", b"x", NO_FROM),
    "B17 From: <": header(b"From", b"<", NO_FROM),
    'B17 From: "': header(b"From", b'"', NO_FROM),
    "B17 From of 5,000 (": header(b"From", b"(" * 5000, NO_FROM),
    "B17 Message-ID: <": b"From: claire@example.com\r\nTo: support@example.org\r\nMessage-ID: <\r\n\r\nwords\r\n",
    "B18 two From": header(b"From", b"paul@example.net"),
    "B19 an address in the name": header(b"From", b'"support@us" <x@evil.example>', NO_FROM),
    "B20 an address in a comment": header(b"From", b"a(&email=v@v.org&)@evil.example", NO_FROM),
    "B21 punycode": header(b"From", b"x@xn--80ak6aa92e.example", NO_FROM),
    "B22 bidi and zero width": header(b"Subject", "\u202egnp.exe\u200b".encode()),
    "B23 no Message-ID": b"From: claire@example.com\r\nTo: support@example.org\r\nSubject: x\r\n\r\nwords\r\n",
    "B26 Date garbage": header(b"Date", b"yesterday, more or less"),
    "B26 Date 2099": header(b"Date", b"Thu, 1 Jan 2099 00:00:00 +0000"),
    "B27 References of 1 MB": header(b"References", b"\r\n ".join(b"<%d@x>" % n for n in range(90_000))),
    "B28 a stranger's thread": header(b"References", b"<victim@x>"),
    "B38 file names": HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"".join(
        b'--b\r\nContent-Type: application/pdf; name="%b"\r\nContent-Disposition: attachment\r\n\r\nx\r\n' % name
        for name in (b"../../etc/passwd", b"C:\\x", b"CON", b"%00", b"", b"n" * 10_000, "\u200b.htaccess".encode())
    ) + b"--b--\r\n",
    "B45 message/partial": plain(b'message/partial; id="x"; number=1; total=9', b"words"),
    "B45 message/external-body": plain(b'message/external-body; access-type=URL; URL="http://evil"', b"words"),
    "B55 forged headers of ours": header(b"X-Guichet-Ticket", b"1"),
    "random bytes": bytes(range(256)) * 40,
    "zero bytes": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_bad_mail_is_kept_and_harms_nobody(desk: Desk, name: str) -> None:
    raw = CASES[name]
    reply = await desk.send_raw(raw)
    assert reply.startswith("250"), reply
    await desk.send(letter(Message_ID="<good@x>", sender="paul@example.net"), sender="paul@example.net")
    await desk.settle()
    bad, good = await desk.rows("SELECT state, outcome, body, body_sha256, last_error FROM inbox ORDER BY id")
    assert good.outcome == "ticket"
    assert bad.outcome in ("ticket", "quarantined"), bad.last_error
    stored = bytes(bad.body) if bad.body is not None else await desk.ingest.objects.get(bad.body_sha256)
    assert stored.rstrip(b"\r\n") == raw.rstrip(b"\r\n"), "the raw bytes are kept untouched"
    [row] = await desk.balance()
    assert row.difference == 0


async def test_the_sender_shown_is_the_address_and_not_the_name(desk: Desk) -> None:
    await desk.send_raw(CASES["B19 an address in the name"])
    await desk.settle()
    [ticket] = await desk.tickets()
    assert ticket.contact == "x@evil.example"


@pytest.mark.parametrize("name", ["B17 no From", "B18 two From", "B4 100,000 addresses in To"])
async def test_mail_of_doubtful_origin_is_not_answered(desk: Desk, name: str) -> None:
    await desk.send_raw(CASES[name])
    await desk.settle()
    assert await desk.rows("SELECT 1 FROM outbox") == []


async def test_mail_to_two_of_our_mailboxes_in_one_transaction_gets_one_answer(desk: Desk) -> None:
    mail = letter(Message_ID="<b25@x>", to="support@example.org, sales@example.org")
    await desk.send(mail, to="support@example.org")
    await desk.send(mail, to="sales@example.org")
    await desk.settle()
    assert len(await desk.rows("SELECT 1 FROM outbox")) == 1


async def test_an_attachment_is_stored_under_its_digest_and_never_under_its_name(desk: Desk) -> None:
    mail: EmailMessage = letter(Message_ID="<b38@x>")
    content = base64.b64decode("AAEC") * 100_000
    mail.add_attachment(content, maintype="application", subtype="pdf", filename="../../../tmp/evil.pdf")
    await desk.send(mail)
    await desk.settle()
    names = [path.name for path in (desk.settings.var / "objects").rglob("*") if path.is_file()]
    assert names
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in names)
    [file] = await desk.rows("SELECT filename FROM attachment")
    assert "/" not in file.filename
