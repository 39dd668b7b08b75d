"""The tickets behind a figure, a page at a time or all of them in a stream.

Enters: a connection, `Tickets`, who asks. Leaves: rows with plain values. May fail: with what the database raises.
Cells that a spreadsheet would take for a formula are made harmless (B90): see `harmless`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.actor import Actor, visible
from models.statistics.choice import Tickets

PAGE = 50
AT_ONCE = 2_000
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("number", "fact.ticket_id", "int"),
    ("subject", "coalesce(ticket.subject, '')", "text"),
    ("created_at", "fact.created_at", "moment"),
    ("status", "fact.status", "text"),
    ("priority", "fact.priority", "text"),
    ("category", "fact.category", "text"),
    ("product", "fact.product", "text"),
    ("perimeter", "fact.perimeter", "text"),
    ("channel", "fact.channel", "text"),
    ("pipeline", "fact.pipeline", "text"),
    ("stage", "fact.stage", "text"),
    ("level", "fact.level", "int"),
    ("team", "fact.team", "text"),
    ("assignee", "coalesce(assignee.name, '')", "text"),
    ("treated_by", "coalesce(treater.name, '')", "text"),
    ("customer", "coalesce(contact.name, '')", "text"),
    ("language", "fact.language", "text"),
    ("first_response_at", "fact.first_at", "moment"),
    ("first_response_seconds", "fact.first_seconds", "int"),
    ("first_response_worked_seconds", "fact.first_worked", "int"),
    ("answers", "fact.answers", "int"),
    ("responses", "fact.responses", "int"),
    ("response_seconds", "fact.response_seconds", "int"),
    ("response_worked_seconds", "fact.response_worked", "int"),
    ("resolved_at", "fact.resolved_at", "moment"),
    ("resolution_seconds", "fact.resolution_seconds", "int"),
    ("resolution_worked_seconds", "fact.resolution_worked", "int"),
    ("waiting_seconds", "fact.waiting_seconds", "int"),
    ("reopened", "fact.reopened", "int"),
    ("transfers", "fact.transfers", "int"),
    ("commitment_hours", "fact.commitment_hours", "int"),
    ("commitment_kept", "fact.kept", "bool"),
    ("solved_by_article", "fact.by_article", "bool"),
    ("satisfaction", "fact.csat", "int"),
)
"""Name, where it comes from, what it is."""


async def page(connection: AsyncConnection, tickets: Tickets, actor: Actor, *, below: int = 0) -> list[Any]:
    """Up to PAGE + 1 tickets, the newest first, with numbers below `below` (0: from the newest on)."""
    statement, values = _query(tickets, actor, "AND (:below = 0 OR fact.ticket_id < :below)", f"LIMIT {PAGE + 1}")
    return list(await connection.execute(statement, values | {"below": below}))


async def count(connection: AsyncConnection, tickets: Tickets, actor: Actor) -> int:
    """How many they are."""
    condition, values = tickets.condition()
    seen, who = visible(actor)
    joined = "" if actor.may("all_tickets") else "JOIN ticket ON ticket.id = fact.ticket_id"
    statement = text(f"SELECT count(*) FROM figure_fact AS fact {joined} WHERE {condition} AND {seen}")
    return int(await connection.scalar(statement, values | who) or 0)


async def stream(connection: AsyncConnection, tickets: Tickets, actor: Actor) -> AsyncIterator[Sequence[Any]]:
    """All of them in portions of AT_ONCE; the server keeps the place, so memory does not grow with them."""
    statement, values = _query(tickets, actor)
    result = await connection.stream(statement.execution_options(yield_per=AT_ONCE), values)
    async for portion in result.partitions(AT_ONCE):
        yield portion


def csv_lines(rows: Sequence[Any], *, header: bool = False) -> bytes:
    """Rows as CSV (RFC 4180), UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        out.write("\ufeff")  # spreadsheets take the file for another encoding without it
        writer.writerow([name for name, _source, _kind in COLUMNS])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode()


def harmless(value: str) -> str:
    """`value` so that a spreadsheet shows it, and does not run it: an apostrophe before = + - @ and control characters.

    OWASP, CSV Injection; requirement B90. Signs of full width and leading blanks count too, since some programs trim.
    """
    bare = value.lstrip(" \u00a0\u3000\ufeff")
    return f"'{value}" if value[:1] in _CONTROLS or bare[:1] in _BEGINS else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str):
        return harmless(value.replace("\0", ""))
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else str(value)


def _query(tickets: Tickets, actor: Actor, further: str = "", tail: str = "") -> tuple[Any, dict[str, Any]]:
    condition, values = tickets.condition()
    seen, who = visible(actor)
    statement = _ROWS.format(condition=condition, seen=seen, further=further, tail=tail)
    return text(statement), values | who


_CONTROLS = ("\t", "\r", "\n")
_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_ROWS = f"""
    SELECT {", ".join(f"{source} AS {name}" for name, source, _kind in COLUMNS)}
    FROM figure_fact AS fact LEFT JOIN ticket ON ticket.id = fact.ticket_id
        LEFT JOIN contact ON contact.id = fact.contact_id
        LEFT JOIN agent AS assignee ON assignee.id = fact.agent
        LEFT JOIN agent AS treater ON treater.id = fact.treated
    WHERE {{condition}} AND {{seen}} {{further}} ORDER BY fact.ticket_id DESC {{tail}}
"""
