"""The command `guichet`: each subcommand calls into the room that does the work."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from pydantic import ValidationError

from config import checking, logs
from config.settings import Settings, load

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

Result = TypeVar("Result")
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Omnichannel ingestion gateway for support teams.",
)


def settings_or_exit() -> Settings:
    """The settings; wrong ones are explained on stderr and end the process with 78 (EX_CONFIG)."""
    from config.supervisor import refuse

    try:
        return load()
    except (ValidationError, checking.SettingsError) as error:
        refuse(checking.explain(error))


def addresses(settings: Settings) -> tuple[str, str]:
    """Where PostgreSQL and Redis are; ends the process with 78 where none runs."""
    from config.embedded import EngineError, urls
    from config.supervisor import refuse

    try:
        return urls(settings)
    except EngineError as error:
        refuse(str(error))


def on_loop(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` on a fresh event loop, uvloop's where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())  # type: ignore[arg-type]
    else:
        uvloop.run(main())  # type: ignore[arg-type]


def ask(question: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    """Put one question to the database of these settings."""
    from config.database import connect

    database_url, _redis_url = addresses(settings_or_exit())

    async def run() -> Result:
        database = connect(database_url, pool=1, name="guichet-command")
        try:
            async with database.engine.begin() as connection:
                return await question(connection)
        finally:
            await database.dispose()

    return asyncio.run(run())


@app.command()
def up() -> None:
    """Start everything on this machine, and keep it running: engines, gateway, workers."""
    from config import embedded, supervisor
    from config.engines.child import Child
    from gateway.welcome import welcome

    settings = settings_or_exit()
    logs.configure(settings.log, process="up")
    try:
        with embedded.Engines(settings) as engines:
            environment = {**os.environ, "DATABASE_URL": engines.database_url, "REDIS_URL": engines.redis_url}
            command = [sys.executable, "-m", "guichet"]
            children = [
                *engines.children(),
                Child("migrate", [*command, "migrate"], env=environment, restart=False),
                Child(
                    "gateway",
                    [*command, "gateway"],
                    env=environment,
                    tier=3,
                    ready=functools.partial(answers, settings),
                ),
                *(
                    Child(f"worker-{place}", [*command, "workers"], env=environment, tier=2)
                    for place in range(1, settings.workers.processes + 1)
                ),
            ]
            typer.echo(welcome(settings))
            code = supervisor.Supervisor(children, settings.var).run()
    except (embedded.EngineError, embedded.AlreadyRunning) as error:
        supervisor.refuse(str(error))
    sys.exit(code)


def answers(settings: Settings) -> bool:
    """Whether the gateway is ready to accept."""
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://{settings.http.host}:{settings.http.port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@app.command()
def gateway() -> None:
    """Run one gateway: the doors, the web pages."""
    from config.supervisor import refuse
    from gateway.app import run

    settings = settings_or_exit()
    logs.configure(settings.log, process="gateway")
    database_url, redis_url = addresses(settings)
    try:
        on_loop(lambda: run(settings, database_url, redis_url))
    except OSError as error:
        if error.errno not in PORT_ERRORS:
            raise
        refuse(
            f"The gateway cannot listen: {error.strerror}. Nothing was accepted and nothing is lost. Free the port, or "
            f"choose others with GUICHET_HTTP__PORT (now {settings.http.port}) and GUICHET_SMTP__PORT "
            f"(now {settings.smtp.port})."
        )


PORT_ERRORS = (13, 98, 99, 48, 49)
"""EACCES, EADDRINUSE and EADDRNOTAVAIL, on Linux and macOS."""


@app.command()
def workers(
    queues: Annotated[str, typer.Option(help="Queues to work, with commas between them.")] = "inbox,outbox,media",
) -> None:
    """Run one worker process: read, settle, deliver."""
    from workers.process import run

    settings = settings_or_exit()
    logs.configure(settings.log, process=f"worker-{os.getpid()}")
    database_url, redis_url = addresses(settings)
    on_loop(lambda: run(settings, database_url, redis_url, queues.split(",")))


@app.command()
def migrate(revision: str = "head") -> None:
    """Bring the database's tables to the newest shape."""
    from models.migrations import upgrade

    database_url, _redis_url = addresses(settings_or_exit())
    upgrade(database_url.replace("postgresql://", "postgresql+asyncpg://"), revision)


