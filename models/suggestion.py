"""Suggestions: tickets that said the same and were solved, with what was answered then.

Enters: a ticket that the actor may see. Leaves: the likest of the newest resolved tickets that the actor may see, each
with how like it is and the last answer of a person in it. Offline, explained by the words in common, and the same for
the same tables. May fail with what the database raises.

Messages are compared by their sketches (a column beside each message, hashes of its telling words): a word weighs the
more, the fewer of the compared tickets have it. Only tickets of its language are compared, and those of its
category go further back.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.actor import Actor, visible

COMPARED = 1_000
"""Resolved tickets that are compared: the newest of its category, and the newest of any."""
LEAST = 0.25
"""What is less like it is no suggestion."""


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that said the same, and was solved."""

    number: int
    subject: str
    category: str
    likeness: int
    """Percent of the weight of its words that both have."""
    answer: str
    """What a person answered last; '' where nothing was."""


async def similar(connection: AsyncConnection, actor: Actor, number: int, *, most: int = 5) -> list[Similar]:
    """The tickets that are likest to `number`, the likest first."""
    condition, values = visible(actor)
    given = {"id": number, **values}
    own = (await connection.execute(text(_OWN.format(visible=condition)), given)).one_or_none()
    if own is None or not own.sketch:
        return []
    given |= {"language": own.language, "category": own.category, "most": COMPARED}
    rows = (await connection.execute(text(_SOLVED.format(visible=condition)), given)).all()
    told = {row.id: (_words(row.sketch), row.category == own.category) for row in rows}
    ranked = rank(_words(own.sketch), told)[:most]
    answers = await connection.execute(_ANSWERS, {"ids": [one for one, _score in ranked]})
    shown = {row.id: row for row in answers}
    return [
        Similar(
            number=one,
            subject=shown[one].subject,
            category=shown[one].category,
            likeness=round(100 * score),
            answer=shown[one].answer or "",
        )
        for one, score in ranked
    ]


def rank(said: frozenset[int], others: Mapping[int, tuple[frozenset[int], bool]]) -> list[tuple[int, float]]:
    """Number and likeness (0 to 1) of those that are like `said`, the likest first; the newer of equals. Pure.

    `others`: number to words, and whether it is of the same category, which weighs a tenth.
    """
    weights = _weights([said, *(words for words, _same in others.values())])
    scored = []
    for number, (words, same) in others.items():
        both, either = _weight(said & words, weights), _weight(said | words, weights)
        score = both / either * (1.0 if same else 0.9) if either else 0.0
        if score >= LEAST:
            scored.append((number, score))
    return sorted(scored, key=lambda found: (-found[1], -found[0]))


def _weights(texts: Sequence[frozenset[int]]) -> Mapping[int, float]:
    counts = Counter(word for words in texts for word in words)
    return {word: log(1 + len(texts) / count) for word, count in counts.items()}


def _weight(words: Iterable[int], weights: Mapping[int, float]) -> float:
    return sum(map(weights.__getitem__, words))


def _words(sketch: bytes) -> frozenset[int]:
    """A stored sketch: unsigned numbers of 32 bits."""
    numbers = array("I")
    numbers.frombytes(sketch[: len(sketch) // numbers.itemsize * numbers.itemsize])
    return frozenset(numbers)


_FIRST = """
    CROSS JOIN LATERAL (
        SELECT sketch FROM message WHERE ticket_id = ticket.id AND direction = 'in' ORDER BY message.id LIMIT 1
    ) AS first
    """
_OWN = "SELECT language, category, first.sketch FROM ticket" + _FIRST + "WHERE ticket.id = :id AND {visible}"
_NEWEST = """
    (SELECT ticket.id, category FROM ticket
    WHERE status IN ('resolved', 'closed') AND merged_into IS NULL AND language = :language AND ticket.id <> :id
      AND {visible} {category}
    ORDER BY ticket.id DESC LIMIT :most)
    """
_SOLVED = (
    "SELECT ticket.id, category, first.sketch FROM ("
    + _NEWEST.replace("{category}", "AND category = :category")
    + "UNION"
    + _NEWEST.replace("{category}", "")
    + ") AS ticket"
    + _FIRST
    + "WHERE first.sketch IS NOT NULL"
)
_ANSWERS = text(
    """
    SELECT id, subject, category, (
        SELECT message.text FROM message
        WHERE ticket_id = ticket.id AND direction = 'out' AND sender LIKE 'agent:%' ORDER BY message.id DESC LIMIT 1
    ) AS answer
    FROM ticket WHERE id = ANY(:ids)
    """
)
