"""What leaves as mail: read back by the standard library's parser, which did not write it."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import Refused
from channels.email.compose import Letter, compose
from channels.email.recipients import bare, exactly_ours, is_address, ours, parse_path, reply_address, reply_token
from models.envelope import Address, AttachedFile, OutboundMessage

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)

ANSWER = OutboundMessage(
    channel="email",
    account="support@example.org",
    to=Address("ana@example.com", "Ana"),
    subject="Re: Bonjour",
    text="Bonjour,\n\nvotre commande part demain.\n",
    message_id="a1@example.org",
    references=("root@example.com", "last@example.com"),
    reply_address="support+tabcdefghijklmnop@example.org",
    language="fr",
)


def write(**changes: object) -> Letter:
    return compose(msgspec.structs.replace(ANSWER, **changes), sender_name="Support", now=NOW)


def read_back(letter: Letter) -> EmailMessage:
    mail = message_from_bytes(letter.content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def body(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_an_answer_says_who_writes_to_whom_about_what() -> None:
    letter = write()
    mail = read_back(letter)
    assert (letter.sender, letter.recipient) == ("support@example.org", "ana@example.com")
    assert str(mail["From"]) == "Support <support@example.org>"
    assert str(mail["To"]) == "Ana <ana@example.com>"
    assert str(mail["Reply-To"]) == "support+tabcdefghijklmnop@example.org"
    assert str(mail["Subject"]) == "Re: Bonjour"
    assert str(mail["Message-ID"]) == "<a1@example.org>"
    assert str(mail["In-Reply-To"]) == "<last@example.com>"
    assert str(mail["References"]) == "<root@example.com> <last@example.com>"
    assert mail["Date"].datetime == NOW
    assert str(mail["Content-Language"]) == "fr"
    assert body(mail) == ANSWER.text
    assert "Auto-Submitted" not in mail
    assert "X-Guichet-Loop" not in mail


def test_an_automatic_mail_is_marked_and_cannot_bounce_to_us() -> None:
    letter = write(automatic=True)
    mail = read_back(letter)
    assert letter.sender == ""
    assert str(mail["From"]) == "Support <support@example.org>"
    assert str(mail["Auto-Submitted"]) == "auto-replied"
    assert str(mail["X-Auto-Response-Suppress"]) == "All"
    assert str(mail["Precedence"]) == "auto_reply"
    assert mail["X-Guichet-Loop"]


def test_the_same_message_makes_the_same_bytes() -> None:
    assert write(html="<p>x</p>", attachments=(FILE,)) == write(html="<p>x</p>", attachments=(FILE,))


FILE = AttachedFile(filename="facture.pdf", content_type="application/pdf", content=bytes(range(256)) * 40)


@pytest.mark.parametrize(
    "name", ["facture.pdf", "été 2025 – reçu.pdf", 'a"b\\c%d.txt', "x" * 180 + ".txt", "日本語" * 30 + ".txt"]
)
def test_files_travel_with_their_names(name: str) -> None:
    mail = read_back(write(attachments=(msgspec.structs.replace(FILE, filename=name),)))
    (part,) = mail.iter_attachments()
    assert part.get_filename() == name
    assert part.get_content_type() == "application/pdf"
    assert part.get_payload(decode=True) == FILE.content
    assert body(mail) == ANSWER.text


def test_text_html_pictures_and_files_stand_where_clients_look_for_them() -> None:
    picture = AttachedFile(
        filename="l.png", content_type="image/png", content=b"png", inline=True, content_id="logo@example.org"
    )
    mail = read_back(write(html="<p>été <img src=cid:logo@example.org></p>", attachments=(picture, FILE)))
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert body(mail, "html") == "<p>été <img src=cid:logo@example.org></p>\n"


def test_a_nonsense_type_becomes_plain_bytes() -> None:
    strange = msgspec.structs.replace(FILE, content_type='text/html; charset="x"')
    (part,) = read_back(write(attachments=(strange,))).iter_attachments()
    assert part.get_content_type() == "application/octet-stream"


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=400))
def test_any_text_arrives_as_written(text: str) -> None:
    letter = write(text=text)
    assert all(len(line) <= 78 for line in letter.content.split(b"\r\n"))
    assert letter.content.isascii()
    assert b"\n" not in letter.content.replace(b"\r\n", b"")
    assert b"\r" not in letter.content.replace(b"\r\n", b"")
    part = message_from_bytes(letter.content)
    decoded = part.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    assert decoded.decode().replace("\r\n", "\n") in {text, text + "\n"}


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=300))
def test_any_subject_and_name_arrive_as_written(text: str) -> None:
    letter = write(subject=text, to=Address("ana@example.com", text))
    head = letter.content.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert all(len(line) <= 78 and line.strip() for line in head.split(b"\r\n"))
    raw = message_from_bytes(letter.content)
    assert decoded_words(raw["Subject"].replace("\r\n", "")) == text
    assert raw["To"].replace("\r\n", "").endswith("ana@example.com" if not text else "<ana@example.com>")
    if not text.isascii():
        assert decoded_words(raw["To"].replace("\r\n", "").rpartition(" <")[0]) == text


def decoded_words(value: str) -> str:
    from email.header import decode_header

    return "".join(
        piece.decode(charset or "ascii") if isinstance(piece, bytes) else piece
        for piece, charset in decode_header(value)
    )


def test_a_text_that_looks_like_a_boundary_cannot_be_one() -> None:
    first = write(html="<p>x</p>", attachments=(FILE,))
    markers = [line for line in first.content.decode().split("\r\n") if line.startswith("--=_")]
    assert markers
    mail = read_back(write(html="<p>x</p>", attachments=(FILE,), text="\n".join(markers) + "\n"))
    assert body(mail) == "\n".join(markers) + "\n"


@pytest.mark.parametrize(
    "evil", ["\r", "\n", "\r\n", "\0", "\x0b", "\x1b", "\x7f", "\ud800", "\r\n.\r\nMAIL FROM:<x@y>"]
)
@pytest.mark.parametrize(
    "field",
    [
        "account",
        "to",
        "name",
        "subject",
        "message_id",
        "references",
        "reply_address",
        "language",
        "filename",
        "type",
        "cid",
    ],
)
def test_no_field_can_carry_a_line_break_or_a_control_character(field: str, evil: str) -> None:  # T14
    dirty = f"a{evil}b"
    changes: dict[str, dict[str, object]] = {
        "account": {"account": f"{dirty}@example.org"},
        "to": {"to": Address(f"{dirty}@example.com")},
        "name": {"to": Address("ana@example.com", dirty)},
        "references": {"references": ("fine@example.com", dirty)},
        "filename": {"attachments": (msgspec.structs.replace(FILE, filename=dirty),)},
        "type": {"attachments": (msgspec.structs.replace(FILE, content_type=dirty),)},
        "cid": {"attachments": (msgspec.structs.replace(FILE, content_id=dirty),)},
    }
    with pytest.raises(Refused):
        write(**changes.get(field, {field: dirty}))


@pytest.mark.parametrize("evil", ["\r\n", "\0", "\x1b"])
def test_the_senders_name_cannot_either(evil: str) -> None:
    with pytest.raises(Refused):
        compose(ANSWER, sender_name=f"Sup{evil}port", now=NOW)


@pytest.mark.parametrize("text", ["NUL \0", "half \ud800"])
def test_text_that_no_mail_can_carry_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        write(text=text)


@pytest.mark.parametrize(
    "address", ["", "ana", "ana@", "@example.com", "a@b, c@d", "a@b c@d", "<a@b>", "a@b>", "a@@b", "a" * 400 + "@b"]
)
def test_what_is_not_one_address_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        write(to=Address(address))


def test_an_international_domain_is_written_in_ascii() -> None:
    letter = write(to=Address("ana@exämple.com"))
    assert letter.recipient == "ana@xn--exmple-cua.com"
    assert not letter.international


def test_an_international_local_part_needs_an_international_relay() -> None:
    letter = write(to=Address("zoé@example.com", "Zoé"))
    assert letter.international
    assert "zoé@example.com".encode() in letter.content


def test_long_threads_are_cut_in_the_middle() -> None:
    references = tuple(f"{n}@example.com" for n in range(500))
    shown = str(read_back(write(references=references))["References"]).split()
    assert shown[0] == "<0@example.com>"
    assert shown[-1] == "<499@example.com>"
    assert len(shown) == 21


def test_a_reference_that_cannot_be_written_is_left_out() -> None:
    mail = read_back(write(references=("a b@example.com", "ok@example.com", "é@example.com")))
    assert str(mail["References"]) == "<ok@example.com>"


# Addresses.


def test_a_reply_address_gives_its_token_back() -> None:
    address = reply_address("support@example.org", "ABCDEFGHIJKLMNOP234567")
    assert address == "support+tabcdefghijklmnop234567@example.org"
    assert reply_token(address.upper()) == "abcdefghijklmnop234567"
    assert bare(address) == "support@example.org"


@pytest.mark.parametrize(
    "address", ["support@example.org", "support+tips@example.org", "support@t+tabcdefghijk", "", "@"]
)
def test_other_addresses_have_no_token(address: str) -> None:
    assert reply_token(address) == ""


def test_patterns_say_which_addresses_are_ours() -> None:
    is_ours = ours(["support@*", "Billing@Example.org"])
    assert is_ours("support+x@anything.example")
    assert is_ours("BILLING@example.ORG")
    assert not is_ours("billing@other.example")
    assert not is_ours("support.x@example.org")
    assert not ours([])("support@example.org")
    assert exactly_ours(["support@*", "Billing@Example.org"]) == {"billing@example.org"}


@pytest.mark.parametrize(
    ("argument", "parsed"),
    [
        ("<a@b>", ("a@b", "")),
        ("<> SIZE=10", ("<>", "SIZE=10")),
        ("a@b SIZE=10", ("a@b", "SIZE=10")),
        ("<@x,@y:a@b>", ("a@b", "")),
        ('<"a b"@c>', ('"a b"@c', "")),
        ('<"a.b"@c>', ("a.b@c", "")),
        ("<a@[127.0.0.1]>", ("a@[127.0.0.1]", "")),
        ("<a@b>SIZE=10", None),
        ("", None),
    ],
)
def test_paths_are_read(argument: str, parsed: tuple[str, str] | None) -> None:
    assert parse_path(argument) == parsed


def test_hostile_addresses_are_judged_in_no_time() -> None:
    for text in ("a" * 100_000, '"' + "\\a" * 50_000, "<" * 100_000, "@" * 100_000, '"a"' * 50_000 + "@"):
        assert parse_path(text) is None
        assert not is_address(text[:320])
