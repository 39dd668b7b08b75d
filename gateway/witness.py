"""The witness: knows what a gateway said yes to, and compares it with what the database holds.

Enters: mails, forms and lines, each when its yes was heard. Leaves: a `Verdict`. May fail with
what the database raises.

It trusts nothing that the gateway computed: a mail is found again by the digest of its stored bytes, a form by the
mark in its text, and a reply's ticket is compared with that of the first mail of its thread.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.simulated_lines import SimulatedLine
from gateway.simulated_mail import SimulatedForm, SimulatedMail

Sent = SimulatedMail | SimulatedForm | SimulatedLine


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of everything that was accepted."""

    items: int
    """Rows of the inbox since the witness began to look."""
    outcomes: dict[str, int]
    lost: list[str]
    """Accepted, and not in the inbox: Message-IDs and marks of forms."""
    doubled: list[str]
    """In the inbox more than once, or a ticket more than once."""
    misplaced: list[str]
    """Replies in another ticket than the first mail of their thread."""
    replies: int
    """Replies whose place was compared."""
    settle_seconds: list[float]
    """From accept to the committed ticket, each."""
    rules: dict[str, int]
    """What the acknowledgement table said, by rule."""
    queued: int
    """Acknowledgements queued."""

    @property
    def sound(self) -> bool:
        """Nothing lost, nothing doubled, every reply at its place."""
        return not (self.lost or self.doubled or self.misplaced)


@dataclass(slots=True)
class Witness:
    """Notes each yes. `since` is the last row of the inbox before the first one."""

    since: int = 0
    since_outbox: int = 0
    accepted: list[Sent] = field(default_factory=list)

    async def begin(self, connection: AsyncConnection) -> None:
        """Note where the tables end."""
        row = (await connection.execute(_ENDS)).one()
        self.since, self.since_outbox = row.inbox, row.outbox

    def heard_yes(self, sent: Sent) -> None:
        """Note that `sent` was accepted."""
        self.accepted.append(sent)

    async def unsettled(self, connection: AsyncConnection) -> int:
        """How many rows still wait."""
        return int((await connection.execute(_UNSETTLED, {"since": self.since})).scalar_one())

    async def judge(self, connection: AsyncConnection) -> Verdict:
        """Compare."""
        rows = (await connection.execute(_ITEMS, {"since": self.since})).all()
        rules = await connection.execute(_RULES, {"since": self.since})
        queued = await connection.execute(_QUEUED, {"since": self.since_outbox})
        stored = await self._stored(connection, rows)
        lost, doubled = self._compare(stored)
        replies, misplaced = self._places(stored)
        return Verdict(
            items=len(rows),
            outcomes=Counter(row.outcome or "pending" for row in rows),
            lost=lost,
            doubled=doubled,
            misplaced=misplaced,
            replies=replies,
            settle_seconds=[_seconds(row.received_at, row.settled_at) for row in rows if row.settled_at],
            rules={row.rule: row.times for row in rules},
            queued=int(queued.scalar_one()),
        )

    async def _stored(self, connection: AsyncConnection, rows: Sequence[Any]) -> dict[tuple[str, str], list[Any]]:
        """The rows by what they hold: (digest, account) for a mail, ('', mark) for a form, ('id', id) for a line."""
        lines = {key_of(sent) for sent in self.accepted if isinstance(sent, SimulatedLine)}
        mails = {key_of(sent)[0] for sent in self.accepted if isinstance(sent, SimulatedMail)}
        others = [row.id for row in rows if row.digest not in mails]
        marks = {row.id: row.mark for row in await connection.execute(_MARKS, {"ids": others})} if others else {}
        stored: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in rows:
            line = ("id", row.external_id)
            stored[
                line if line in lines else ("", marks[row.id]) if row.id in marks else (row.digest, row.account)
            ].append(row)
        return stored

    def _compare(self, stored: dict[tuple[str, str], list[Any]]) -> tuple[list[str], list[str]]:
        lost, doubled = [], []
        tickets: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for key, sent in {key_of(sent): sent for sent in self.accepted}.items():
            rows = stored.get(key, [])
            if not rows:
                lost.append(name_of(sent))
            if len(rows) > 1:
                doubled.append(name_of(sent))
            if any(row.outcome in ("ticket", "appended") for row in rows):
                tickets[name_of(sent)].add(key)
        doubled += [name for name, keys in tickets.items() if len(keys) > 1]
        return lost, doubled

    def _places(self, stored: dict[tuple[str, str], list[Any]]) -> tuple[int, list[str]]:
        """How many replies were looked at, and which lie in a wrong ticket."""
        places: dict[str, set[int]] = defaultdict(set)
        for sent in self.accepted:
            if isinstance(sent, SimulatedMail):
                places[sent.message_id].update(row.ticket_id for row in stored.get(key_of(sent), []) if row.ticket_id)
        first: dict[str, SimulatedLine] = {}
        for sent in self.accepted:
            if isinstance(sent, SimulatedLine):
                places[sent.key].update(row.ticket_id for row in stored.get(key_of(sent), []) if row.ticket_id)
                first.setdefault(sent.sender, sent)
        replies = {
            sent.message_id: sent.root
            for sent in self.accepted
            if isinstance(sent, SimulatedMail) and sent.parent and sent.root in places
        } | {
            sent.key: first[sent.sender].key
            for sent in self.accepted
            if isinstance(sent, SimulatedLine) and first[sent.sender] is not sent
        }
        return len(replies), [name for name, root in replies.items() if places[name] != places[root]]


def key_of(sent: Sent) -> tuple[str, str]:
    """What a row of the inbox must hold to be this one: see `Witness._stored`."""
    if isinstance(sent, SimulatedForm):
        return "", sent.key
    if isinstance(sent, SimulatedLine):
        return "id", sent.request.external_id
    return hashlib.sha256(sent.raw).hexdigest(), sent.recipient


def name_of(sent: Sent) -> str:
    """What people may search for."""
    return sent.message_id if isinstance(sent, SimulatedMail) else sent.key


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


_ENDS = text(
    "SELECT coalesce((SELECT max(id) FROM inbox), 0) AS inbox, coalesce((SELECT max(id) FROM outbox), 0) AS outbox"
)
_UNSETTLED = text("SELECT count(*) FROM inbox WHERE state = 'pending' AND id > :since")
_ITEMS = text(
    """
    SELECT id, account, envelope->>'external_id' AS external_id,
        coalesce(nullif(body_sha256, ''), encode(sha256(body), 'hex')) AS digest, outcome, ticket_id,
        received_at, settled_at
    FROM inbox WHERE id > :since
    """
)
_MARKS = text(
    r"""
    SELECT id, substring(encode(body, 'escape') from '\((R-[0-9a-f]+-\d+)\)') AS mark
    FROM inbox WHERE id = ANY(:ids) AND encode(body, 'escape') ~ '\(R-[0-9a-f]+-\d+\)'
    """
)
_RULES = text(
    """
    SELECT split_part(reasons->>'acknowledge', ':', 1) AS rule, count(*) AS times
    FROM message WHERE inbox_id > :since AND reasons ? 'acknowledge' GROUP BY rule ORDER BY rule
    """
)
_QUEUED = text("SELECT count(*) FROM outbox WHERE id > :since AND kind = 'acknowledgement'")
