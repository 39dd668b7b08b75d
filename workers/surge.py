"""Surge: notice that many customers write of one matter, gather their tickets, and send what is said to all of them.

Enters: the tickets of the last minutes; replies to all that agents wrote. Leaves: incidents with their tickets, once
each; the replies as answers on each ticket's own channel, once for each customer. One worker process at a time works
here, in transactions of a few tickets: a kill in between costs nothing, what was sent is not sent again. May fail with
what the database raises; the next look finds the same.

An incident that is found is a suspicion: it links tickets and alerts; no ticket changes, and nobody is written to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from time import monotonic
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from config import logs
from config.database import Database
from models import incident
from models.actor import Actor
from models.relay import NoTicketError, NoWayOutError, relay
from models.surge import Group, Limits, Said, likeness, surges
from workers.batch import Office
from workers.resemble import Sketch
from workers.subject import subject_key

LOCK = 0x6775_6963_6822
MOST = 1_000
"""Tickets that are compared with each other, the newest."""
AT_ONCE = 100
"""Customers who are answered in one look."""
HABIT_DAYS, HABIT_TICKETS, HABIT_SECONDS = 14, 200_000, 900.0
"""So far back, and of so many tickets, the habit of each category is counted; anew every quarter of an hour."""
NO_SUBJECT = subject_key("")
STEP = "surge"

log = logs.of("surge")


class Surge:
    """Watches over the new tickets. One for each worker process."""

    def __init__(self, database: Database, office: Office) -> None:
        self.database = database
        self.office = office
        self.settings = office.settings.surge
        self._seen = 0
        self._habit: Mapping[tuple[str, str], float] = {}
        self._counted_at = -inf

    async def drain(self) -> int:
        """Look for surges, and answer a few customers. Returns how many were answered."""
        if self.settings.minutes:
            async with self.database.engine.begin() as connection:
                if await connection.scalar(_ALONE, {"lock": LOCK}):
                    await self._watch(connection)
        answered, failed = 0, list[int]()
        while answered < AT_ONCE and (found := await self._answer(failed)):
            answered += found
        return answered

    async def _watch(self, connection: AsyncConnection) -> None:
        """Let new tickets join incidents that go on, and raise new ones. Nothing where no ticket came since."""
        await connection.execute(_OVER, {"hours": self.settings.over_hours})
        newest = int(await connection.scalar(_NEWEST) or 0)
        if newest == self._seen:
            return
        self._seen = newest
        rows = await connection.execute(_SAID, {"minutes": self.settings.minutes, "most": MOST})
        said = [_said(row) for row in rows][::-1]
        left = await self._join(connection, said)
        limits = Limits(
            self.settings.contacts, self.settings.category_contacts, self.settings.growth, self.settings.likeness
        )
        for group in surges(left, await self._usual(connection), limits):
            await self._raise(connection, group)

    async def _join(self, connection: AsyncConnection, said: Sequence[Said]) -> list[Said]:
        """Let tickets join the incidents that they fit. Returns those that fit none."""
        running = [(row, _words(row.sketch)) for row in await connection.execute(_RUNNING)]
        joining: dict[int, list[int]] = {}
        left = []
        for one in said:
            fitting = next((row.id for row, words in running if _fits(one, row, words, self.settings.likeness)), None)
            if fitting is None:
                left.append(one)
            else:
                joining.setdefault(fitting, []).append(one.ticket_id)
        for incident_id, numbers in joining.items():
            if added := await incident.join(connection, incident_id, numbers, actor=STEP):
                log.info("incident_grew", incident_id=incident_id, tickets=added)
        return left

    async def _usual(self, connection: AsyncConnection) -> Mapping[tuple[str, str], float]:
        """How many tickets of each category and product come in as long a time when there is much to do."""
        if monotonic() - self._counted_at > HABIT_SECONDS:
            values = {"days": HABIT_DAYS, "seconds": 60 * self.settings.minutes, "most": HABIT_TICKETS}
            rows = await connection.execute(_HABIT, values)
            self._habit = {(row.category, row.product): float(row.usual) for row in rows}
            self._counted_at = monotonic()
        return self._habit

    async def _raise(self, connection: AsyncConnection, group: Group) -> None:
        first = group.first
        values = {
            "basis": group.basis,
            "subject": first.subject,
            "category": first.category,
            "product": first.product,
            "key": first.subject_key if group.basis == "subject" else 0,
            "sketch": Sketch(first.words).stored() if group.basis == "words" else None,
        }
        running = await connection.scalar(_SAME, values) if group.basis == "category" else None
        if running is not None:
            await incident.join(connection, running, group.tickets, actor=STEP)
            return
        incident_id = int((await connection.execute(_RAISE, values)).scalar_one())
        await incident.join(connection, incident_id, group.tickets, actor=STEP)
        log.warning("incident_suspected", incident_id=incident_id, basis=group.basis, tickets=len(group.tickets))

    async def _answer(self, failed: list[int]) -> int:
        """Send a reply to all to one of those who did not get it yet. Returns 0 where there is nobody.

        Each in a transaction of its own: two tickets that are locked in turn could wait for a batch that is settled.
        """
        async with self.database.engine.begin() as connection:
            row = (await connection.execute(_WAITING, {"failed": failed})).one_or_none()
            if row is None:
                return 0
            try:
                async with connection.begin_nested():
                    trouble = await self._send(connection, row)
            except DBAPIError as error:
                log.error(
                    "incident_reply_failed", ticket_id=row.ticket_id, error=f"{type(error).__name__}: {error}"[:300]
                )
                failed.append(row.ticket_id)
                return 1
            values = {"incident": row.incident_id, "ticket": row.ticket_id, "reply": row.id, "trouble": trouble}
            await connection.execute(_SENT, values)
        return 1

    async def _send(self, connection: AsyncConnection, row: Any) -> str:
        """One reply to one customer. Returns why it cannot be sent, '' where it was queued."""
        words = row.said.get(row.language) or next(iter(row.said.values()))
        kind, _, number = row.actor.partition(":")
        actor = Actor(kind, id=int(number) if number.isdigit() else 0, name=row.actor_name)
        # Somebody with two tickets of the matter is told once: the key is the address, not the ticket.
        once = f"incident:{row.id}:{row.answer_channel}:{row.answer_address}"
        try:
            await relay(connection, self.office, row.ticket_id, words, actor=actor, once=once)
        except (NoTicketError, NoWayOutError) as error:
            return str(error)
        return ""


def _fits(one: Said, row: Any, words: frozenset[int], least: float) -> bool:
    """Whether a ticket is of an incident."""
    if row.basis == "words":
        return likeness(one.words, words) >= least
    if row.basis == "subject":
        return one.subject_key != 0 and one.subject_key == row.subject_key
    return False  # what is merely of the same category joins while the surge goes on, and no longer


def _said(row: Any) -> Said:
    return Said(
        ticket_id=row.id,
        contact_id=row.contact_id,
        subject=row.subject,
        subject_key=0 if row.subject_key == NO_SUBJECT else row.subject_key,
        category=row.category,
        product=row.product,
        words=_words(row.sketch),
    )


def _words(sketch: bytes | None) -> frozenset[int]:
    return Sketch.read(sketch).words if sketch else frozenset()


_ALONE = text("SELECT pg_try_advisory_xact_lock(:lock)")
_NEWEST = text("SELECT max(id) FROM ticket")
_OVER = text(
    """
    UPDATE incident SET state = 'over', over_at = now()
    WHERE state <> 'over' AND basis <> 'hand' AND last_at < now() - make_interval(secs => 3600 * :hours)
    """
)
_SAID = text(
    """
    SELECT ticket.id, ticket.contact_id, ticket.subject, category, product, first.subject_key, first.sketch
    FROM ticket CROSS JOIN LATERAL (
        SELECT subject_key, sketch FROM message WHERE ticket_id = ticket.id AND direction = 'in' ORDER BY id LIMIT 1
    ) AS first
    WHERE ticket.id > (SELECT max(id) FROM ticket) - :most
      AND ticket.created_at > now() - make_interval(secs => 60 * :minutes) AND merged_into IS NULL
      AND NOT EXISTS (SELECT FROM incident_ticket WHERE ticket_id = ticket.id)
    ORDER BY ticket.id DESC
    """
)
_RUNNING = text(
    "SELECT id, basis, category, product, subject_key, sketch FROM incident WHERE state <> 'over' ORDER BY id"
)
_HABIT = text(
    """
    SELECT category, product, percentile_disc(0.95) WITHIN GROUP (ORDER BY tickets) AS usual FROM (
        SELECT category, product, count(*) AS tickets FROM ticket
        WHERE id > (SELECT max(id) FROM ticket) - :most
          AND created_at BETWEEN now() - make_interval(days => :days) AND now() - make_interval(secs => :seconds)
        GROUP BY category, product, floor(extract(epoch FROM created_at) / cast(:seconds AS float))
    ) AS slices GROUP BY category, product
    """
)
_SAME = text(
    """
    SELECT id FROM incident
    WHERE state <> 'over' AND basis = :basis AND category = :category AND product = :product ORDER BY id LIMIT 1
    """
)
_RAISE = text(
    """
    INSERT INTO incident (basis, subject, category, product, subject_key, sketch)
    VALUES (:basis, :subject, :category, :product, :key, :sketch) RETURNING id
    """
)
_WAITING = text(
    """
    SELECT reply.id, reply.incident_id, reply.said, reply.actor, reply.actor_name, member.ticket_id, ticket.language,
        ticket.answer_channel, ticket.answer_address
    FROM incident_reply AS reply
    JOIN incident_ticket AS member ON member.incident_id = reply.incident_id AND member.state = 'joined'
    JOIN ticket ON ticket.id = member.ticket_id
    WHERE member.replied_id < reply.id AND (reply.later OR member.at <= reply.at) AND ticket.status <> 'closed'
      AND ticket.id <> ALL(:failed)
    ORDER BY reply.id, member.ticket_id LIMIT 1 FOR UPDATE OF member SKIP LOCKED
    """
)
_SENT = text(
    """
    UPDATE incident_ticket SET replied_id = :reply, trouble = :trouble
    WHERE incident_id = :incident AND ticket_id = :ticket
    """
)