@app.command()
def check() -> None:
    """Check the settings and every file that they name; say file, line and key of each mistake."""
    problems = checking.problems()
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo("The settings are right." if not problems else f"{len(problems)} mistake(s).")
    sys.exit(1 if problems else 0)


@app.command()
def balance(
    by_account: Annotated[bool, typer.Option(help="Each of our addresses and numbers apart.")] = False,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="What came in on that day (UTC).")] = None,
    recount: Annotated[
        bool, typer.Option(help="Read the whole inbox, and compare with the sums that are kept.")
    ] = False,
    json: Json = False,
) -> None:
    """Show that what was received is what became of it. Exit status 1 where it is not."""
    from gateway import tables
    from models import balance as books

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
def explain(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Raw messages; without any, one path a line on stdin.")
    ] = None,
    channel: Annotated[
        str, typer.Option(help="The channel whose raw messages these are; by default the first one.")
    ] = "",
    json: Json = False,
) -> None:
    """Show how a raw message is read and triaged, and why, without storing anything."""
    from workers.explain import run

    settings = settings_or_exit()
    run(settings, paths or [], channel=channel or next(iter(settings.channels)), json=json)


@app.command()
def train(
    file: Annotated[
        Path | None, typer.Option("--from", help="Labelled messages, CSV or JSON lines with text and label.")
    ] = None,
    test: Annotated[Path | None, typer.Option(help="Labelled messages to compare on, never learnt from.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the model goes; by default it is put in force.")] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Learn without the seed set.")] = False,
    json: Json = False,
) -> None:
    """Learn categories from agents' corrections. Exit status 1 where the model in force sorts better, and stays."""
    from workers import examples
    from workers import train as training
    from workers.rules import RulesError

    try:
        given = examples.read(file) if file else []
        corrected = given if file else ask(training.corrections)
        report = training.train(
            settings_or_exit(), corrected, test=examples.read(test) if test else [], alone=alone, out=out
        )
    except (examples.ExamplesError, training.TrainingError, RulesError) as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    training.show(report, json=json)
    sys.exit(0 if report.written else 1)


@app.command()
def simulate(
    rate: Annotated[float, typer.Option(help="Messages a second.")] = 20,
    seconds: Annotated[float, typer.Option(help="For how long.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed sends the same messages.")] = 1,
    forms: Annotated[float, typer.Option(help="Share of forms among them, 0 to 1.")] = 0.1,
    lines: Annotated[
        float, typer.Option(help="Share of short lines, where a provider's stand-in runs on this machine, 0 to 1.")
    ] = 0.2,
) -> None:
    """Play customers who write French and English mails, forms and lines, through the real doors; then sum up."""
    from gateway.simulate import run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = settings_or_exit()
    database_url, _redis_url = addresses(settings)
    sys.exit(asyncio.run(run(settings, database_url, rate=rate, seconds=seconds, seed=seed, forms=forms, lines=lines)))


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
    from workers.process import office_of
    from workers.relay import NoTicketError, NoWayOutError, attached, relay

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
                agent=agent or settings.mail.sender_name,
                files=[attached(path) for path in attach or ()],
            )
        )
    except (NoTicketError, NoWayOutError, OSError) as error:
        typer.echo(f"{error}.", err=True)
        sys.exit(1)
    _database_url, redis_url = addresses(settings)
    bell(broker(redis_url), "outbox").now()
    typer.echo(f"Message {message_id} is on its way.")


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


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
