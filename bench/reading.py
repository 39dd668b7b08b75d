"""`python -m bench.reading`: what reading one mail costs, in milliseconds of CPU time, step by step and as a whole.

    python -m bench.reading [--mails N] [--rounds N] [--seed N] [--profile STEP]

Enters: the simulated mails of the other measurements. Leaves: a table, with the least and the median of the rounds.
The steps run in this process, one after the other over all mails; the lines "child" and "parent" are what the real
child costs by the kernel's count, its pipes included, and what the process that feeds it pays. Nothing is stored.
"""

from __future__ import annotations

import argparse
import collections
import cProfile
import gc
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench.cpu import Meter
from bench.instance import RECIPIENTS
from channels import load
from channels.email.inbound import inbound
from channels.email.machine_mail import judge
from channels.email.mime import read
from channels.email.reply_text import new_words
from config.settings import Settings
from gateway.simulated_mail import Customers, SimulatedMail
from models.envelope import Envelope, RawMessage
from workers.reader import Reader
from workers.reading import Reading

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
BATCH = 200
"""Messages that the child is given at once: a full drain."""
REPEATS = 3
"""Times that all are read in a round: the kernel counts the child's time in ticks of ten milliseconds."""


def raw_messages(count: int, seed: int) -> list[RawMessage]:
    """The mails as the SMTP door would store them."""
    customers = Customers(seed, start=START, recipients=RECIPIENTS)
    return [_accepted(customers.next(), number) for number in range(count)]


def _accepted(mail: SimulatedMail, number: int) -> RawMessage:
    envelope = Envelope(
        channel="email",
        account=mail.recipient,
        external_id=mail.message_id,
        sender=mail.sender,
        recipients=(mail.recipient,),
        received_at=START,
        remote="192.0.2.1",
        trace_id=f"{number:032x}",
        lane=mail.sender,
        facts={"helo": "mail.example", "tls": "TLSv1.3"},
    )
    return RawMessage(envelope, mail.raw)


def steps(raws: Sequence[RawMessage], settings: Settings) -> dict[str, Callable[[], object]]:
    """What the child does with each message, in pieces that can be run over all of them."""
    channels = load(settings)
    channel = channels["email"]
    decode, encode = msgspec.msgpack.Decoder(RawMessage).decode, msgspec.msgpack.Encoder().encode
    frames = [encode(raw) for raw in raws]
    mails = [read(raw.body) for raw in raws]
    verdicts = [judge(mail, return_path=raw.envelope.sender) for mail, raw in zip(mails, raws, strict=True)]
    readings = [Reading(messages=channel.normalise(raw)) for raw in raws]
    answers = [encode(reading) for reading in readings]
    decode_answer = msgspec.msgpack.Decoder(Reading).decode
    triples = list(zip(mails, raws, verdicts, strict=True))
    hostname = settings.smtp.hostname
    own = frozenset(RECIPIENTS)
    return {
        "decode the frame": lambda: _run(decode(frame) for frame in frames),
        "read": lambda: _run(read(raw.body) for raw in raws),
        "judge": lambda: _run(judge(mail, return_path=raw.envelope.sender) for mail, raw, _ in triples),
        "make the message": lambda: _run(
            inbound(mail, raw.envelope, verdict, own=own, hostname=hostname) for mail, raw, verdict in triples
        ),
        "  of which new words": lambda: _run(new_words(mail.text, html=mail.html) for mail in mails),
        "encode the answer": lambda: _run(encode(reading) for reading in readings),
        "all of it": lambda: _run(encode(Reading(messages=channel.normalise(decode(frame)))) for frame in frames),
        "parent: encode and decode": lambda: _run(
            (encode(raw), decode_answer(answer)) for raw, answer in zip(raws, answers, strict=True)
        ),
    }


def _run(work: Iterable[object]) -> None:
    """Do all of `work` and keep nothing, as the child does: fresh memory for each result would cost more than it."""
    collections.deque(work, maxlen=0)


def measure(step: Callable[[], object], rounds: int, count: int) -> list[float]:
    """Milliseconds of CPU a message, for each round."""
    found = []
    step()
    for _ in range(rounds):
        gc.collect()
        begun = time.process_time()
        step()
        found.append((time.process_time() - begun) * 1_000 / count)
    return found


async def measure_child(raws: Sequence[RawMessage], settings: Settings, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of CPU a message: of the real child, and of this process that feeds it."""
    reader = Reader(settings)
    child, parent = [], []
    try:
        await _feed(reader, raws)
        for _ in range(rounds):
            gc.collect()
            assert reader._child is not None
            groups = {"child": [reader._child.process.pid]}
            before, begun = Meter.read(groups), time.process_time()
            for _ in range(REPEATS):
                await _feed(reader, raws)
            parent.append((time.process_time() - begun) * 1_000 / len(raws) / REPEATS)
            child.append(Meter.read(groups).since(before)["child"] * 1_000 / len(raws) / REPEATS)
    finally:
        await reader.close()
    return child, parent


async def _feed(reader: Reader, raws: Sequence[RawMessage]) -> None:
    for start in range(0, len(raws), BATCH):
        await reader.read(raws[start : start + BATCH])


def profile(step: Callable[[], object]) -> None:
    """Where the time of one step goes."""
    watch = cProfile.Profile()
    watch.runcall(step)
    pstats.Stats(watch).sort_stats("tottime").print_stats(45)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description="CPU time of reading a mail.")
    parser.add_argument("--mails", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", metavar="STEP", help="where the time of this step goes, instead of the table")
    wanted: Any = parser.parse_args()
    raws = raw_messages(wanted.mails, wanted.seed)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(var=Path(folder), smtp={"recipients": list(RECIPIENTS)})
        pieces = steps(raws, settings)
        gc.freeze()
        gc.set_threshold(50_000)  # as in the child
        if wanted.profile:
            profile(pieces[wanted.profile])
            return
        found = {name: measure(step, wanted.rounds, len(raws)) for name, step in pieces.items()}
        found["child"], found["parent"] = uvloop.run(measure_child(raws, settings, wanted.rounds))
    show(found, statistics.median(len(raw.body) for raw in raws))


def show(found: dict[str, list[float]], size: float) -> None:
    """The table."""
    table = Table(
        "ms of CPU a mail", "least", "median", title=f"median mail {size / 1_000:.1f} KB", title_justify="left"
    )
    for name, values in found.items():
        table.add_row(name, f"{min(values):.3f}", f"{statistics.median(values):.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
