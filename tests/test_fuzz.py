"""The reader of mail under fuzz, shortly: `make chaos` does it for longer."""

from __future__ import annotations

from base64 import b64encode
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels import Channel, load
from channels.email import addresses, charset, encoded_words, filenames, html_text
from channels.email.mime import read
from config.settings import Settings
from tests.chaos.fuzz import damaged, flaw, fuzz, fuzz_child, smallest
from workers.reader import Reader

UNHURRIED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@pytest.fixture(scope="module")
def channel(tmp_path_factory) -> Channel:
    ours = Settings(var=tmp_path_factory.mktemp("fuzz"), smtp={"recipients": ["support@example.org"]})
    return load(ours)["email"]


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_mail_breaks_no_promise(channel, seed):
    report = fuzz(channel, seed=seed, mails=350, seconds=30)
    assert report.flaws == []
    assert report.read >= 100


async def test_no_damaged_mail_ends_the_child(reader: Reader):
    before = reader.deaths
    assert await fuzz_child(reader, seed=5, mails=400) == []
    assert reader.deaths == before


class Careless(Channel):
    """What fuzzing must find: it stumbles over some bytes."""

    def normalise(self, raw):
        if b"=?utf-8?B?" in raw.body:
            raise ValueError
        return ()

    def explain(self, raw):
        return (), {"text": "\0" if b"iso-2022-jp" in raw.body else ""}


def test_fuzzing_finds_flaws_and_shows_them_small():
    report = fuzz(Careless("careless", Settings()), seed=1, mails=3_000, seconds=20)
    found = {one.what: one.raw for one in report.flaws}
    assert set(found) == {"raised ValueError", "NUL in a text"}
    assert found["raised ValueError"] == b"=?utf-8?B?"
    assert smallest(b"a" * 1_000 + b"x", lambda raw: b"x" in raw) == b"x"


def test_the_same_seed_gives_the_same_mails():
    one, other = damaged(Random(7)), damaged(Random(7))
    assert [next(one) for _ in range(20)] == [next(other) for _ in range(20)]


@UNHURRIED
@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail(channel, raw):
    assert flaw(channel, raw) == ""


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp"]), max_size=60)


@UNHURRIED
@given(TEXT, st.sampled_from(["utf-8", "utf-16", "utf-7"]), st.booleans())
def test_words_encoded_by_the_book_come_back(text, label, quoted):
    data = text.encode(label)
    inner = "".join(f"={byte:02X}" for byte in data) if quoted else b64encode(data).decode()
    expected = charset.decode(data, label)
    assert encoded_words.decode(f"=?{label}?{'Q' if quoted else 'B'}?{inner}?=") == encoded_words.tidy(expected)


@UNHURRIED
@given(st.text(alphabet="<>/ab=\"' \n&;!-d iv p", max_size=200))
def test_any_markup_becomes_text_without_tags_left_open(markup):
    text = html_text.to_text(markup)
    assert len(text) <= 6 * len(markup) + 20
    assert "\0" not in text


@UNHURRIED
@given(st.lists(st.tuples(st.sampled_from(["Subject", "X-A", "To"]), TEXT), max_size=6), TEXT)
def test_fields_and_body_are_told_apart_as_the_standard_library_does(fields, body):
    lines = [f"{name}: {' '.join(value.split()) or 'x'}" for name, value in fields]
    raw = ("\r\n".join(["From: a@b.example", *lines]) + "\r\n\r\n" + body).encode()
    found, theirs = read(raw), message_from_bytes(raw)
    assert [name for name, _ in found.headers.fields] == [name.lower() for name in theirs]
    assert found.parts[0].content == body.encode()


MARKED = st.text(alphabet="abX .,;:@()<>[]\"'=!%é日", min_size=1, max_size=40).map(lambda text: " ".join(text.split()))


@UNHURRIED
@given(st.lists(MARKED.filter(bool), min_size=1, max_size=4))
def test_any_names_come_back_from_a_list_of_addresses(names):
    people = [Address(display_name=name, addr_spec=f"a{place}@b.example") for place, name in enumerate(names)]
    found, cut = addresses.read(", ".join(map(str, people)))
    assert [(one.name, one.address) for one in found] == [(one.display_name, one.addr_spec) for one in people]
    assert not cut


@UNHURRIED
@given(MARKED.filter(bool), st.sampled_from([policy.default, policy.SMTP, policy.SMTPUTF8]))
def test_any_file_name_comes_back_from_a_parameter(name, manner):
    message = EmailMessage(policy=manner)
    message.add_attachment(b"data", maintype="application", subtype="pdf", filename=name)
    assert read(message.as_bytes()).attachments[-1].filename == filenames.normalise(name)
