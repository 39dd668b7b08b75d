"""Reading mail: what `read` makes of good mail, of odd mail and of hostile mail."""

from __future__ import annotations

import base64
import struct
import time
from pathlib import Path

import msgspec
import pytest

from channels.email import flowed
from channels.email.mail import Mail
from channels.email.mime import read

SAMPLES = Path(__file__).parent / "corpus" / "read"
HEAD = b"From: Ann <ann@example.org>\r\nSubject: x\r\n"
MIXED = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def mail(body: bytes = b"Hello", *fields: bytes) -> Mail:
    return read(HEAD + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body)


def part(content: bytes, *fields: bytes, boundary: bytes = b"b") -> bytes:
    head = b"".join(field + b"\r\n" for field in fields)
    return b"--" + boundary + b"\r\n" + head + b"\r\n" + content + b"\r\n"


def names(found: Mail) -> list[str]:
    return [file.filename for file in found.attachments]


class TestTransfer:
    @pytest.mark.parametrize(
        ("encoding", "data", "text"),
        [
            (b"base64", b"SGVs\r\nbG8=", "Hello"),
            (b"BASE64", b"SGVsbG8", "Hello"),
            (b"base64", b"SGVs*bG8=\r\n" + b"QUFB" * 8, "Hello" + "A" * 24),
            (b"base64", b"SGU=bGxv", "Hello"),
            (b"base64", b"This is no base64 at all, is it?", "This is no base64 at all, is it?"),
            (b"base64", b"SGVsbG8=\r\n" * 1 + b"-- \r\nlist: http://x\r\n", "Hello\n\n-- \nlist: http://x\n"),
            (b"quoted-printable", b"caf=C3=A9 =\r\nnoir=", "café noir"),
            (b"quoted-printable", b"1=2 =ZZ =3d", "1=2 =ZZ ="),
            (b"quoted-printable", b"a= \r\nb", "ab"),
            (b"x-unknown", b"a=3D", "a=3D"),
            (b"quoted_printable", b"a=3D", "a="),
            (b"base64,", b"SGVsbG8=", "Hello"),
            (b"8bit", "é".encode(), "é"),
            (b"x-uuencode", b"begin 644 a\r\n%2&5L;&\\\r\n`\r\nend\r\n", "Hello"),
        ],
    )
    def test_bodies_are_decoded_as_far_as_they_can_be(self, encoding, data, text):
        assert mail(data, b"Content-Transfer-Encoding: " + encoding).text == text

    def test_what_cannot_be_decoded_is_kept_as_a_file_and_said(self):
        raw = (
            MIXED + part(b"Hi") + part(b"%!?<>" * 20, b"Content-Type: image/png", b"Content-Transfer-Encoding: base64")
        )
        found = read(raw + b"--b--")
        assert found.attachments[0].content == b"%!?<>" * 20
        assert any("could not be decoded" in remark for remark in found.remarks)

    def test_a_multipart_that_was_encoded_as_a_whole_is_still_divided(self):
        inner = base64.encodebytes(part(b"Hello") + part(b"x", b"Content-Type: image/png") + b"--b--\r\n")
        found = read(
            HEAD + b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner
        )
        assert (found.text, len(found.attachments)) == ("Hello", 1)

    def test_so_is_one_within_another(self):
        inner = base64.encodebytes(
            part(b"Hello", boundary=b"c") + part(b"x", b"Content-Type: image/png", boundary=b"c")
        )
        fields = (b"Content-Type: multipart/mixed; boundary=c", b"Content-Transfer-Encoding: base64")
        found = read(MIXED + part(b"Hi") + part(inner + b"--c--", *fields) + b"--b--")
        assert (found.text, len(found.attachments)) == ("Hi\nHello", 1)


