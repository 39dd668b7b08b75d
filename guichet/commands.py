"""What all commands share: the application, the settings, one question to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from pydantic import ValidationError

from config import checking
from config.settings import Settings, load

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

Result = TypeVar("Result")
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
