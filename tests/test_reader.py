"""The child that reads: what kills it harms one message alone, and only if it does so twice."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels import Channel
from config.settings import Settings
from models.envelope import Address, Envelope, InboundMessage, RawMessage
from workers.reader import Reader
from workers.reading import Reading


def raw(body: bytes, channel: str = "email") -> RawMessage:
    envelope = Envelope(
        channel=channel,
        account="support@example.org",
        external_id="x",
        sender="a@b.example",
        recipients=("support@example.org",),
        received_at=datetime.now(UTC),
        trace_id="0" * 32,
        lane="x",
    )
    return RawMessage(envelope, body)


def mail(number: int) -> RawMessage:
    return raw(b"From: a@b.example\r\nSubject: %d\r\n\r\nwords\r\n" % number)


def subjects(readings: list[Reading]) -> list[str]:
    return [reading.messages[0].subject if reading.messages else "" for reading in readings]


async def test_many_messages_come_back_in_order(reader: Reader) -> None:
    assert subjects(await reader.read([mail(n) for n in range(300)])) == [str(n) for n in range(300)]


async def test_a_large_message_goes_through_the_pipe_whole(reader: Reader) -> None:
    body = b"From: a@b.example\r\nSubject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 60_000
    [reading] = await reader.read([raw(body)])
    assert len(reading.messages[0].text) == 17 * 60_000


async def test_a_child_killed_from_outside_costs_no_message(reader: Reader) -> None:
    await reader.read([mail(0)])
    assert reader._child is not None
    os.kill(reader._child.process.pid, signal.SIGKILL)
    assert subjects(await reader.read([mail(1), mail(2)])) == ["1", "2"]


async def test_a_message_that_kills_two_children_is_given_up_and_the_others_are_read(tmp_path: Path) -> None:
    """The address space is so small that a large message cannot be read."""
    tight = Settings(var=tmp_path, smtp={"recipients": ["support@example.org"]}, workers={"reader_memory_mb": 96})
    child = Reader(tight)
    poison = raw(b"From: a@b.example\r\nSubject: poison\r\n\r\n" + b"x" * 80_000_000)
    try:
        readings = await child.read([mail(1), poison, mail(2)])
    finally:
        await child.close()
    assert subjects(readings) == ["1", "", "2"]
    assert readings[1].killed == "out of memory"
    assert child.deaths == 2


class Lethal(Channel):
    """A channel that no message should have met."""

    def normalise(self, raw: RawMessage) -> tuple[InboundMessage, ...]:
        if raw.body == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        return (InboundMessage(sender=Address("a@b.example"), subject=raw.body.decode()),)


@pytest.mark.parametrize("place", [0, 7, 19])
async def test_the_message_that_killed_the_child_is_known_though_answers_leave_together(tmp_path, place) -> None:
    child = Reader(Settings(var=tmp_path, channels={"lethal": f"{__name__}:Lethal"}))
    raws = [raw(b"die" if number == place else b"%d" % number, "lethal") for number in range(20)]
    try:
        readings = await child.read(raws)
    finally:
        await child.close()
    assert subjects(readings) == ["" if number == place else str(number) for number in range(20)]
    assert [number for number, reading in enumerate(readings) if reading.killed] == [place]
    assert child.deaths == 2


async def test_an_unknown_channel_is_malformed(reader: Reader) -> None:
    [reading] = await reader.read([raw(b"x", "pigeon")])
    assert "pigeon" in reading.malformed


@pytest.mark.parametrize("count", [0, 1])
async def test_few_messages_are_no_special_case(reader: Reader, count: int) -> None:
    assert len(await reader.read([mail(n) for n in range(count)])) == count
