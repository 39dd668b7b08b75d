"""Mail that means harm, or was damaged: it costs little, and what is read of it can be stored."""

from __future__ import annotations

import random
import resource
import tracemalloc
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from channels.email.mail import Mail
from channels.email.mime import read

SAMPLES = Path(__file__).parent / "corpus" / "read"
HEAD = b"From: Ann <ann@example.org>\r\nSubject: x\r\n"
MIXED = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def nested(depth: int) -> bytes:
    opened = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth)]
    return HEAD + b"".join(opened) + b"\r\ninnermost\r\n"


HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
HOSTILE = {
    "1,000 nested multiparts": nested(1_000),
    "100,000 parts": MIXED + b"--b\r\n\r\nx\r\n" * 100_000,
    "a million lines like delimiters": MIXED + b"--b\r\n\r\n" + b"--x\n" * 1_000_000,
    "200 parts of endless headers": MIXED + (b"--b\r\n" + b"y: z\r\n" * 10_000) * 200,
    "70,000 encoded words": b"Subject: " + b"=?utf-8?B?w6k=?=\r\n " * 70_000 + b"\r\n\r\nx",
    "a header of 10 MB": b"X: " + b"a" * 10_000_000 + b"\r\nFrom: a@example.org\r\n\r\nx",
    "3 million fields": b"a:\n" * 3_000_000 + b"\nx",
    "5 million junk lines": b"From: a@example.org\n" + b"x\n" * 5_000_000,
    "100,000 addresses": b"To: " + b"user@example.org, " * 100_000 + b"\r\n\r\nx",
    "references of 1 MB": b"References: " + b"<0123456789@example.org> " * 40_000 + b"\r\n\r\nx",
    "open parentheses": b"From: " + b"(" * 90_000 + b")\r\n\r\nx",
    "open brackets": b"From: " + b"<" * 45_000 + b">" * 45_000 + b"\r\n\r\nx",
    "open quotes": b'From: "' + b'\\"' * 45_000 + b"\r\n\r\nx",
    "half encoded words": b"Subject: " + b"=?a?q?" * 15_000 + b"\r\n\r\nx",
    "quotes in a parameter": MIXED + (b'--b\r\nContent-Type: text/plain; a="' + b'" ' * 4_000 + b"\r\n\r\n") * 200,
    "6,000 continuations": HEAD + b"Content-Disposition: x;" + b" filename*1*=x;" * 6_000 + b"\r\n\r\nx",
    "10,000 nested divs": HTML + b"<div>" * 10_000 + b"hi",
    "5 MB of HTML": HTML + b"<div>x" * 900_000,
    "unclosed comments": HTML + b"<!--" * 100_000,
    "a million <": HTML + b"<" * 1_000_000,
    "unclosed tags": HTML + b'<a href="' * 200_000,
    "unclosed styles": HTML + b"<style>" * 150_000,
    "nested lists": HTML + b"<ul><li>x" * 110_000,
    "begin without end": HEAD + b"\r\n" + b"begin 644 x\n" * 300_000 + b"end\n",
    "soft breaks": HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"a \r\n" * 1_000_000,
    "bare carriage returns": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r" * 2_000_000,
    "padding everywhere": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"YQ==" * 1_000_000,
    "endless folding": b"Subject: x" + b"\r\n a" * 2_500_000 + b"\r\n\r\nx",
    "blank lines": b"\n" * 5_000_000,
    "shifts to and from Japanese": HEAD
    + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
    + b"\x1b$BF|\x1b(B" * 400_000
    + b"\xff",
    "spaced soft breaks": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"= \r\n" * 500_000,
    "escapes in yEnc": HEAD + b"\r\n=ybegin line=128 size=1000000 name=a\r\n" + b"a=b" * 500_000 + b"\r\n=yend size=1",
    "a line of digits among the fields": b"From: a@example.org\r\n" + b"1" * 100_000 + b"\r\nSubject: x\r\n\r\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_costs_little_time(name):
    raw = HOSTILE[name]
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = read(raw)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert isinstance(found, Mail)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


@pytest.mark.parametrize(
    "name",
    [
        "70,000 encoded words",
        "100,000 parts",
        "3 million fields",
        "blank lines",
        "endless folding",
        "shifts to and from Japanese",
        "spaced soft breaks",
        "escapes in yEnc",
    ],
)
def test_hostile_mail_costs_little_memory(name):
    tracemalloc.start()
    read(HOSTILE[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120_000_000


def test_depth_and_number_of_parts_are_bounded_and_said():
    deep, broad = read(HOSTILE["1,000 nested multiparts"]), read(HOSTILE["100,000 parts"])
    assert [file.filename for file in deep.attachments] == ["message.eml"]
    assert any("nested deeper than 50" in remark for remark in deep.remarks)
    assert len(broad.parts) == 200
    assert any("more than 200 parts" in remark for remark in broad.remarks)


SCRAPS = [
    b"\r\n", b"\n", b"\r", b"--b", b"--b--", b"=?utf-8?B?", b"?=", b"<", b">", b'"', b"(", b"\0", b"\xff",
    b"\xed\xa0\x80", b"\x1b$B", b"+2AA-", b"utf-7", b"utf-16", b"hz", b"base64", b"quoted-printable", b"x-uuencode",
    b"begin 644 a\n", b"filename*0*=", b"%ED%A0%80", b"format=flowed", b"multipart/alternative", b"multipart/related",
    b"message/rfc822", b"&#xD800;", b"<!--", b"\x78\x9f\x3e\x22", b"application/ms-tnef",
    b"unicode_escape", b"idna", b"Date: 99999",
]  # fmt: skip


def mutated(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.choice((1, 3, 10, 40))):
        place = chance.randrange(len(data) + 1)
        if chance.random() < 0.4:
            del data[place : place + chance.randrange(30)]
        else:
            data[place:place] = chance.choice(SCRAPS)
    return bytes(data)


def strings(value: object) -> list[str]:
    found: list[str] = []
    waiting = [msgspec.to_builtins(value, builtin_types=(bytes, datetime))]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            waiting += one
    return found


@pytest.mark.parametrize("seed", range(8))
def test_no_damage_makes_it_raise_or_yield_what_the_database_refuses(seed):
    chance = random.Random(seed)
    seeds = [path.read_bytes() for path in sorted(SAMPLES.glob("*.eml"))] + [raw[:2_000] for raw in HOSTILE.values()]
    assert len(seeds) > len(HOSTILE)
    for _ in range(150):
        found = read(mutated(chance.choice(seeds), chance))
        for text in strings(found):
            assert "\0" not in text
            text.encode("utf-8")
