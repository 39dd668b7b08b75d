"""Closing asks first: the question "is it solved?", and how satisfied the customer is, 1 to 5.

    solved_question   asked ──▶ yes (the ticket closes) · no (it opens again) · silence (it closes) · withdrawn
                      (somebody reopened or closed it meanwhile). One is open for a ticket at a time.
    satisfaction      asked ──▶ answered, or not. One a ticket, for ever; one a contact within some weeks.

Enters: what falls due, and what customers answer, by their page or in plain words. Leaves: the ticket's status, its
events, the rows. All functions work inside the caller's transaction and raise only what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, SmallInteger, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.actor import Actor
from models.columns import Moment, key, link, moment, one_of, words
from models.envelope import Asked
from models.life import Cycle
from models.life.row import Change, note

ANSWERS = ("", "yes", "no", "silence", "withdrawn")
SCORES = (1, 2, 3, 4, 5)
LONGEST_COMMENT = 2000


class SolvedQuestion(SQLModel, table=True):
    """A question whether a ticket is solved."""

    __tablename__: ClassVar[str] = "solved_question"
    __table_args__ = (
        one_of("answer", ANSWERS),
        Index("solved_question_open", "ticket_id", unique=True, postgresql_where=text("answer = ''")),
        Index("solved_question_due", "closes_at", postgresql_where=text("answer = ''")),
        Index("solved_question_ticket", "ticket_id", "id"),
        Index("solved_question_answered", "answered_at"),
    )

    id: int = key()
    ticket_id: int = link("ticket.id", nullable=False)
    asked: bool = False
    """False where nobody could be asked: then only time answers."""
    why: str = words()
    """Why nobody could be."""
    answer: str = words()
    asked_at: Moment = moment(now=True)
    closes_at: Moment = moment()
    answered_at: Moment = moment(nullable=True)


class Satisfaction(SQLModel, table=True):
    """How satisfied a customer is with how a ticket went."""

    __tablename__: ClassVar[str] = "satisfaction"
    __table_args__ = (
        one_of("score", SCORES, nullable=True),
        Index("satisfaction_ticket", "ticket_id", unique=True),
        Index("satisfaction_contact", "contact_id", "asked_at"),
        Index("satisfaction_answered", "answered_at", postgresql_where=text("score IS NOT NULL")),
    )

    id: int = key()
    ticket_id: int = link("ticket.id", nullable=False)
    contact_id: int = link("contact.id", nullable=False)
    agent_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    """Whose ticket it was when it was asked."""
    channel: str = words()
    """The channel of the answer; of the question, while there is none."""
    asked: bool = False
    """False where nothing was sent: it was given on the page, or the contact was asked lately."""
    score: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    comment: str = words()
    asked_at: Moment = moment(now=True)
    open_until: Moment = moment()
    """Until when an answer is taken."""
    answered_at: Moment = moment(nullable=True)


async def standing(connection: AsyncConnection, number: int) -> Asked:
    """What the page of ticket `number` asks now."""
    row = (await connection.execute(_STANDING, {"ticket": number})).one_or_none()
    if row is None:
        return Asked()
    return Asked(question=row.question, rating=row.rating, score=row.score, comment=row.comment or "")


async def solved(connection: AsyncConnection, number: int, answer: str, *, actor: Actor, cycle: Cycle) -> bool:
    """Take the answer yes, no or silence to the question that is open. False where there is none (any more)."""
    ticket = (await connection.execute(_TICKET, {"ticket": number})).one_or_none()
    if ticket is None or ticket.status != "resolved" or ticket.merged_into is not None:
        return False
    answered = await connection.execute(_ANSWERED, {"ticket": number, "answer": answer})
    if not answered.rowcount:
        return False
    status = "open" if answer == "no" else "closed"
    stage = cycle.settle(ticket.pipeline, ticket.stage, "resolved", status)
    await connection.execute(_MOVE, {"ticket": number, "status": status, "stage": stage})
    changes = [Change("solved", "", answer), Change("status", "resolved", status)]
    changes += [Change("stage", ticket.stage, stage)] if stage != ticket.stage else []
    await note(connection, actor, number, changes)
    return True


async def rate(
    connection: AsyncConnection, number: int, score: int, comment: str, *, actor: Actor, channel: str, open_days: float
) -> bool:
    """Take a score, or a better thought-out one. False where none may be given (any more)."""
    if score not in SCORES:
        return False
    ticket = (await connection.execute(_TICKET, {"ticket": number})).one_or_none()
    if ticket is None or ticket.status != "closed":
        return False
    values = {"ticket": number, "score": score, "comment": comment.strip()[:LONGEST_COMMENT], "channel": channel}
    before = (await connection.execute(_BEFORE, {"ticket": number})).one_or_none()
    rated = await connection.execute(_RATE, {**values, "days": open_days})
    if not rated.rowcount:
        return False
    old = "" if before is None or before.score is None else str(before.score)
    if old != str(score):
        await note(connection, actor, number, [Change("satisfaction", old, str(score))])
    return True


async def heard(connection: AsyncConnection, answers: Sequence[tuple[int, str, str, str, str]]) -> None:
    """Set down what settling understood: (ticket, "solved" or "satisfaction", answer, comment, channel).

    The ticket's own row and its history are the settling batch's affair.
    """
    for number, question, answer, comment, channel in answers:
        if question == "solved":
            await connection.execute(_ANSWERED, {"ticket": number, "answer": answer})
        else:
            values = {"ticket": number, "score": int(answer), "comment": comment[:LONGEST_COMMENT], "channel": channel}
            await connection.execute(_SCORED, values)


async def whom(connection: AsyncConnection, ticket: Any) -> str:
    """Why the customer of `ticket` is asked nothing: stopped, blocked, machine, window; '' where they may be."""
    values = {"ticket": ticket.id, "channel": ticket.answer_channel, "address": ticket.answer_address}
    return str((await connection.execute(_WHOM, {**values, "account": ticket.answer_account})).scalar_one())


async def lately(connection: AsyncConnection, contact: int, *, days: float) -> bool:
    """Whether that contact was asked how satisfied they are within `days`."""
    return bool(await connection.scalar(_LATELY, {"contact": contact, "days": days}))


async def withdraw(connection: AsyncConnection) -> int:
    """Take back the questions of tickets that somebody reopened, closed or merged meanwhile. Returns how many."""
    return int((await connection.execute(_WITHDRAW)).rowcount)


async def resolved(connection: AsyncConnection, *, seconds: float, most: int) -> list[Any]:
    """Tickets that have been resolved for `seconds` and about which nothing was asked since. Locks them."""
    return list(await connection.execute(_RESOLVED, {"seconds": seconds, "most": most}))


async def ask(connection: AsyncConnection, number: int, *, closes_at: datetime, asked: bool, why: str = "") -> None:
    """Set down that the question was asked, or why it was not."""
    await connection.execute(_ASK, {"ticket": number, "closes": closes_at, "asked": asked, "why": why})


async def silent(connection: AsyncConnection, *, most: int) -> list[int]:
    """Tickets whose customer has said nothing for long enough."""
    return [row.ticket_id for row in await connection.execute(_SILENT, {"most": most})]


async def closed(connection: AsyncConnection, *, minutes: float, most: int) -> list[Any]:
    """Tickets that were asked about, have been closed for `minutes`, and have no row of satisfaction. Locks them."""
    return list(await connection.execute(_CLOSED, {"minutes": minutes, "most": most}))


async def ask_satisfaction(connection: AsyncConnection, ticket: Any, *, asked: bool, open_days: float) -> None:
    """Set down that it was asked, or that it will not be."""
    values = {"ticket": ticket.id, "contact": ticket.contact_id, "agent": ticket.assignee_id, "days": open_days}
    await connection.execute(_ASK_SATISFACTION, {**values, "channel": ticket.answer_channel, "asked": asked})


_TICKET = text(
    """
    SELECT id, status, pipeline, stage, merged_into, contact_id, assignee_id FROM ticket WHERE id = :ticket
    FOR NO KEY UPDATE
    """
)
_STANDING = text(
    """
    SELECT ticket.status = 'resolved' AND EXISTS (
            SELECT FROM solved_question WHERE ticket_id = ticket.id AND answer = '' AND asked) AS question,
        ticket.status = 'closed'
            AND coalesce(satisfaction.open_until, ticket.resolved_at + interval '30 days') > now()
            AND EXISTS (SELECT FROM solved_question WHERE ticket_id = ticket.id AND answer IN ('yes', 'silence'))
            AS rating,
        satisfaction.score, satisfaction.comment
    FROM ticket LEFT JOIN satisfaction ON satisfaction.ticket_id = ticket.id
    WHERE ticket.id = :ticket AND ticket.merged_into IS NULL
    """
)
_ANSWERED = text(
    "UPDATE solved_question SET answer = :answer, answered_at = now() WHERE ticket_id = :ticket AND answer = ''"
)
_MOVE = text(
    """
    UPDATE ticket SET status = :status, stage = :stage, updated_at = now(),
        resolved_at = CASE WHEN :status = 'open' THEN NULL ELSE coalesce(resolved_at, now()) END
    WHERE id = :ticket
    """
)
_BEFORE = text("SELECT score FROM satisfaction WHERE ticket_id = :ticket")
_RATE = text(
    """
    INSERT INTO satisfaction
        (ticket_id, contact_id, agent_id, channel, asked, score, comment, answered_at, open_until)
    SELECT id, contact_id, assignee_id, :channel, false, :score, :comment, now(),
        now() + make_interval(secs => :days * 86400) FROM ticket
    WHERE id = :ticket AND merged_into IS NULL
    ON CONFLICT (ticket_id) DO UPDATE SET score = excluded.score, answered_at = now(), channel = excluded.channel,
        comment = CASE WHEN excluded.comment = '' THEN satisfaction.comment ELSE excluded.comment END
    WHERE satisfaction.open_until > now()
    """
)
_WITHDRAW = text(
    """
    UPDATE solved_question SET answer = 'withdrawn', answered_at = now() FROM ticket
    WHERE ticket.id = ticket_id AND answer = '' AND (ticket.status <> 'resolved' OR ticket.merged_into IS NOT NULL)
    """
)
_RESOLVED = text(
    """
    SELECT id, subject, contact_id, language, answer_channel, answer_address, answer_account, conversation,
        assignee_id, resolved_at, now() AS now
    FROM ticket
    WHERE status = 'resolved' AND merged_into IS NULL AND resolved_at < now() - make_interval(secs => :seconds)
      AND NOT EXISTS (SELECT FROM solved_question WHERE ticket_id = ticket.id AND answer = '')
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_ASK = text(
    """
    INSERT INTO solved_question (ticket_id, asked, why, closes_at) VALUES (:ticket, :asked, :why, :closes)
    """
)
_SILENT = text("SELECT ticket_id FROM solved_question WHERE answer = '' AND closes_at <= now() ORDER BY id LIMIT :most")
_CLOSED = text(
    """
    SELECT id, subject, contact_id, language, answer_channel, answer_address, answer_account, conversation,
        assignee_id, now() AS now
    FROM ticket
    WHERE status = 'closed' AND merged_into IS NULL AND id IN (
        SELECT ticket_id FROM solved_question
        WHERE asked AND answer IN ('yes', 'silence') AND answered_at < now() - make_interval(secs => :minutes * 60)
          AND answered_at > now() - interval '2 days')
      AND NOT EXISTS (SELECT FROM satisfaction WHERE satisfaction.ticket_id = ticket.id)
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_ASK_SATISFACTION = text(
    """
    INSERT INTO satisfaction (ticket_id, contact_id, agent_id, channel, asked, open_until)
    VALUES (:ticket, :contact, :agent, :channel, :asked, now() + make_interval(secs => :days * 86400))
    ON CONFLICT (ticket_id) DO NOTHING
    """
)
_LATELY = text(
    """
    SELECT true FROM satisfaction
    WHERE contact_id = :contact AND asked AND asked_at > now() - make_interval(secs => :days * 86400) LIMIT 1
    """
)
_SCORED = text(
    """
    UPDATE satisfaction SET score = :score, comment = :comment, channel = :channel, answered_at = now()
    WHERE ticket_id = :ticket AND open_until > now()
    """
)
_WHOM = text(
    """
    SELECT CASE
        WHEN identity.stopped_at IS NOT NULL THEN 'stopped'
        WHEN identity.blocked_until > now() THEN 'blocked'
        WHEN answer_window.window_until <= now() THEN 'window'
        WHEN NOT EXISTS (SELECT FROM message WHERE ticket_id = :ticket AND direction = 'in' AND proof <> 'failed'
            AND coalesce(reasons->>'acknowledge', '') !~ '^A([1-9]|1[0-4]):') THEN 'machine'
        ELSE '' END
    FROM (VALUES (cast(:channel AS text), cast(:address AS text), cast(:account AS text)))
        AS given (channel, address, account)
    LEFT JOIN identity ON identity.channel = given.channel AND identity.address = given.address
    LEFT JOIN answer_window ON answer_window.channel = given.channel AND answer_window.address = given.address
        AND answer_window.account = given.account
    """
)
"""Rules A1 to A14 say that nobody sits at the other end, or nobody who can be named (`workers.acknowledge`)."""
