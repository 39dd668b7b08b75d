"""Commands about what could not be settled, and about what is wrong."""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from guichet.commands import Json, app, ask

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@app.command()
def quarantine(
    ids: Annotated[list[int] | None, typer.Argument(help="Items to act on; without any, the list by reason.")] = None,
    kind: Annotated[str, typer.Option(help="Instead of numbers: all items of this reason, as the list names it.")] = "",
    retry: Annotated[bool, typer.Option("--retry", help="Settle them again.")] = False,
    ticket: Annotated[bool, typer.Option("--ticket", help="Make tickets of them anyway.")] = False,
    discard: Annotated[str, typer.Option(help="Keep them and let nothing come of them, for this reason.")] = "",
    restore: Annotated[bool, typer.Option("--restore", help="Put discarded items back.")] = False,
    json: Json = False,
) -> None:
    """Show what lies in quarantine, by reason, or decide what becomes of it. Exit status 1 where nothing fits."""
    from gateway import tables
    from models import quarantine as ward
    from models.actor import step

    if sum((retry, ticket, bool(discard), restore)) > 1:
        typer.echo("One action at a time.", err=True)
        sys.exit(1)
    if not (retry or ticket or discard or restore):
        tables.show_quarantine(ward.gather(ask(ward.items)), json=json)
        return
    actor = step("command")
    acts: dict[bool, Callable[..., Awaitable[int]]] = {
        retry: ward.retry,
        ticket: ward.as_tickets,
        restore: ward.restore,
    }
    act = functools.partial(ward.discard, why=discard) if discard else acts[True]

    async def decide(connection: AsyncConnection) -> int:
        return await act(connection, actor, ids or (await ward.of_kind(connection, kind) if kind else []))

    count = ask(decide)
    typer.echo(f"{count} item(s).")
    sys.exit(0 if count else 1)


@app.command()
def alarms(
    every: Annotated[bool, typer.Option("--all", help="Those that are over too, the newest first.")] = False,
    json: Json = False,
) -> None:
    """Show what is wrong now. Exit status 1 where something is."""
    from gateway import tables
    from models import alarm

    found = ask(alarm.latest if every else alarm.current)
    tables.show_alarms(found, json=json)
    sys.exit(1 if any(one.over_at is None for one in found) else 0)