class TestText:
    def test_flowed_lines_are_joined_by_quote_depth(self):
        text = "a \nb\n> c \n> d\n>> e\n f\n-- \nAnn \n"
        assert flowed.unflow(text) == "a b\n> c d\n>> e\nf\n-- \nAnn "
        assert flowed.unflow("日 \n本", delete_space=True) == "日本"

    def test_a_format_flowed_body_is_unflowed(self):
        assert mail(b"one \r\ntwo", b"Content-Type: text/plain; format=flowed").text == "one two"

    def test_a_uuencoded_file_in_a_text_becomes_an_attachment(self):
        found = mail(b"Hi,\r\nbegin 644 a.txt\r\n%2&5L;&\\\r\n`\r\nend\r\nbye\r\nbegin with me")
        assert found.text == "Hi,\n\nbye\nbegin with me"
        assert [(file.filename, file.content) for file in found.attachments] == [("a.txt", b"Hello")]

    @pytest.mark.parametrize("name", [b"a.bin", b"two words.bin"])
    def test_a_file_in_yenc_becomes_an_attachment_where_it_is_whole(self, name):
        data = bytes(range(256))
        coded = b"".join(
            b"=%c" % ((byte + 106) % 256) if (byte + 42) % 256 in b"\0\r\n=" else b"%c" % ((byte + 42) % 256)
            for byte in data
        )
        begin, end = (
            b"Hi\r\n=ybegin line=128 size=256 name=" + name + b"\r\n",
            b"\r\n=yend size=256 crc32=29058c73\r\nbye",
        )
        found = mail(begin + coded[:130] + b"\r\n" + coded[130:] + end, b"Content-Transfer-Encoding: 8bit")
        assert [(file.filename, file.content) for file in found.attachments] == [(name.decode(), data)]
        assert found.text == "Hi\n\nbye"
        assert names(mail(begin + coded[:-9] + end)) == []

    def test_enriched_text_is_shown_without_its_marks(self):
        found = mail(
            b"<bold>1 << 2</bold> &amp;\r\nmore\r\n\r\n<color><param>red</param>end</color>",
            b"Content-Type: text/enriched",
        )
        assert found.text == "1 < 2 &amp; more\nend"

    def test_html_is_turned_into_text_only_where_there_is_no_other(self):
        alternative = HEAD + b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        rich = part(b"<p>rich</p>", b"Content-Type: text/html") + b"--b--"
        found = read(alternative + part(b"plain") + rich)
        assert (found.text, found.html, found.text_from_html) == ("plain", "<p>rich</p>", False)
        found = read(alternative + part(b" \r\n") + rich)
        assert (found.text, found.html, found.text_from_html) == ("rich", "<p>rich</p>", True)

    def test_html_names_its_charset_itself_where_the_header_does_not(self):
        body = '<meta charset="windows-1251"><p>Привет'.encode("cp1251")
        assert mail(body, b"Content-Type: text/html").text == "Привет"

    def test_an_empty_mail_is_empty_and_says_so(self):
        assert read(b"").remarks == ("The mail is empty.",)
        assert read(HEAD).remarks == ("The mail has no content.",)
        assert read(HEAD + b"\r\n \r\n").remarks == ("The mail has no content.",)

    def test_a_pgp_message_in_the_text_is_said(self):
        assert "PGP" in mail(b"-----BEGIN PGP MESSAGE-----\r\nx\r\n").remarks[0]


