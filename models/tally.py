"""Tallies: rows counted by slot of time, kept up without reading the whole table again.

Enters: a connection, the database's clock. Leaves: counts by slot and by key, in memory. May fail: with whatever the
database raises; the tally then stays as it was, and the next count makes good what was missed.

The ledger's tables have no index on time, since each would cost every message. But ids rise with time, so a tally
keeps marks (at this time, this was the highest id) and counts again only the rows above the mark of the last minute.
The first count of a process finds its mark by halving the primary key, about 25 look-ups.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

AGAIN = 60.0
"""Seconds that each count goes back: a transaction cannot commit later than that after its clock was read."""
MARK_SECONDS = 5.0
"""Between two marks."""
NEAR_SECONDS = 30.0
"""A mark that is so much too old still serves."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is counted: the rows of `table` that satisfy `condition`, at the time in `column`, by `key` (all SQL)."""

    table: str
    column: str
    condition: str = "true"
    key: str = "''"


class Marks:
    """The highest id of a table at past times, so that a time becomes an id."""

    def __init__(self, table: str, column: str) -> None:
        """`column` is a time that rises with the id."""
        self._highest = text(f"SELECT coalesce(max(id), 0) FROM {table}")
        self._next = text(
            f"SELECT id, extract(epoch FROM {column}) AS at FROM {table} WHERE id >= :id ORDER BY id LIMIT 1"
        )
        self._marks: deque[tuple[float, int]] = deque()

    async def note(self, connection: AsyncConnection, now: float, *, keep: float) -> int:
        """Set a mark, and forget those older than `keep` seconds. Returns the highest id."""
        highest = int((await connection.execute(self._highest)).scalar_one())
        if not self._marks or now - self._marks[-1][0] >= MARK_SECONDS:
            self._marks.append((now, highest))
        while len(self._marks) > 1 and self._marks[1][0] < now - keep:
            self._marks.popleft()
        return highest

    async def below(self, connection: AsyncConnection, since: float) -> int:
        """An id below every row whose time is `since` or later."""
        wanted = since - AGAIN
        reached = [mark for mark in self._marks if wanted - NEAR_SECONDS <= mark[0] <= wanted]
        if reached:
            return reached[-1][1]
        found = await self._halve(connection, wanted)
        self._marks = deque(sorted([*self._marks, (wanted, found)]))
        return found

    async def _halve(self, connection: AsyncConnection, since: float) -> int:
        low, high = 0, int((await connection.execute(self._highest)).scalar_one()) + 1
        while low < high:
            middle = (low + high) // 2
            row = (await connection.execute(self._next, {"id": middle})).first()
            if row is None or float(row.at) >= since:
                high = middle
            else:
                low = int(row.id) + 1
        return low - 1


class Tally:
    """Counts of one source over the last `span` seconds, in slots of `slot` seconds."""

    def __init__(self, source: Source, marks: Marks, *, slot: int, span: int, most: int = 1_000_000) -> None:
        """The first count reads at most the last `most` rows; `begin` then says since when it is complete."""
        self.slot, self.span, self.most = slot, span, most
        self.begin = 0.0
        self.slots: dict[int, dict[str, int]] = {}
        self._marks = marks
        self._until: float | None = None
        self._count = text(
            f"""
            SELECT cast(floor(extract(epoch FROM {source.column}) / {slot}) AS bigint) * {slot} AS slot,
                {source.key} AS key, count(*) AS rows, extract(epoch FROM min({source.column})) AS first
            FROM {source.table}
            WHERE id > :below AND {source.column} >= to_timestamp(:since) AND {source.condition}
            GROUP BY 1, 2
            """
        )

    async def count(self, connection: AsyncConnection, now: float, *, highest: int, reach: float = 0.0) -> None:
        """Bring the tally up to `now` (seconds since 1970, the database's). `highest` is the table's highest id.

        `reach`: rows may be so many seconds older than the time that they are counted at.
        """
        start = self._floor(now - self.span)
        since = start if self._until is None else max(start, self._floor(self._until - AGAIN))
        below = await self._marks.below(connection, since - min(reach, self.span))
        shortened = self._until is None and highest - below > self.most
        rows = (
            await connection.execute(
                self._count,
                {"since": since, "below": highest - self.most if shortened else below},
            )
        ).all()
        if self._until is None:
            self.begin = min((float(row.first) for row in rows), default=now) if shortened else float(start)
        kept = {slot: keys for slot, keys in self.slots.items() if start <= slot < since}
        for row in rows:
            kept.setdefault(int(row.slot), {})[row.key or ""] = int(row.rows)
        self.slots, self._until, self.begin = kept, now, max(self.begin, start)

    def _floor(self, at: float) -> int:
        return int(at // self.slot) * self.slot

    def sums(self, since: float = 0.0) -> dict[str, int]:
        """By key, all that is counted in the slots that begin at `since` or later."""
        sums: dict[str, int] = {}
        for slot, keys in self.slots.items():
            if slot >= since:
                for key, count in keys.items():
                    sums[key] = sums.get(key, 0) + count
        return sums

    def total(self, since: float = 0.0) -> int:
        """The same, all keys together."""
        return sum(self.sums(since).values())

    def series(self, start: int, end: int) -> list[int]:
        """The counts of the slots from `start` up to, not including, `end`; both are beginnings of slots."""
        return [sum(self.slots.get(slot, {}).values()) for slot in range(start, end, self.slot)]
