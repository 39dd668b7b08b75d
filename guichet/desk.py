"""Commands with which somebody works on tickets."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from guichet.commands import Json, addresses, app, ask, settings_or_exit


@app.command()
def call(
    number: Annotated[str, typer.Argument(help="The customer's number, as it is written in your country.")],
    text: Annotated[str, typer.Argument(help="What was said; - reads it from stdin.")],
    subject: Annotated[str, typer.Option(help="What it is about.")] = "",
    name: Annotated[str, typer.Option(help="The customer's name.")] = "",
    agent: Annotated[str, typer.Option(help="Who notes it.")] = "",
    out: Annotated[bool, typer.Option("--out", help="We called; without it, the customer did.")] = False,
    minutes: Annotated[int, typer.Option(help="How long the call was.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Write a telephone call down as a ticket."""
    from gateway.logged_call import CallError, log_call

    settings = settings_or_exit()
    database_url, redis_url = addresses(settings)
    note = {"number": number, "text": sys.stdin.read() if text == "-" else text, "subject": subject, "name": name}
    note |= {"agent": agent, "direction": "out" if out else "in", "minutes": str(minutes)}
    try:
        outcome = asyncio.run(log_call(settings, database_url, redis_url, note))
    except CallError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.status)
    if json:
        print(f'{{"kind": "{outcome.kind}", "number": {outcome.ticket_number or "null"}}}')
    else:
        print(f"Ticket {outcome.ticket_number}." if outcome.ticket_number else "Stored; its ticket is being made.")


@app.command()
def reply(
    number: Annotated[int, typer.Argument(help="The ticket.")],
    words: Annotated[str, typer.Argument(help="What the customer is to read; `-`: what stands on standard input.")],
    agent: Annotated[
        str, typer.Option(help="Who answers, as the customer reads it; by default mail.sender_name.")
    ] = "",
    attach: Annotated[list[Path] | None, typer.Option(help="A file that goes with it; may be given again.")] = None,
) -> None:
    """Answer a customer, on the channel that the ticket came by."""
    from config.broker import bell, broker
    from models.actor import Actor
    from models.relay import NoTicketError, NoWayOutError, attached, relay
    from workers.process import office_of

    settings = settings_or_exit()
    said = (sys.stdin.read() if words == "-" else words).strip()
    if not said:
        typer.echo("There is nothing to send.", err=True)
        sys.exit(1)
    office = office_of(settings)
    try:
        message_id = ask(
            lambda connection: relay(
                connection,
                office,
                number,
                said,
                actor=Actor("agent", name=agent or settings.mail.sender_name),
                files=[attached(path) for path in attach or ()],
            )
        )
    except (NoTicketError, NoWayOutError, OSError) as error:
        typer.echo(f"{error}.", err=True)
        sys.exit(1)
    _database_url, redis_url = addresses(settings)
    bell(broker(redis_url), "outbox").now()
    typer.echo(f"Message {message_id} is on its way.")
