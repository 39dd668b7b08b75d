"""`guichet tokens`: who may use the API, and for what."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from guichet.commands import Json, app, ask

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

tokens = typer.Typer(no_args_is_help=True, help="Make, list and revoke tokens of the API.")
app.add_typer(tokens, name="tokens")


@tokens.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="What it may be used for; may be given again. `all`: every scope.")],
    agent: Annotated[str, typer.Option(help="The mail address of the agent in whose place it acts.")] = "",
    role: Annotated[str, typer.Option(help="Of a program: agent, supervisor or administrator.")] = "",
    team: Annotated[list[str] | None, typer.Option(help="Of a program that is an agent; may be given again.")] = None,
    days: Annotated[float, typer.Option(help="How long it is valid; 0: until it is revoked.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Make a token, and print it: it is not to be had again."""
    from models import api_token
    from models.agent import ROLES

    scopes = sorted(api_token.SCOPES) if scope == ["all"] else scope
    unknown = sorted(set(scopes) - set(api_token.SCOPES))
    if unknown:
        _refuse(f"There is no scope {unknown[0]}: {', '.join(api_token.SCOPES)}.")
    if bool(agent) == bool(role) or (role and role not in ROLES):
        _refuse("Name an agent (--agent), or a program's role (--role agent, supervisor or administrator).")

    async def make(connection: AsyncConnection) -> tuple[int, str] | None:
        agent_id = await api_token.agent_of(connection, agent) if agent else None
        if agent and agent_id is None:
            return None
        return await api_token.add(
            connection,
            name=name,
            scopes=scopes,
            agent_id=agent_id,
            role=role,
            teams=team or (),
            days=days,
            by="command",
        )

    made = ask(make)
    if made is None:
        _refuse(f"There is no agent {agent}.")
    token_id, token = made
    print(f'{{"id": {token_id}, "token": "{token}"}}' if json else f"Token {token_id}, shown this once: {token}")


@tokens.command(name="list")
def list_(json: Json = False) -> None:
    """List all tokens; never what they are."""
    from config.database import to_json
    from models import api_token

    for line in ask(api_token.listed):
        if json:
            print(to_json(line))
            continue
        owner = line.agent or f"program, {line.role}{': ' if line.teams else ''}{', '.join(line.teams)}"
        end = "revoked" if line.revoked_at else f"until {line.expires_at:%Y-%m-%d}" if line.expires_at else "valid"
        used = f"used {line.used_at:%Y-%m-%d %H:%M}" if line.used_at else "never used"
        print(f"{line.id}  {line.name}  [{owner}]  {' '.join(line.scopes)}  {end}, {used}")


@tokens.command()
def revoke(token: Annotated[int, typer.Argument(help="Its number in the list.")]) -> None:
    """End a token, at once."""
    from models import api_token

    if not ask(lambda connection: api_token.revoke(connection, token)):
        _refuse(f"There is no valid token {token}.")
    typer.echo(f"Token {token} opens nothing any more.")


def _refuse(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    sys.exit(1)
