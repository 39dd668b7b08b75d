"""Commands about the figures of the service, and a past to try them with."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guichet.commands import addresses, app, ask, settings_or_exit

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@app.command()
def report(
    out: Annotated[Path | None, typer.Option(help="Where the PDF goes; without it, it is sent by e-mail.")] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    language: Annotated[str, typer.Option(help="fr or en; by default statistics.report.language.")] = "",
) -> None:
    """Make the report of a period (by default the one that is due), and write it to a file or send it."""
    from models.statistics.period import Period
    from workers.process import office_of
    from workers.report import due, make, send

    settings = settings_or_exit()
    office, now = office_of(settings), datetime.now(UTC)
    period = due(settings, now)
    if since or until:
        first, last = (at.date() if at else None for at in (since, until))
        period = Period("custom", first or last or date.today(), last or first or date.today())  # noqa: DTZ011 - never both
    spoken = language if language in ("fr", "en") else settings.statistics.report.language
    if out is not None:
        out.write_bytes(ask(lambda connection: make(connection, settings, period, spoken, now)).pdf)
        typer.echo(f"{out}: {period.first} to {period.last}.")
        return
    if not settings.statistics.report.to:
        typer.echo("Nobody is to get it: set statistics.report.to, or give --out FILE.", err=True)
        sys.exit(1)

    async def post(connection: AsyncConnection) -> int:
        return await send(connection, office, period, spoken, now, once=f"by-hand:{now:%Y%m%d%H%M%S}")

    sent = ask(post)
    typer.echo(f"{sent} mail(s) on their way.")


def history(days: str, *, seed: int, force: bool) -> None:
    """`guichet simulate --history 90d`."""
    from config.database import connect
    from gateway.simulated_history import NotEmptyError, fill_desk
    from models.statistics.basis import basis_of
    from models.statistics.keep import keep

    found = re.fullmatch(r"(\d{1,4})d?", days.strip())
    if not found or not 1 <= int(found[1]) <= 3660:
        typer.echo("--history takes days, 90d for instance.", err=True)
        sys.exit(2)
    settings = settings_or_exit()
    database_url, _redis_url = addresses(settings)

    async def run() -> int:
        database = connect(database_url, pool=1, name="guichet-history")
        try:
            async with database.engine.begin() as connection:
                made = await fill_desk(
                    connection, days=int(found[1]), seed=seed, now=datetime.now(UTC).replace(microsecond=0), force=force
                )
            more = True
            while more:
                async with database.engine.begin() as connection:
                    more = (await keep(connection, basis_of(settings), wait=True)).more
            return made
        finally:
            await database.dispose()

    try:
        made = asyncio.run(run())
    except NotEmptyError as error:
        typer.echo(f"{error}.".capitalize(), err=True)
        sys.exit(1)
    typer.echo(f"{made} tickets of the last {found[1]} days.")


def prove() -> None:
    """`guichet balance --figures`: every disagreement on stderr; ends the process, with 1 where there is one."""
    from config.database import connect
    from models.statistics.basis import basis_of
    from models.statistics.recount import disagreements

    settings = settings_or_exit()
    database_url, _redis_url = addresses(settings)

    async def run() -> int:
        database = connect(database_url, pool=1, name="guichet-figures")
        try:
            async with database.engine.connect() as connection:
                found = await disagreements(connection, basis_of(settings))
        finally:
            await database.dispose()
        for one in found[:50]:
            typer.echo(f"{one.what}: kept {one.kept}, recounted {one.found}", err=True)
        typer.echo(f"{len(found)} disagreement(s)." if found else "The figures agree with the recount.")
        return 1 if found else 0

    sys.exit(asyncio.run(run()))