class TestStructure:
    def test_text_around_attachments_is_joined_in_order(self):
        pdf = part(b"%PDF", b"Content-Type: application/pdf; name=a.pdf")
        found = read(MIXED + part(b"before") + pdf + part(b"after") + b"--b--")
        assert (found.text, names(found)) == ("before\nafter", ["a.pdf"])

    def test_a_text_that_repeats_the_body_is_a_file(self):
        found = read(MIXED + part(b"the same words") + part(b"the  same\r\nwords") + b"--b--")
        assert (found.text, len(found.attachments)) == ("the same words", 1)

    def test_text_and_html_side_by_side_that_say_the_same_are_alternatives(self):
        rich = part(b"<p>Good <b>morning</b>, Ann", b"Content-Type: text/html")
        found = read(MIXED + part(b"Good morning, Ann") + rich + b"--b--")
        assert (found.text, found.html) == ("Good morning, Ann", "<p>Good <b>morning</b>, Ann")

    def test_an_html_footer_below_a_text_is_part_of_both_views(self):
        found = read(MIXED + part(b"1 < 2") + part(b"<p>Sent by a list", b"Content-Type: text/html") + b"--b--")
        assert found.text == "1 < 2\nSent by a list"
        assert found.html == "<pre>1 &lt; 2</pre>\n<p>Sent by a list"

    def test_named_and_attached_texts_are_files(self):
        raw = MIXED + part(b"body") + part(b"a", b"Content-Disposition: attachment")
        raw += part(b"b\r\nc", b'Content-Type: text/plain; name="b.txt"', b"Content-Disposition: inline") + b"--b--"
        found = read(raw)
        assert found.text == "body"
        assert [(file.filename, file.content) for file in found.attachments] == [("", b"a"), ("b.txt", b"b\r\nc")]

    def test_a_named_text_is_read_as_well_where_there_is_no_other(self):
        found = read(MIXED + part(b"words", b"Content-Type: text/plain; name=a.txt") + b"--b--")
        assert (found.text, names(found)) == ("words", ["a.txt"])

    def test_other_text_is_read_where_there_is_no_plain_one(self):
        assert read(MIXED + part(b"# words", b"Content-Type: text/markdown") + b"--b--").text == "# words"
        assert read(MIXED + part(b"<bold>words</bold>", b"Content-Type: text/enriched") + b"--b--").text == "words"
        assert read(MIXED + part(b"BEGIN:VCARD", b"Content-Type: text/vcard") + b"--b--").text == ""

    def test_images_of_the_html_are_inline_and_keep_their_id(self):
        raw = HEAD + b"Content-Type: multipart/related; boundary=b\r\n\r\n"
        raw += part(b'<img src="cid:1@x">hi', b"Content-Type: text/html")
        raw += part(b"GIF", b"Content-Type: image/gif", b"Content-ID: <1@x>") + b"--b--"
        (image,) = read(raw).attachments
        assert (image.inline, image.content_id, image.content) == (True, "1@x", b"GIF")

    @pytest.mark.parametrize("given", [b"image/", b"image/\xe9", b"a/b/c", b"<b>/x", b"a/" + b"b" * 300])
    def test_a_file_of_no_proper_type_is_unknown_bytes(self, given):
        found = read(MIXED + part(b"Hi") + part(b"x", b"Content-Type: " + given + b"; name=a.bin") + b"--b--")
        assert [file.content_type for file in found.attachments if file.filename] == ["application/octet-stream"]

    def test_what_the_html_shows_is_inline_wherever_it_stands_and_what_it_does_not_is_a_file(self):
        raw = MIXED + part(b'<img src="cid:1@x">hi', b"Content-Type: text/html")
        raw += part(b"GIF", b"Content-Type: image/gif; name=shown.gif", b"Content-ID: <1@x>")
        raw += part(b"GIF", b"Content-Type: image/gif; name=other.gif", b"Content-ID: <2@x>") + b"--b--"
        assert [(file.filename, file.inline) for file in read(raw).attachments] == [
            ("shown.gif", True),
            ("other.gif", False),
        ]
        raw = HEAD + b"Content-Type: multipart/related; boundary=b\r\n\r\n" + part(b"<p>hi", b"Content-Type: text/html")
        raw += part(b"%PDF", b"Content-Type: application/pdf; name=a.pdf", b"Content-ID: <3@x>") + b"--b--"
        assert [file.inline for file in read(raw).attachments] == [False]

    def test_an_invitation_in_an_alternative_is_a_file(self):
        raw = HEAD + b"Content-Type: multipart/alternative; boundary=b\r\n\r\n" + part(b"Lunch?")
        raw += part(b"BEGIN:VCALENDAR", b"Content-Type: text/calendar; method=REQUEST") + b"--b--"
        assert (read(raw).text, names(read(raw))) == ("Lunch?", ["invite.ics"])

    def test_an_attached_message_is_one_file_named_by_its_subject(self):
        inner = b"Subject: =?utf-8?Q?L=27=C3=A9t=C3=A9?=\r\n\r\nnot the body\r\n"
        found = read(MIXED + part(b"see below") + part(inner, b"Content-Type: message/rfc822") + b"--b--")
        assert (found.text, names(found)) == ("see below", ["L'été.eml"])
        assert found.attachments[0].content == inner
        assert "not the body" in found.parts[1].text

    def test_parts_of_a_digest_are_messages(self):
        raw = HEAD + b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + part(b"Subject: one\r\n\r\nx") + b"--b--"
        assert names(read(raw)) == ["one.eml"]

    def test_signatures_are_named_files(self):
        raw = HEAD + b"Content-Type: multipart/signed; boundary=b\r\n\r\n" + part(b"signed words")
        raw += part(b"x", b"Content-Type: application/pkcs7-signature") + b"--b--"
        assert (read(raw).text, names(read(raw))) == ("signed words", ["smime.p7s"])

    def test_encrypted_mail_is_kept_as_a_file_and_said(self):
        found = mail(b"AAAA", b"Content-Type: application/pkcs7-mime", b"Content-Transfer-Encoding: base64")
        assert (found.text, names(found)) == ("", ["smime.p7m"])
        assert "encrypted" in found.remarks[0]

    def test_mail_that_is_signed_as_a_whole_is_read_however_much_of_it_is_cut_off(self):
        head, _, data = (SAMPLES / "signed_as_a_whole.eml").read_bytes().partition(b"\r\n\r\n")
        whole = base64.b64decode(data)
        for length in range(0, len(whole), 7):
            found = read(head + b"\r\n\r\n" + base64.encodebytes(whole[:length]))
            assert found.text in ("", read(head + b"\r\n\r\n" + data).text) or length < 500
            assert names(found)[0] == "smime.p7m"

    def test_what_is_wrapped_over_and_over_is_left_after_some_levels(self):
        def wrapped(content: bytes) -> bytes:
            def value(tag: int, inside: bytes) -> bytes:
                return bytes((tag, 0x84)) + len(inside).to_bytes(4, "big") + inside

            held = bytes.fromhex("06092a864886f70d010701") + value(0xA0, value(0x04, content))
            signed = bytes.fromhex("020101") + value(0x31, b"") + value(0x30, held)
            data = value(0x30, bytes.fromhex("06092a864886f70d010702") + value(0xA0, value(0x30, signed)))
            return b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + data

        raw = b"\r\nHello"
        for level in range(1, 60):
            raw = wrapped(raw)
            assert (read(HEAD + raw).text == "Hello") == (level <= 4), level

    def test_machine_parts_are_there_for_judgement(self):
        status = b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\n"
        raw = HEAD + b"Content-Type: multipart/report; boundary=b\r\n\r\n" + part(b"Sorry")
        found = read(raw + part(status, b"Content-Type: message/delivery-status") + b"--b--")
        assert found.text == "Sorry"
        assert found.parts[1].text == status.decode().replace("\r\n", "\n")

    def test_an_outer_delimiter_closes_what_is_open_inside(self):
        raw = MIXED + part(b"--c\r\n\r\ninner", b"Content-Type: multipart/mixed; boundary=c")
        found = read(raw + part(b"x", b"Content-Type: image/png; name=a.png"))
        assert (found.text, names(found)) == ("inner", ["a.png"])
        assert found.remarks == ("The mail ends before its last part is complete.",)

    def test_prologue_and_epilogue_are_ignored_and_delimiters_may_end_in_spaces(self):
        found = read(MIXED + b"prologue\r\n--b \t\r\n\r\nHello\r\n--b--  \r\nepilogue\r\n--x")
        assert (found.text, found.remarks) == ("Hello", ())

    def test_a_part_that_begins_with_a_blank_has_no_headers(self):
        assert (
            read(MIXED + b"--b\r\n  first: a\r\nsecond: b\r\n\r\nend\r\n--b--").text == "  first: a\nsecond: b\n\nend"
        )

    def test_a_delimiter_that_is_the_beginning_of_another_is_told_apart(self):
        raw = MIXED + part(b"--b1\r\n\r\none\r\n--b1--", b"Content-Type: multipart/mixed; boundary=b1") + part(b"two")
        assert read(raw + b"--b--").text == "one\ntwo"

    def test_nested_parts_with_the_same_boundary_are_all_found(self):
        raw = MIXED + b"--b\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" + part(b"text") + b"--b--\r\n"
        assert names(read(raw + part(b"x", b"Content-Type: image/png; name=a.png") + b"--b--")) == ["a.png"]

    def test_a_part_without_blank_line_and_a_delimiter_like_a_field_are_survived(self):
        raw = HEAD + b"Content-Type: multipart/mixed; boundary==_1:2\r\n\r\n--=_1:2\r\nContent-Type: text/plain\r\n"
        found = read(raw + part(b"Hello", boundary=b"=_1:2") + b"--=_1:2--")
        assert found.text == "Hello"

    @pytest.mark.parametrize(
        "field", [b"multipart/mixed", b"multipart/mixed; boundary=wrong", b"multipart; boundary=b"]
    )
    def test_a_missing_or_wrong_boundary_is_guessed(self, field):
        raw = HEAD + b"Content-Type: " + field + b"\r\n\r\n"
        found = read(
            raw + part(b"Hello", b"Content-Type: text/plain") + part(b"x", b"Content-Type: image/png") + b"--b--"
        )
        assert (found.text, len(found.attachments)) == ("Hello", 1)

    def test_parts_are_found_though_the_header_lost_its_content_type(self):
        found = mail(part(b"Hello", b"Content-Type: text/plain") + part(b"x", b"Content-Type: image/png") + b"--b--")
        assert (found.text, len(found.attachments)) == ("Hello", 1)
        assert mail(b"-- \r\nContent-Type: is what I ask about").text.startswith("-- ")

    def test_a_multipart_without_any_part_is_text(self):
        found = mail(b"just words", b"Content-Type: multipart/mixed; boundary=b")
        assert found.text == "just words"
        assert "could not be told apart" in found.remarks[0]


