"""The bulk reader of mail: where a mail ends, how large it may be, however it is cut into packets."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.smtp_data import Content
from channels.email.smtp_envelope import first_author, header_block, hops
from channels.email.wire import EndlessLine
from tests.smtp_door import MAIL, Client, Door, Opener, resident_bytes

pytest_plugins = ("tests.smtp_fixtures",)


# The end of the data, and its size.


@pytest.mark.parametrize(
    "fake",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n.\0\r\n"],
    ids=["LF.LF", "LF.CRLF", "CRLF.LF", "CR.CR", "CRLF.CR", "CR.CRLF", "NUL"],
)
async def test_only_the_true_end_ends_a_mail(door: Door, fake: bytes) -> None:  # B9, T13
    smuggled = (
        b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<support@example.org>\r\nDATA\r\nFrom: evil\r\n\r\nsmuggled\r\n"
    )
    client = await door.client()
    await client.envelope()
    data = MAIL + b"innocent" + fake + smuggled
    assert (await client.deliver(data)).startswith("250")
    assert (await client.say("NOOP")).startswith("250")
    assert door.inbox.only.body == data.replace(b"\r\n.", b"\r\n")


async def test_nul_and_bare_line_ends_inside_are_kept(door: Door) -> None:
    client = await door.client()
    await client.envelope()
    await client.deliver(b"Subject: a\0b\nbare\rends\r\n\r\n\xff\xfe\r\n")
    assert door.inbox.only.body == b"Subject: a\0b\nbare\rends\r\n\r\n\xff\xfe\r\n"


async def test_an_empty_mail_is_a_mail(door: Door) -> None:  # B16
    client = await door.client()
    await client.envelope()
    assert (await client.deliver(b"")).startswith("250")
    assert door.inbox.only.body == b""


async def test_a_mail_over_the_limit_is_refused_and_the_session_goes_on(opened: Opener) -> None:  # B43
    door = await opened(max_message_bytes=100_000)
    client = await door.client()
    await client.envelope()
    assert (await client.deliver(b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 2000)).startswith("552 5.3.4")
    await client.envelope()
    assert (await client.deliver()).startswith("250")
    assert door.inbox.only.body == MAIL


async def test_a_mail_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(opened: Opener) -> None:
    door = await opened(max_message_bytes=len(MAIL))
    client = await door.client()
    await client.envelope()
    assert (await client.deliver(MAIL)).startswith("250")
    await client.envelope()
    assert (await client.deliver(MAIL[:-2] + b"x\r\n")).startswith("552 5.3.4")


async def test_a_flood_is_cut_at_twice_the_limit_and_never_held(opened: Opener) -> None:
    door = await opened(max_message_bytes=1_000_000)
    client = await door.client()
    await client.envelope()
    assert (await client.say("DATA")).startswith("354")
    assert (await flood(client, (b"z" * 998 + b"\r\n") * 100, megabytes=100)).startswith("552 5.3.4")
    assert await client.closed()
    assert door.inbox.mails == []


async def test_an_endless_line_is_cut_at_64_kilobytes(door: Door) -> None:  # B8
    client = await door.client()
    await client.envelope()
    assert (await client.say("DATA")).startswith("354")
    assert (await flood(client, b"a" * 100_000, megabytes=100)).startswith("500 5.5.2")
    assert await client.closed()
    assert door.inbox.mails == []


async def test_an_endless_command_is_cut_too(door: Door) -> None:
    client = await door.client()
    assert (await flood(client, b"a" * 100_000, megabytes=100)).startswith("500 5.5.2")
    assert await client.closed()


async def flood(client: Client, chunk: bytes, megabytes: int) -> str:
    """Send until the server answers; memory may not grow by more than a few chunks meanwhile."""
    before = resident_bytes()
    peak = before
    with contextlib.suppress(ConnectionError):
        for _ in range(megabytes * 1_000_000 // len(chunk)):
            await client.send(chunk)
            peak = max(peak, resident_bytes())
            if client.reader._buffer:  # type: ignore[attr-defined]
                break
    assert peak - before < 16_000_000
    return await client.reply()


async def test_a_looping_mail_is_refused(door: Door) -> None:  # B53
    hop = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    client = await door.client()
    await client.envelope()
    assert (await client.deliver(hop * 100 + MAIL)).startswith("554 5.4.6")
    await client.envelope()
    assert (await client.deliver(hop * 99 + MAIL + hop * 100)).startswith("250")


# The pure pieces.


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"..", b"x", b"\0", b"\r\n.\r", b"line\r\n"]),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_however_it_is_cut_into_packets_the_mail_is_the_same(pieces: list[bytes], random: Any) -> None:
    lines = b"".join(pieces)
    lines += b"" if not lines or lines.endswith(b"\r\n") else b"\r\n"
    sent = (b"\r\n" + lines).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n" + b"QUIT\r\n"
    buffer = bytearray()
    content = Content(buffer, limit=10_000)
    while sent and not content.complete():
        size = random.randint(1, 6)
        buffer += sent[:size]
        sent = sent[size:]
    assert content.complete()
    assert content.take() == lines
    assert bytes(buffer) + sent == b"QUIT\r\n"


def test_lines_may_be_long_but_not_endless() -> None:
    buffer = bytearray(b"x" * 65_000 + b"\n" + b"y" * 65_000 + b"\r\n.\r\n")
    assert Content(buffer, limit=10**6).complete()
    with pytest.raises(EndlessLine):
        Content(bytearray(b"x" * 66_000 + b"\r\n.\r\n"), limit=10**6).complete()


@pytest.mark.parametrize(
    ("head", "author"),
    [
        (b"From: Ana <Ana@Example.com>", "ana@example.com"),
        (b"Subject: From: x@y\r\nFROM :\r\n =?utf-8?b?w6k=?=\r\n <b@example.com>\r\nTo: <c@d>", "b@example.com"),
        (b"From: c@example.com (Carl)", "c@example.com"),
        (b"From: <", ""),
        (b"From: undisclosed", ""),
        (b"From: " + b"a@" * 100_000, "a@a"),
        (b"From: " + b"a" * 100_000, ""),
        (b"From: " + b"<a@" * 100_000, ""),
        (b"", ""),
    ],
)
def test_the_first_author_is_found_without_the_parser(head: bytes, author: str) -> None:
    start = time.perf_counter()
    assert first_author(head) == author
    assert time.perf_counter() - start < 0.1


def test_hops_are_counted_in_the_header_only() -> None:
    body = b"Received: a\r\nRECEIVED: b\r\nX: Received: no\r\n\r\nReceived: no\r\n"
    assert hops(header_block(body)) == 2
    assert hops(header_block(body.replace(b"\r\n", b"\n"))) == 2
