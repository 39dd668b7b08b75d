"""Customers who write short lines: several to one matter, by every channel that lets itself be rehearsed.

Enters: the channels, a seed and a time. Leaves: one `SimulatedLine` after the other. Nothing fails. Where no channel
may be rehearsed there are none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from channels import Channel, Rehearsed
from gateway.simulated_texts import fill, load

CUSTOMERS = 400
MOST_LINES = 4
"""Lines to one matter."""


@dataclass(frozen=True, slots=True)
class SimulatedLine:
    """One line, and what must become of it: all lines of one sender are one ticket."""

    request: Rehearsed
    sender: str
    """The channel and the customer."""
    key: str


@dataclass(slots=True)
class Lines:
    """Makes lines. `channels` are those that may be rehearsed."""

    channels: list[Channel]
    seed: int
    start: datetime
    _made: int = 0
    _random: Random = field(init=False)
    _saying: list[tuple[Channel, str]] = field(default_factory=list)
    """Who has begun, and goes on: a channel and a number each."""

    def __post_init__(self) -> None:
        """Draw as the seed says."""
        self._random = Random(self.seed)  # noqa: S311 - reproducible, and protects nothing

    @classmethod
    def of(cls, channels: Iterable[Channel], seed: int, start: datetime) -> Lines:
        """The lines of those channels that may be rehearsed."""
        return cls([channel for channel in channels if channel.rehearse("+33600000000", "", "none")], seed, start)

    def next(self) -> SimulatedLine:
        """The next line."""
        self._made += 1
        draw, texts = self._random, load()
        if not self._saying:
            number = f"+336{self._made % CUSTOMERS:03}{draw.randrange(10**5):05}"
            self._saying = [(draw.choice(self.channels), number)] * draw.randint(1, MOST_LINES)
        channel, number = self._saying.pop()
        key = f"L-{self.start:%Y%m%d%H%M%S%f}-{self._made:06d}"
        text = fill(draw.choice(texts.mails).subject, draw, texts, self.start)
        request = channel.rehearse(number, f"{text} ({key})", key)
        assert request is not None  # noqa: S101 - such channels alone are kept
        return SimulatedLine(request, f"{channel.name}:{number}", key)
