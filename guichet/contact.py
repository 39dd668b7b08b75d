"""The command for contacts: two of them are one person, or are not after all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from guichet.commands import Json, app, ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from models.joining import Joined


@app.command()
def contact(
    ticket: Annotated[int, typer.Argument(help="A ticket of the person.")],
    join: Annotated[int, typer.Option(help="A ticket of the same person, under another contact: it joins.")] = 0,
    separate: Annotated[int, typer.Option(help="Undo this join: they are two persons.")] = 0,
    json: Json = False,
) -> None:
    """Who wrote a ticket: which contacts were joined into theirs; join another, or separate one again."""
    from config.database import to_json
    from models import joining
    from models.actor import Actor

    actor = Actor("program", name="command", role="administrator")

    async def act(connection: AsyncConnection) -> Sequence[Joined]:
        into = await joining.contact_of(connection, actor, ticket)
        if join:
            await joining.join(
                connection, actor, await joining.contact_of(connection, actor, join), into, proof="agent"
            )
        if separate:
            await joining.separate(connection, actor, separate)
        return await joining.joins(connection, actor, await joining.contact_of(connection, actor, ticket))

    try:
        found = ask(act)
    except (joining.NoContactError, joining.JoinedError) as error:
        typer.echo(f"{error}.", err=True)
        sys.exit(1)
    for one in found:
        line = f"join {one.id}: contact {one.gone} went into {one.into} on {one.at:%Y-%m-%d %H:%M}"
        print(to_json(one) if json else f"{line} ({one.proof}, {one.actor}): {', '.join(one.identities)}")
    if not found and not json:
        print("Nothing was joined.")
