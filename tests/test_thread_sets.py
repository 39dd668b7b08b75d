"""How well threads are found, measured on sets of mails with known threads, through the SMTP door."""

from __future__ import annotations

import aiosmtplib

from tests.desk import Desk
from tests.test_thread import tickets_of
from tests.thread_sets import DESK, Piece, f1, sets

FLOOR = 0.98


async def deliver(desk: Desk, pieces: list[Piece]) -> None:
    """Over one connection, settling now and then as a desk at work does."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=desk.settings.smtp.port, start_tls=False) as client:
        for number, piece in enumerate(pieces):
            await client.sendmail(piece.sender, [DESK], bytes(piece.mail).replace(b"\n", b"\r\n"))
            if number % 7 == 0:
                await desk.settle()
    await desk.settle()


async def test_threads_are_found_and_strangers_kept_apart(desk: Desk) -> None:
    expected: dict[str, str] = {}
    apart: set[str] = set()
    for pieces in sets(seed=11, count=3):
        await deliver(desk, pieces)
        for piece in pieces:
            name = piece.mail["Message-ID"].strip("<>")
            expected[name] = piece.thread
            if piece.stranger:
                apart.add(name)
    found = await tickets_of(desk)
    score, imperfect = f1(expected, found)
    print(f"{len(expected)} mails, {len(set(expected.values()))} threads: mean F1 {score:.4f}; {imperfect}")
    assert len(found) == len(expected)
    for name in apart:
        there = {expected[other] for other, ticket in found.items() if ticket == found[name]}
        assert there == {expected[name]}, f"a stranger stands in {there}"
    assert score >= FLOOR