def tnef(*attributes: tuple[int, int, bytes]) -> bytes:
    body = b"".join(
        bytes((level,)) + struct.pack("<II", kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)
        for level, kind, value in attributes
    )
    return b"\x78\x9f\x3e\x22\x01\x00" + body


class TestWinmail:
    PROPERTIES = struct.pack("<IHHII", 1, 0x001F, 0x3707, 1, 20) + "Größe.pdf\0".encode("utf-16-le")

    def test_its_files_and_text_are_unpacked(self):
        packed = tnef(
            (1, 0x0002800C, b"Hello from Outlook\0"),
            (2, 0x00069002, b"\0" * 14),
            (2, 0x00018010, b"GRE~1.PDF\0"),
            (2, 0x0006800F, b"%PDF"),
            (2, 0x00069005, self.PROPERTIES),
        )
        data = base64.encodebytes(packed)
        found = mail(data, b"Content-Type: application/ms-tnef", b"Content-Transfer-Encoding: base64")
        assert found.text == "Hello from Outlook"
        assert [(file.filename, file.content) for file in found.attachments] == [("Größe.pdf", b"%PDF")]

    @pytest.mark.parametrize("packed", [b"no tnef", tnef(), tnef((2, 0x00069002, b"\0" * 14))[:-3]])
    def test_what_cannot_be_unpacked_stays_a_file(self, packed):
        found = mail(packed, b"Content-Type: application/ms-tnef")
        assert names(found) == ["winmail.dat"]
        assert "winmail.dat" in found.remarks[0]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.eml")), ids=lambda path: path.stem)
def test_samples_are_read_as_their_senders_meant_them(path):
    expected = msgspec.json.decode(path.with_suffix(".json").read_bytes())
    found = read(path.read_bytes())
    got = {
        "from": [found.senders[0].address, found.senders[0].name],
        "subject": found.subject,
        "text": found.text.strip(),
        "files": [[file.filename, file.content_type, len(file.content), file.inline] for file in found.attachments],
        "remarks": list(found.remarks),
    }
    assert got == expected


def test_an_ordinary_mail_is_read_in_well_under_a_millisecond():
    raw = (SAMPLES / "ordinary.eml").read_bytes()
    best = min(_cpu_seconds(raw) for _ in range(200))
    assert best < 0.002  # ten times what it takes on an idle machine


def _cpu_seconds(raw: bytes) -> float:
    start = time.process_time()
    read(raw)
    return time.process_time() - start
