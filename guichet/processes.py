"""Commands that run the processes, and that prepare them."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from config import checking, logs
from config.settings import Settings
from guichet.commands import Json, addresses, app, on_loop, settings_or_exit


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
    """Run one worker process: read, settle, deliver, look after tickets."""
    from config.supervisor import refuse
    from models.calendars import CalendarsError
    from models.choosing import RulesError as AssignmentError
    from workers.process import run
    from workers.rules import RulesError

    settings = settings_or_exit()
    logs.configure(settings.log, process=f"worker-{os.getpid()}")
    database_url, redis_url = addresses(settings)
    try:
        on_loop(lambda: run(settings, database_url, redis_url, queues.split(",")))
    except (CalendarsError, AssignmentError, RulesError) as error:
        refuse(f"The workers cannot work with this file: {error}")


def _files() -> list[str]:
    """What is wrong with the files of rules that the settings name."""
    from config.settings import load
    from models.calendars import Calendars, CalendarsError
    from models.choosing import AssignmentRules
    from models.choosing import RulesError as AssignmentError
    from workers.rules import Rules, RulesError

    settings = load()
    problems = []
    reads: list[Callable[[], object]] = [
        lambda: Rules.of(settings),
        lambda: Calendars.of_settings(settings).prove(),
        lambda: AssignmentRules.load(settings.assignment.rules),
    ]
    for read in reads:
        try:
            read()
        except (CalendarsError, AssignmentError, RulesError) as error:
            problems.append(str(error))
    return problems


@app.command()
def migrate(revision: str = "head") -> None:
    """Bring the database's tables to the newest shape."""
    from models.migrations import upgrade

    database_url, _redis_url = addresses(settings_or_exit())
    upgrade(database_url.replace("postgresql://", "postgresql+asyncpg://"), revision)


@app.command()
def check() -> None:
    """Check the settings and every file that they name; say file, line and key of each mistake."""
    problems = checking.problems() or _files()
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo("The settings are right." if not problems else f"{len(problems)} mistake(s).")
    sys.exit(1 if problems else 0)


@app.command()
def doctor(json: Json = False) -> None:
    """Try all that Guichet depends on, and say what to do about what is not well. Exit status 1 where something is."""
    import asyncio

    from gateway.doctor import run

    sys.exit(1 if asyncio.run(run(settings_or_exit(), json=json)) else 0)
