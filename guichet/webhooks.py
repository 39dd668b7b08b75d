"""`guichet webhooks`: who is told, how that goes, and telling again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guichet.commands import Json, app, ask

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

webhooks = typer.Typer(no_args_is_help=True, help="Webhooks that go out: who is told, how that goes, telling again.")
app.add_typer(webhooks, name="webhooks")

Subscription = Annotated[int, typer.Argument(help="The subscription's number in the list.")]


@webhooks.command(name="list")
def list_(json: Json = False) -> None:
    """List subscriptions. Exit status 1 where one fails or is disabled."""
    from config.database import to_json
    from models import hooks

    rows = ask(hooks.listed)
    for row in rows:
        if json:
            print(to_json({name: value for name, value in row._mapping.items() if name != "nonce"}))
            continue
        state = f"disabled: {row.disabled_reason}" if row.disabled_at else "enabled"
        if row.failing_since and not row.disabled_at:
            state = f"failing since {row.failing_since:%Y-%m-%d %H:%M}"
        teams = "every team" if row.every_team else ", ".join(row.teams) or "tickets of no team"
        print(f"{row.id}  {row.url}  [{teams}]  {' '.join(row.events)}  {state}")
    sys.exit(1 if any(row.failing_since or row.disabled_at for row in rows) else 0)


@webhooks.command()
def log(
    subscription: Subscription,
    limit: Annotated[int, typer.Option(help="At most so many, the newest first.", min=1, max=1000)] = 20,
    json: Json = False,
) -> None:
    """Show what one was told, and how each try went."""
    from config.database import to_json
    from models import hooks

    async def look(connection: AsyncConnection) -> tuple[Sequence[Any], dict[int, list[dict[str, Any]]]]:
        rows = await hooks.deliveries(connection, subscription, after=None, limit=limit)
        return rows[:limit], await hooks.attempts(connection, [row.id for row in rows])

    rows, tries = ask(look)
    for row in rows:
        if json:
            print(to_json({**row._mapping, "tries": tries[row.id]}))
            continue
        print(f"{row.id}  {row.event}  {row.kind}  {row.state}")
        for one in tries[row.id]:
            print(
                f"    {one['at']:%Y-%m-%d %H:%M:%S}  {one['status'] or '-'}  {one['milliseconds']} ms  {one['error']}"
            )


@webhooks.command()
def replay(
    subscription: Subscription,
    delivery: Annotated[int | None, typer.Argument(help="One delivery; by default all that failed.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only what failed since then, UTC.")] = None,
) -> None:
    """Tell it again."""
    from models import hooks

    start = since.replace(tzinfo=UTC) if since else None
    count = ask(lambda connection: hooks.replay(connection, subscription, delivery=delivery, since=start))
    typer.echo(f"{count} will be told again.")


@webhooks.command()
def enable(subscription: Subscription) -> None:
    """Tell it again from now on."""
    from models import hooks

    async def change(connection: AsyncConnection) -> bool:
        if await hooks.one(connection, subscription) is None:
            return False
        await hooks.change(connection, subscription, {"enabled": True})
        return True

    if not ask(change):
        typer.echo(f"There is no subscription {subscription}.", err=True)
        sys.exit(1)
    typer.echo(f"Subscription {subscription} is told again.")
