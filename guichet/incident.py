"""The command for incidents: many customers who write of one matter."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from guichet.commands import Json, addresses, app, ask, settings_or_exit

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from models.incident import IncidentLine


@app.command()
def incident(
    number: Annotated[int, typer.Argument(help="The incident; without it, all are listed.")] = 0,
    begin: Annotated[list[int] | None, typer.Option(help="Make one of this ticket; may be given again.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="It is one matter.")] = False,
    parent: Annotated[int, typer.Option(help="The ticket in which the matter is worked on.")] = 0,
    attach: Annotated[int, typer.Option(help="Let this ticket be one of it.")] = 0,
    detach: Annotated[int, typer.Option(help="This ticket is of another matter.")] = 0,
    fr: Annotated[str, typer.Option(help="What all its customers are to read, in French.")] = "",
    en: Annotated[str, typer.Option(help="The same in English.")] = "",
    later: Annotated[bool, typer.Option("--later", help="Those too who join afterwards.")] = False,
    agent: Annotated[str, typer.Option(help="Who answers, as customers read it; by default mail.sender_name.")] = "",
    over: Annotated[bool, typer.Option("--over", help="Nobody joins it any more.")] = False,
    json: Json = False,
) -> None:
    """Many customers write of one matter: list, show, confirm, answer all of them once."""
    from models import incident as models
    from models.actor import Actor

    settings = settings_or_exit()
    actor = Actor("agent", name=agent or settings.mail.sender_name, role="supervisor")
    said = {"fr": fr, "en": en}

    async def act(connection: AsyncConnection) -> list[IncidentLine]:
        chosen = await models.begin(connection, actor, begin) if begin else number
        if confirm or parent:
            await models.confirm(connection, actor, chosen, parent=parent or None)
        if attach:
            await models.attach(connection, actor, chosen, attach)
        if detach:
            await models.detach(connection, actor, chosen, detach)
        if fr or en:
            once = hashlib.sha256(f"{fr}\0{en}".encode()).hexdigest()  # the same words again are the same reply
            await models.reply_to_all(connection, actor, chosen, said, once=once, later=later)
        if over:
            await models.over(connection, actor, chosen)
        return await models.incidents(connection, actor, number=chosen)

    try:
        found = ask(act)
        _print(found, json=json)
        if number or begin:
            _replies(found, json=json)
    except (models.NoIncidentError, ValueError) as error:
        typer.echo(f"{error}.", err=True)
        sys.exit(1)
    if fr or en:
        from config.broker import bell, broker

        bell(broker(addresses(settings)[1]), "outbox").now()


def _print(found: Sequence[IncidentLine], *, json: bool) -> None:
    from config.database import to_json

    for line in found:
        if json:
            print(to_json(line))
        else:
            parent = f", worked on in #{line.parent}" if line.parent else ""
            print(
                f"{line.id}  {line.state}  {line.raised_at:%Y-%m-%d %H:%M}  {line.tickets} tickets of {line.contacts}"
                f" customers with the same {line.basis}{parent}: {line.subject[:80]}"
            )
    if not found and not json:
        print("There is no incident.")


def _replies(found: Sequence[IncidentLine], *, json: bool) -> None:
    from models import incident as models

    for line in found:
        incident_id = line.id
        for reply in ask(lambda connection, wanted=incident_id: models.replies(connection, wanted)):  # type: ignore[misc]
            if not json:
                words = next(iter(reply.said.values()))
                print(
                    f"   {reply.by}: {words[:60]!r}: {reply.sent} sent, {reply.waiting} waiting, {reply.failed} failed"
                )
