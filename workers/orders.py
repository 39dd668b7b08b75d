"""Orders: what the commands of an answer do to its ticket, by the functions that the console uses.

Enters: what `commands.understand` found. Leaves: the ticket changed, each change with its event by the agent, in the
caller's transaction. `resolve` finds who and what is meant before anything is done. May fail: `Refusal` of
`models.life`; then the caller rolls all of it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import life
from models.life import Cycle
from workers.batch import Office
from workers.commands import Mistake, Order, fold
from workers.staff import Member

FIELDS = {"status": "status", "priority": "priority", "category": "category", "product": "product", "team": "team"}


async def resolve(
    connection: AsyncConnection, office: Office, member: Member, orders: Sequence[Order]
) -> tuple[dict[str, Any], list[int], list[Mistake]]:
    """The fields to change, the tickets to merge into, and what names nobody or nothing we know."""
    fields: dict[str, Any] = {}
    merges: list[int] = []
    mistakes: list[Mistake] = []
    for order in orders:
        value = order.value
        if order.action == "merge":
            merges.append(int(value))
        elif order.action in ("tag", "untag"):
            name = "tags_added" if order.action == "tag" else "tags_removed"
            fields.setdefault(name, []).extend(value.split())
        elif order.action == "take":
            fields["assignee"] = member.id
        elif order.action == "assign":
            found = await _agent(connection, value)
            fields["assignee"] = found
            mistakes += [] if found else [Mistake("value", order.said)]
        elif order.action == "commitment":
            fields["commitment_hours"] = None if value == "standard" else int(value)
        elif order.action == "level":
            fields["level"] = int(value)
        elif order.action in FIELDS:
            known = await _known(connection, office, order)
            fields[FIELDS[order.action]] = known
            mistakes += [] if known else [Mistake("value", order.said)]
    return fields, merges, mistakes


async def obey(
    connection: AsyncConnection, office: Office, member: Member, number: int, fields: dict[str, Any], merges: list[int]
) -> None:
    """Do it all. Raises `life.Refusal`."""
    if fields:
        await life.change(connection, member.actor, number, fields, cycle=Cycle.of(office.settings))
    for into in merges:
        await life.merge(connection, member.actor, number, into)


async def _known(connection: AsyncConnection, office: Office, order: Order) -> str:
    """The value as tickets have it; '' where there is no such one."""
    wanted = fold(order.value).replace(" ", "")
    if order.action == "category":
        for name, names in office.rules.category_names.items():
            if wanted in {fold(spelling).replace(" ", "") for spelling in (name, *names.values())}:
                return name
        return ""
    if order.action == "team":
        teams = [str(row.name) for row in await connection.execute(_TEAMS)]
        return next((name for name in teams if fold(name).replace(" ", "") == wanted), "")
    return order.value


async def _agent(connection: AsyncConnection, name: str) -> int | None:
    """The one agent of that name, first name, or mailbox; None for nobody or several."""
    wanted = fold(name.removeprefix("@"))
    exact, partly = [], []
    for row in await connection.execute(_AGENTS):
        whole = fold(row.name)
        if wanted in (whole, fold(row.email), fold(row.email.partition("@")[0])):
            exact.append(row.id)
        elif wanted in whole.split():
            partly.append(row.id)
    found = exact or partly
    return found[0] if len(found) == 1 else None


_TEAMS = text("SELECT name FROM team")
_AGENTS = text("SELECT id, name, email FROM agent WHERE disabled_at IS NULL")
