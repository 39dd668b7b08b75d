"""`guichet simulate`: play customers at the real doors, then sum up and judge.

Enters: the settings, how fast, how long. Leaves: a summary on the screen and the exit status: 0 only where everything
that was accepted is there exactly once, every reply lies in its parent's ticket, the balance shows no difference and no
message was left without an answer. May fail with what the database raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from channels import load
from config.database import connect
from config.settings import Settings
from gateway.simulated_doors import Doors, Tally, recipients
from gateway.simulated_lines import Lines
from gateway.simulated_mail import Customers
from gateway.simulation_summary import sum_up
from gateway.witness import Sent, Witness
from models.balance import balance

ANSWER_SECONDS = 90.0
"""How long refused messages are tried again after the last one was due."""
SETTLE_SECONDS = 120.0
"""How long the inbox may take to become empty after that."""
LOOK_SECONDS = 0.2
PER_VISITOR = 15.0
"""Forms that one address posts in a minute: more would look like a machine."""


async def run(
    settings: Settings,
    database_url: str,
    *,
    rate: float,
    seconds: float,
    seed: int,
    forms: float,
    lines: float = 0.0,
    keep: int = 16,
) -> int:
    """Send `rate` messages a second for `seconds`, over `keep` SMTP connections; then sum up.

    A share of them are forms, and short lines where a channel of these may be rehearsed.
    """
    database = connect(database_url, pool=1, name="guichet-simulate")
    console = Console()
    witness = Witness()

    async def unsettled() -> int:
        async with database.engine.begin() as connection:
            return await witness.unsettled(connection)

    visitors = min(500, int(rate * forms * 60 / PER_VISITOR) + 1) if forms else 0
    try:
        async with database.engine.begin() as connection:
            await witness.begin(connection)
        with _progress(console) as progress:
            async with Doors(settings, witness, connections=keep, visitors=visitors) as doors:
                short = Lines.of(load(settings).values(), seed, datetime.now(UTC))
                shares = (forms, lines if short.channels else 0.0)
                play = Play(doors, rate, seconds, seed, shares, recipients(settings.smtp.recipients), short)
                await play.send(progress)
                await _watch(progress, "answers", doors.tally.sent, doors.unanswered, seconds=ANSWER_SECONDS)
            await _watch(progress, "settling", doors.tally.yes, unsettled, seconds=SETTLE_SECONDS)
        async with database.engine.begin() as connection:
            verdict = await witness.judge(connection)
            rows = await balance(connection)
    finally:
        await database.dispose()
    return sum_up(console, doors.tally, verdict, rows)


class Play:
    """The open-loop schedule: message n is due n/rate seconds after the start, however the doors answer."""

    def __init__(
        self,
        doors: Doors,
        rate: float,
        seconds: float,
        seed: int,
        shares: tuple[float, float],
        addresses: Sequence[str],
        lines: Lines,
    ) -> None:
        self._doors = doors
        self._rate = rate
        self._count = max(1, round(rate * seconds))
        self._forms, self._short = shares
        self._lines = lines
        self._choice = Random(seed)  # noqa: S311 - reproducible, and protects nothing
        self._customers = Customers(seed, start=datetime.now(UTC), recipients=addresses)

    async def send(self, progress: Progress) -> None:
        """Send all, each when it is due."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        bar = progress.add_task("sending", total=self._count, note="")
        for number in range(self._count):
            due = start + number / self._rate
            message = self._next(self._choice.random())
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._doors.send(message, due)
            elapsed = loop.time() - start
            progress.update(bar, completed=number + 1, note=_note(self._doors.tally, elapsed))
        progress.update(bar, note=_note(self._doors.tally, loop.time() - start))

    def _next(self, drawn: float) -> Sent:
        if drawn < self._forms:
            return self._customers.form()
        return self._lines.next() if drawn < self._forms + self._short else self._customers.next()


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:>9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
    )


def _note(tally: Tally, seconds: float) -> str:
    rate = tally.sent / max(seconds, 0.001)
    return f"{rate:.0f}/s · accepted {tally.yes} · put off {tally.later} · refused {tally.refused}"


async def _watch(
    progress: Progress, description: str, total: int, remaining: Callable[[], Awaitable[int]], *, seconds: float
) -> None:
    """Look until nothing remains, or `seconds` are over."""
    deadline = asyncio.get_running_loop().time() + seconds
    bar = progress.add_task(description, total=total, note="")
    while left := await remaining():
        progress.update(bar, completed=total - left)
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(LOOK_SECONDS)
    progress.update(bar, completed=total)
