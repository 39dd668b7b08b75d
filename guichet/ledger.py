"""Commands that show what came in and what became of it, and that take it up again."""

from __future__ import annotations

import functools
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from config.settings import load
from guichet.commands import Json, app, ask
from guichet.figures import prove as prove_figures

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@app.command()
def balance(
    by_account: Annotated[bool, typer.Option(help="Each of our addresses and numbers apart.")] = False,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="What came in on that day (UTC).")] = None,
    recount: Annotated[
        bool, typer.Option(help="Read the whole inbox, and compare with the sums that are kept.")
    ] = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="Count the figures of the service again, and compare with those kept.")
    ] = False,
    json: Json = False,
) -> None:
    """Show that what was received is what became of it. Exit status 1 where it is not."""
    from gateway import tables
    from models import balance as books

    if figures:
        prove_figures()
    date = day.date() if day else None
    rows = ask(functools.partial(books.accounts if by_account else books.balance, day=date))
    tables.show_balance(rows, json=json)
    wrong = any(row.difference for row in rows)
    for kept, found in ask(books.disagreements) if recount else ():
        typer.echo(f"The sums that are kept are wrong (no message is): kept {kept}, recounted {found}.", err=True)
        wrong = True
    sys.exit(1 if wrong else 0)


@app.command()
def fetching(json: Json = False) -> None:
    """Show how fetching from mailboxes fares. Exit status 1 where one fails, or where mails are missing here."""
    from gateway import tables
    from models.cursor import standings

    rows = ask(standings)
    tables.show_places(rows, json=json)
    sys.exit(1 if any(row.last_error or row.drift for row in rows) else 0)


@app.command()
def tickets(
    number: Annotated[int | None, typer.Argument(help="Show this ticket whole.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, the newest first; 0 for all.")] = 0,
    json: Json = False,
) -> None:
    """List tickets, or show one with all its messages."""
    from gateway import tables
    from models import listing

    if number is None:
        tables.show_tickets(ask(lambda connection: listing.tickets(connection, limit=limit)), json=json)
        return
    ticket = ask(lambda connection: listing.ticket(connection, number))
    if ticket is None:
        typer.echo(f"There is no ticket {number}.", err=True)
        sys.exit(1)
    tables.show_ticket(ticket, json=json)


@app.command()
def replay(
    ids: Annotated[list[int] | None, typer.Argument(help="Items in quarantine; by default all of them.")] = None,
    since: Annotated[datetime | None, typer.Option(help="With --dry-run: since when, UTC; all by default.")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Show what today's rules would decide otherwise.")] = False,
    json: Json = False,
) -> None:
    """Take items out of quarantine and settle them again; or show what would be decided otherwise today."""
    from models import ledger, listing
    from workers import rehearse

    if dry:
        start = (since or datetime(1970, 1, 1)).replace(tzinfo=UTC)  # noqa: DTZ001 - its zone is set here
        rehearse.show(ask(lambda connection: rehearse.rehearse(connection, load(), start)), json=json)
        return

    async def retry(connection: AsyncConnection) -> int:
        return await ledger.replay(connection, "inbox", ids or await listing.quarantined(connection))

    typer.echo(f"{ask(retry)} item(s) are pending again.")
