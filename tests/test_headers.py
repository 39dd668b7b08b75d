"""Header fields of mail: encoded words, addresses, parameters, file names, dates and charsets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from channels.email import addresses, charset, dates, encoded_words, filenames, headers, parameters
from channels.email.mime import read


class TestHeaders:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("=?utf-8?B?w6k=?= =?utf-8?B?w6A=?=", "éà"),
            ("=?utf-8?B?w6k=?=\r\n =?iso-8859-1?Q?=E0?=", "éà"),
            ("=?utf-8?B?w?= =?utf-8?B?6k=?=", "é"),
            ("=?UTF-8?Q?caf=C3?= =?UTF-8?Q?=A9?= noir", "café noir"),
            ("Re: =?utf-8*fr?Q?d=C3=A9j=C3=A0_vu?= !", "Re: déjà vu !"),
            ("=?utf-8?B?w6k?=", "é"),
            ("=?foo-bar?Q?caf=C3=A9?=", "café"),
            ("=?rot13?Q?abc?=", "abc"),
            ("=?us-ascii?Q?caf=E9?=", "café"),
            ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
            ('"=?utf-8?Q?quoted=21?="', '"quoted!"'),
            ("=?utf-8?Q?two words inside?=", "two words inside"),
            ("=?utf-8?Q?never ends", "=?utf-8?Q?never ends"),
            ("a =? b ?= c", "a =? b ?= c"),
            ("one\r\n\ttwo", "one two"),
        ],
    )
    def test_encoded_words_are_read_however_they_were_written(self, value, text):
        assert read(f"Subject: {value}\r\n\r\n".encode()).subject == text

    @pytest.mark.parametrize(("raw", "text"), [("café".encode(), "café"), ("café".encode("cp1252"), "café")])
    def test_raw_eight_bit_headers_are_utf_8_or_else_windows_1252(self, raw, text):
        found = read(b"Subject: " + raw + b"\r\n\r\n")
        assert found.subject == text
        assert found.headers.first("subject") == text

    def test_raw_eight_bit_headers_follow_the_charset_of_the_body(self):
        word = "\u041f\u0440\u0438\u0432\u0435\u0442"
        raw = f"Subject: {word}\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n{word}".encode("koi8-r")
        assert (read(raw).subject, read(raw).text) == (word, word)

    @pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
    def test_any_line_end_ends_a_line(self, end):
        found = read(b"From: a@example.org" + end + b"Subject: one" + end + b" two" + end + end + b"Hello" + end)
        assert (found.senders[0].address, " ".join(found.subject.split())) == ("a@example.org", "one two")
        assert found.text.strip() == "Hello"

    @pytest.mark.parametrize(
        "before",
        [b"From ann@example.org Mon Jan  6 10:00:00 2025\n", b"\r\n\n \n", b"\xef\xbb\xbf", b"    \r\n>From x\n"],
    )
    def test_what_stands_before_the_first_field_is_passed_over(self, before):
        assert read(before + b"Subject: x\n\nHello").subject == "x"

    def test_a_first_field_with_a_space_before_its_colon_is_no_line_of_an_mbox(self):
        assert read(b"From : Ann <ann@example.org>\r\nSubject : x\r\n\r\nHello").senders[0].address == "ann@example.org"

    @pytest.mark.parametrize("charset", ["koi8-r", "cp1251", "euc-jp", "gbk"])
    def test_raw_eight_bit_headers_without_any_hint_are_read_as_what_they_look_like(self, charset):
        subject = {
            "koi8-r": "Здравствуйте",
            "cp1251": "Здравствуйте",
            "euc-jp": "メールのエラー",
            "gbk": "您好我的订单",
        }[charset]
        assert read(b"Subject: " + subject.encode(charset) + b"\r\n\r\n").subject == subject

    def test_lines_without_colon_between_fields_are_passed_over(self):
        found = read(b"From: a@example.org\r\njunk from a relay\r\nSubject: x\r\n\r\nHello")
        assert (found.subject, found.text) == ("x", "Hello")

    def test_a_missing_blank_line_starts_the_body_at_the_first_line_that_is_no_field(self):
        found = read(b"From: a@example.org\nSubject: x\nHello there,\nall well?\n\nAnn")
        assert (found.subject, found.text) == ("x", "Hello there,\nall well?\n\nAnn")

    def test_a_huge_body_without_its_blank_line_is_not_taken_for_headers(self):
        found = read(b"From: a@example.org\nSubject: x\n" + b"Hello there\n" * 100_000 + b"\nAnn")
        assert (found.subject, len(found.text)) == ("x", 12 * 100_000 + 4)

    def test_a_boundary_on_a_line_that_was_not_folded_is_found(self):
        raw = b'From: a@example.org\nContent-Type: multipart/mixed;\nboundary="b"\n\n' + b"--b\n\nHello\n--b--"
        assert read(raw).text == "Hello"

    def test_lists_that_were_broken_without_folding_go_on(self):
        found = read(b"To: b@x.org,\r\nC <c@x.org>\r\nReferences: <1@x>\r\n<2@x>\r\nSubject: x\r\n\r\nHello")
        assert [person.address for person in found.to] == ["b@x.org", "c@x.org"]
        assert (found.references, found.subject, found.text) == (("1@x", "2@x"), "x", "Hello")

    def test_many_fields_of_addresses_are_bounded_together(self):
        found = read(b"To: a@b.example\r\n" * 3_000 + b"\r\n")
        assert len(found.to) == 100
        assert any("mass mail" in remark for remark in found.remarks)

    def test_nul_becomes_the_replacement_character_everywhere(self):
        found = read(b"Subject: a\0b\r\nFrom: a\0 <x@y>\r\n\r\nc\0d")
        assert (found.subject, found.text) == ("a\ufffdb", "c\ufffdd")
        assert b"\0" not in msgspec.msgpack.encode(found.headers)

    def test_of_huge_headers_the_essential_fields_are_kept(self):
        found = read(b"X-Junk: " + b"a" * 9_000_000 + b"\r\nSubject: still here\r\nFrom: a@example.org\r\n\r\nHello")
        assert (found.subject, found.senders[0].address, found.text) == ("still here", "a@example.org", "Hello")
        assert "larger than 100 KB" in found.remarks[0]

    def test_many_addresses_are_cut_and_said_to_be_mass_mail(self):
        found = read(b"To: " + b", ".join(b"user%d@example.org" % number for number in range(3000)) + b"\r\n\r\n")
        assert len(found.to) == 100
        assert any("mass mail" in remark for remark in found.remarks)

    def test_the_ends_of_long_references_are_kept(self):
        found = read(b"References: " + b"\r\n ".join(b"<%d@x>" % number for number in range(50_000)) + b"\r\n\r\n")
        assert len(found.references) == 40
        assert (found.references[0], found.references[-1]) == ("0@x", "49999@x")

    @pytest.mark.parametrize(
        ("value", "ids"),
        [
            ("<a@b> <c@d>", ["a@b", "c@d"]),
            ("<a@b><c@d>,<a@b>", ["a@b", "c@d"]),
            ("<a\r\n @b>", ["a@b"]),
            ("Your message of Monday <a@b> (was: x)", ["a@b"]),
            ("a@b c@d", ["a@b", "c@d"]),
            ("<", []),
            ("no id here", []),
        ],
    )
    def test_message_ids_are_found_in_whatever_surrounds_them(self, value, ids):
        assert headers.message_ids(value) == ids

    @pytest.mark.parametrize(
        ("value", "found"),
        [("<a@b>", "a@b"), ("a@b", "a@b"), ("<a>", "a"), ("abc", "abc"), ("<", ""), ("two words", "")],
    )
    def test_a_message_id_is_read_with_and_without_brackets(self, value, found):
        assert headers.message_id(value) == found

    def test_all_authors_of_all_from_headers_are_kept(self):
        found = read(b"From: a@example.org\r\nFrom: B <b@example.org>, c@example.org\r\n\r\n")
        assert [sender.address for sender in found.senders] == ["a@example.org", "b@example.org", "c@example.org"]


class TestAddresses:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ('"support@us" <x@evil>', [("x@evil", "support@us")]),
            ("support@us <x@evil>", [("x@evil", "support@us")]),
            ("a(&email=v@v.org&)@evil", [("a@evil", "&email=v@v.org&")]),
            ("<A@B.org>", [("a@b.org", "")]),
            ("Joe <joe@b.org", [("joe@b.org", "Joe")]),
            ("Joe joe@b.org", [("joe@b.org", "Joe")]),
            ("joe@b.org (Joe Doe)", [("joe@b.org", "Joe Doe")]),
            ("Doe, John <j@x.y>", [("j@x.y", "Doe, John")]),
            ("=?utf-8?Q?Doe,_John?= <j@x.y>", [("j@x.y", "Doe, John")]),
            ("=?utf-8?Q?Joe_=3Cj=40x.y=3E?=", [("j@x.y", "Joe")]),
            ('"=?utf-8?Q?J=C3=B6rg?=" <j@x.y>', [("j@x.y", "Jörg")]),
            ('"John \\"X\\" Doe" <j@x.y>', [("j@x.y", 'John "X" Doe')]),
            ("Friends: a@b.c, Bob <b@c.d>;, e@f.g", [("a@b.c", ""), ("b@c.d", "Bob"), ("e@f.g", "")]),
            ("undisclosed-recipients:;", []),
            ("a@b.c; d@e.f", [("a@b.c", ""), ("d@e.f", "")]),
            ("<a@b.c> <d@e.f>", [("a@b.c", ""), ("d@e.f", "")]),
            ('"a b"@x.y', [('"a b"@x.y', "")]),
            ('"john.doe"@x.y', [("john.doe@x.y", "")]),
            ('Joe <"a>b"@c.d>', [('"a>b"@c.d', "Joe")]),
            ("<@a,@b:c@d.e>", [("c@d.e", "")]),
            ("Joe [mailto:a@b.c]", [("a@b.c", "Joe")]),
            ("a@[IPv6:::1]", [("a@[ipv6:::1]", "")]),
            ("jörg@müller.de", [("jörg@müller.de", "")]),
            ("Joe (comment (nested)) <a@b.c> junk", [("a@b.c", "Joe")]),
            ("Joe <<a@b.c>>", [("a@b.c", "Joe")]),
            ("<x@y.z.>", [("x@y.z", "")]),
            ("a@b@c.d", [("", "a@b@c.d")]),
            ("<alice@good.org@evil.org>", [("", "alice@good.org@evil.org")]),
            ("Moderator-Address", [("", "Moderator-Address")]),
            ("<>", []),
            ("<", []),
            ('"', []),
            ("((((((", []),
            ('"Ann" ann@example.org', [("ann@example.org", "Ann")]),
            ("ann@example.org Ann  Lee", [("ann@example.org", "Ann Lee")]),
            ("Ann    Lee <ann@example.org>", [("ann@example.org", "Ann Lee")]),
        ],
    )
    def test_the_address_that_counts_is_found(self, value, expected):
        assert [(found.address, found.name) for found in addresses.read(value)[0]] == expected


class TestParameters:
    @pytest.mark.parametrize(
        ("value", "name"),
        [
            ('attachment; filename="a b.pdf"', "a b.pdf"),
            ("attachment; filename=a b.pdf; size=3", "a b.pdf"),
            ("attachment; filename*=utf-8''caf%C3%A9.pdf; filename=cafe.pdf", "café.pdf"),
            ("attachment; filename*=iso-8859-1'fr'caf%E9.pdf", "café.pdf"),
            ("attachment; filename*0*=utf-8''caf%C3; filename*1*=%A9; filename*2=.pdf", "café.pdf"),
            ('attachment; filename*1="b.pdf"; filename*0="a"', "ab.pdf"),
            ('attachment; filename="=?utf-8?B?Y2Fmw6kucGRm?="', "café.pdf"),
            ("attachment; filename==?utf-8?Q?caf=C3?= =?utf-8?Q?=A9.pdf?=", "café.pdf"),
            ('attachment; filename="say "hi".pdf"', 'say "hi".pdf'),
            ('attachment; filename="C:\\dir\\a.pdf"', "C:\\dir\\a.pdf"),
            ('attachment; filename="open.pdf', "open.pdf"),
            ('attachment filename="a.pdf" size=3', "a.pdf"),
        ],
    )
    def test_a_file_name_is_read_in_every_notation(self, value, name):
        assert parameters.parse(value)[1]["filename"] == name

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("TEXT/Plain; CharSet=utf-8", ("text/plain", {"charset": "utf-8"})),
            ("text / plain; charset = utf-8", ("text/plain", {"charset": "utf-8"})),
            ("text/plain; charset=us-ascii (Plain text)", ("text/plain", {"charset": "us-ascii"})),
            ("text/plain charset=utf-8", ("text/plain", {"charset": "utf-8"})),
            ("multipart/mixed; boundary==_b:1=", ("multipart/mixed", {"boundary": "=_b:1="})),
            ("text/html;;; ; charset=x;", ("text/html", {"charset": "x"})),
            ("", ("", {})),
        ],
    )
    def test_a_content_type_is_read_as_mailers_write_it(self, value, expected):
        assert parameters.parse(value) == expected

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a.pdf", "a.pdf"),
            ("a\u202egpj.exe", "agpj.exe"),
            ("\u200b.htaccess", ".htaccess"),
            ("cafe\u0301.pdf", "café.pdf"),
            ("a\r\nb\0.pdf", "ab.pdf"),
            ("..", ""),
            ("  a \t b.pdf ", "a b.pdf"),
            ("x" * 5_000 + ".pdf", "x" * 251 + ".pdf"),
        ],
    )
    def test_file_names_are_made_harmless(self, given, name):
        assert filenames.normalise(given) == name


class TestDates:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("Mon, 6 Jan 2025 10:00:01 +0130", datetime(2025, 1, 6, 10, 0, 1, tzinfo=timezone(timedelta(minutes=90)))),
            ("6 Jan 25 10:00 EST", datetime(2025, 1, 6, 15, 0, tzinfo=UTC)),
            ("Mon, 06-Jan-1997 10:00:00 GMT", datetime(1997, 1, 6, 10, 0, tzinfo=UTC)),
            ("Mon, 6 Jan 97 10:00:00", datetime(1997, 1, 6, 10, 0, tzinfo=UTC)),
            ("Mon Jan  6 10:00:00 2025", datetime(2025, 1, 6, 10, 0, tzinfo=UTC)),
            ("2025-01-06T10:00:00Z", datetime(2025, 1, 6, 10, 0, tzinfo=UTC)),
            ("6 (six) Jan (x) 2025 10:00 (CET)", datetime(2025, 1, 6, 10, 0, tzinfo=UTC)),
            ("Sat, 6 Jan 2099 10:00:60 -0000", datetime(2099, 1, 6, 10, 0, 59, tzinfo=UTC)),
            ("lun., 06 janv. 2025 10:00:00 +0100", datetime(2025, 1, 6, 9, 0, tzinfo=UTC)),
            ("15 août 2025 10:00 GMT+0200", datetime(2025, 8, 15, 8, 0, tzinfo=UTC)),
            ("1 juil. 2025 10:00 +100", datetime(2025, 7, 1, 9, 0, tzinfo=UTC)),
            ("1 juin 2025 10:00 UTC-1", datetime(2025, 6, 1, 11, 0, tzinfo=UTC)),
            ("Di, 04 Mär 2025 10:00:00 +0000", datetime(2025, 3, 4, 10, 0, tzinfo=UTC)),
            ("Jan 6, 2025 10:00:00 PM", datetime(2025, 1, 6, 22, 0, tzinfo=UTC)),
            ("Mon, 6 Jan 2025 3:04:05 PM", datetime(2025, 1, 6, 15, 4, 5, tzinfo=UTC)),
            ("6 Jan 2025 12:04 a.m. +0000", datetime(2025, 1, 6, 0, 4, tzinfo=UTC)),
            ("Mon, 6 Jan 2025 10:00:00 +9999", datetime(2025, 1, 6, 10, 0, tzinfo=UTC)),
            ("Mon, 66 Jan 2025 10:00:00 +0000", None),
            ("31 Feb 2025 10:00", None),
            ("6 Foo 2025 10:00", None),
            ("yesterday", None),
            ("", None),
        ],
    )
    def test_dates_are_read_or_given_up(self, value, expected):
        assert dates.parse(value) == expected


class TestCharsets:
    @pytest.mark.parametrize(
        ("label", "data", "text"),
        [
            ("x-sjis", "日本".encode("cp932"), "日本"),
            ("ks_c_5601-1987", "한국".encode("cp949"), "한국"),
            ("GB2312", "镕".encode("gb18030"), "镕"),
            ("iso-8859-8-i", "שלום".encode("iso-8859-8"), "שלום"),
            ("x-mac-roman", "é".encode("mac_roman"), "é"),
            ("unicode-1-1-utf-7", b"+AOk-", "é"),
            ("iso-8859-1", b"\x80uro", "€uro"),
            ("us-ascii", "é".encode(), "é"),
            ("us-ascii", b"caf\xe9 noir", "café noir"),
            ("utf-8", b"caf\xe9 noir", "café noir"),
            ("utf-8", b"\xef\xbb\xbfabc", "abc"),
            ("utf-16", "é".encode("utf-16"), "é"),
            ("iso-2022-jp", b"\x1b$B-!\x1b(B", "①"),
            ("", "送信先のメール".encode("iso-2022-jp"), "送信先のメール"),
            ("", "Здравствуйте, как дела".encode("cp1251"), "Здравствуйте, как дела"),
            ("", "Здравствуйте, как дела".encode("koi8-r"), "Здравствуйте, как дела"),
            ("", "送信先のメールボックスが一杯です".encode("euc-jp"), "送信先のメールボックスが一杯です"),
            ("x-unknown", "您好我们收到了您的邮件".encode("gbk"), "您好我们收到了您的邮件"),
            ("foo\0bar", b"caf\xe9 noir", "café noir"),
            ("iso-8859-15", "réponse".encode(), "réponse"),
            ("koi8-r", "Привет".encode(), "Привет"),
            ("", "déjà reçu, merci".encode().replace(b" re", b" \xffre"), "déjà \ufffdreçu, merci"),
            ("utf-8", "お世話になって".encode()[:-1] + b" ok", "お世話になっ\ufffd ok"),
            (
                "iso-8859-1",
                "déjà vu à l’été, où ça mène-t-il ?".encode() + b"\xff",
                "déjà vu à l’été, où ça mène-t-il ?\ufffd",
            ),
            ("", "Привет".encode("cp1251"), "Привет"),
            ("", "Меню".encode("koi8-r"), "Меню"),
            ("", "éà Ñandú".encode("cp1252"), "éà Ñandú"),
            ("", "à".encode("cp1252"), "à"),
            ("rot13", b"abc", "abc"),
            ("utf-7", b"+2AA-", "\ufffd"),
        ],
    )
    def test_text_is_read_in_the_charset_that_fits(self, label, data, text):
        assert charset.decode(data, label) == text

    @pytest.mark.parametrize(
        "label", ["rot13", "rot-13", "hex", "base64", "zlib", "bz2", "uu", "idna", "punycode", "unicode_escape"]
    )
    def test_codecs_that_are_no_charsets_are_refused(self, label):
        assert charset.codec(label) == ""


def test_decoding_a_header_value_is_bounded():
    assert len(encoded_words.decode("a" * 100_000)) == encoded_words.MAX_VALUE
    assert encoded_words.decode("=?utf-8?Q?a?= " * 400).count("a") < 400 + 200
