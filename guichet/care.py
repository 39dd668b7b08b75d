"""Commands that look after people's data: erase one person, hand one person's data out."""

from __future__ import annotations

import asyncio
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guichet.commands import Json, addresses, app, ask, settings_or_exit

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from models.erase import Erasure


@app.command()
def erase(
    address: Annotated[str, typer.Argument(help="An address of the person; empty with --resume.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say whom it would be.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish what was cut off.")] = False,
    json: Json = False,
) -> None:
    """Erase one person everywhere, and prove it. Exit status 1 where nobody is known, or something is left."""
    import msgspec

    from models import erase as erasing

    if not resume and not yes:
        try:
            _contact, labels = ask(lambda connection: erasing.person(connection, address))
        except erasing.NobodyError as error:
            typer.echo(f"{error}.", err=True)
            sys.exit(1)
        typer.echo(f"This erases {', '.join(labels)} and cannot be undone. Say --yes to do it.")
        return
    try:
        ended = asyncio.run(_erase(address, resume=resume))
    except erasing.NobodyError as error:
        typer.echo(f"{error}.", err=True)
        sys.exit(1)
    left = sum(sum(one.proof.values()) for one in ended)
    for one in ended:
        if json:
            typer.echo(msgspec.json.encode(one).decode())
            continue
        typer.echo(f"Erasure {one.id}: " + ", ".join(f"{name} {count}" for name, count in one.erased.items() if count))
        hits = {name: count for name, count in one.proof.items() if count}
        typer.echo(f"Searched {len(one.proof)} places afterwards: " + (f"still found: {hits}" if hits else "0 hits."))
    sys.exit(1 if left else 0)


async def _erase(address: str, *, resume: bool) -> list[Erasure]:
    from config import secret
    from config.database import connect
    from models.actor import step
    from workers import erasing

    settings = settings_or_exit()
    database_url, redis_url = addresses(settings)
    database = connect(database_url, pool=2, name="guichet-command")
    try:
        if resume:
            return await erasing.finish(database, settings, redis_url)
        return [await erasing.run(database, settings, redis_url, step("command"), secret.key(settings), address)]
    finally:
        await database.dispose()


@app.command()
def export_person(
    address: Annotated[str, typer.Argument(help="An address of the person.")],
    out: Annotated[Path, typer.Option(help="The zip that is written.")] = Path("person.zip"),
) -> None:
    """Write all that is kept of one person: person.json and their files, in a zip. Exit status 1 for nobody."""
    import msgspec

    from config.objects import Objects
    from models import export_person as exporting
    from models import operation
    from models.actor import step
    from models.erase import NobodyError

    objects = Objects(settings_or_exit())

    async def write(connection: AsyncConnection) -> int:
        everything = await exporting.everything(connection, address)
        count = 0
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("person.json", msgspec.json.format(msgspec.json.encode(everything), indent=2))
            async for file in exporting.files(connection, address):
                archive.writestr(f"files/{file.name}", file.content or await objects.get(file.sha256))
                count += 1
        await operation.write(connection, step("command"), "export", ["person"], f"{count} files")
        return count

    try:
        count = ask(write)
    except NobodyError as error:
        typer.echo(f"{error}.", err=True)
        sys.exit(1)
    typer.echo(f"{out}: person.json and {count} file(s).")
