"""The agents' own survey, once a month: how satisfied are you, 1 to 5, and why. No answer leads to who gave it.

Two tables that know nothing of each other: who took part in a month (`AgentSurveyTurnout`, so that nobody counts
twice), and what was answered (`AgentSurveyAnswer`: no name, no time but the month, a random key). Since rows that are
written together could be matched by their order and transaction number, each answer writes all rows of its month anew
in both tables, in random order: whoever holds the database sees rows that all came at once. Results are shown from so
many answers on (`closing.survey_least`), and only for months that are over. What an agent writes in words may of
course tell who they are: the page says so. A copy of the database from before an answer and one from after it, laid
side by side, show what came between: backups are for administrators of the machine alone.

All functions work inside the caller's transaction and raise only what the database raises.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import date
from typing import ClassVar
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Date, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Column, Field, SQLModel

from models.columns import one_of, words

SCORES = (1, 2, 3, 4, 5)
LONGEST_COMMENT = 2000
_DICE = random.SystemRandom()


class AgentSurveyTurnout(SQLModel, table=True):
    """That an agent took part in a month."""

    __tablename__: ClassVar[str] = "agent_survey_turnout"

    month: date = Field(sa_column=Column(Date, primary_key=True))
    """Its first day."""
    agent_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )


class AgentSurveyAnswer(SQLModel, table=True):
    """What somebody answered."""

    __tablename__: ClassVar[str] = "agent_survey_answer"
    __table_args__ = (one_of("score", SCORES), Index("agent_survey_month", "month"))

    key: UUID = Field(sa_column=Column(PgUUID(as_uuid=True), primary_key=True))
    month: date = Field(sa_column=Column(Date, nullable=False))
    score: int = Field(sa_column=Column(SmallInteger, nullable=False))
    comment: str = words()


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """A month's results."""

    month: date
    answers: int
    average: float
    counts: tuple[int, ...]
    """How often 1, 2, 3, 4, 5."""
    comments: tuple[str, ...]
    """In alphabetical order, which tells nothing."""


async def took_part(connection: AsyncConnection, agent_id: int, month: date) -> bool:
    """Whether the agent answered in that month already."""
    return bool(await connection.scalar(_TOOK_PART, {"month": month.replace(day=1), "agent": agent_id}))


async def answer(connection: AsyncConnection, agent_id: int, month: date, score: int, comment: str = "") -> bool:
    """Take an answer. False where the agent gave one in that month already. Raises `ValueError` for a wrong score."""
    if score not in SCORES:
        raise ValueError(f"{score} is no score from 1 to 5")
    first = month.replace(day=1)
    await connection.execute(_LOCK)
    if await took_part(connection, agent_id, first):
        return False
    agents = [row.agent_id for row in await connection.execute(_TAKE_TURNOUT, {"month": first})]
    answers = [(row.score, row.comment) for row in await connection.execute(_TAKE_ANSWERS, {"month": first})]
    agents.append(agent_id)
    answers.append((score, comment.strip()[:LONGEST_COMMENT]))
    _DICE.shuffle(agents)
    _DICE.shuffle(answers)
    await connection.execute(_PUT_TURNOUT, {"month": first, "agents": agents})
    for given, said in answers:
        values = {"key": uuid.uuid4(), "month": first, "score": given, "comment": said}
        await connection.execute(_ANSWER, values)
    return True


async def results(connection: AsyncConnection, *, today: date, least: int) -> Sequence[Month]:
    """Months that are over and have at least `least` answers, the latest first."""
    rows = await connection.execute(_RESULTS, {"month": today.replace(day=1), "least": least})
    return [
        Month(
            month=row.month,
            answers=row.answers,
            average=float(row.average),
            counts=tuple(row.counts.count(score) for score in SCORES),
            comments=tuple(sorted(filter(None, row.comments))),
        )
        for row in rows
    ]


_LOCK = text("LOCK TABLE agent_survey_turnout, agent_survey_answer IN SHARE ROW EXCLUSIVE MODE")
_TOOK_PART = text("SELECT true FROM agent_survey_turnout WHERE month = :month AND agent_id = :agent")
_ANSWER = text("INSERT INTO agent_survey_answer (key, month, score, comment) VALUES (:key, :month, :score, :comment)")
_TAKE_TURNOUT = text("DELETE FROM agent_survey_turnout WHERE month = :month RETURNING agent_id")
_PUT_TURNOUT = text(
    """
    INSERT INTO agent_survey_turnout (month, agent_id)
    SELECT :month, one FROM unnest(cast(:agents AS bigint[])) AS one
    """
)
_TAKE_ANSWERS = text("DELETE FROM agent_survey_answer WHERE month = :month RETURNING score, comment")
_RESULTS = text(
    """
    SELECT month, count(*) AS answers, avg(score) AS average, array_agg(score) AS counts, array_agg(comment) AS comments
    FROM agent_survey_answer WHERE month < :month GROUP BY month HAVING count(*) >= :least ORDER BY month DESC
    """
)
