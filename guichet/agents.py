"""Commands about who works here. The first administrator is made by one; whoever reaches the database may do all."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from json import dumps
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from guichet.commands import Json, app, ask, settings_or_exit

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from models.agents import Account

Result = TypeVar("Result")
Email = Annotated[str, typer.Argument(help="The e-mail address that the agent signs in with.")]
Teams = Annotated[list[str] | None, typer.Argument(help="All the agent's teams; none: they leave every team.")]

group = typer.Typer(no_args_is_help=True, help="Who works here: agents, supervisors, administrators.")
app.add_typer(group, name="agents")


@group.command()
def add(
    email: Email,
    name: Annotated[str, typer.Option(help="As customers and colleagues read it.")] = "",
    role: Annotated[str, typer.Option(help="agent, supervisor or administrator.")] = "agent",
    team: Annotated[list[str] | None, typer.Option(help="A team; may be given again. It is made if need be.")] = None,
    language: Annotated[str, typer.Option(help="fr or en; empty: the installation's.")] = "",
    json: Json = False,
) -> None:
    """Make an agent, and print the single-use link by which they choose a password."""
    from models import agents

    if "@" not in email.strip()[1:-1]:
        _no(f"{email} is no e-mail address")

    async def make(connection: AsyncConnection) -> tuple[Account, str]:
        actor = agents.COMMAND_LINE
        made = await agents.add(connection, actor, email, name, role=role, teams=team or (), language=language)
        return await agents.account(connection, made), await _link(connection, made, "invitation")

    account, link = _do(make)
    _show([account], json=json, link=link)


@group.command("list")
def every(json: Json = False) -> None:
    """List them all."""
    from models import agents

    _show(ask(agents.accounts), json=json)


@group.command()
def role(
    email: Email, role: Annotated[str, typer.Argument(help="agent, supervisor or administrator.")], json: Json = False
) -> None:
    """Change a role."""
    from models import agents

    _show([_change(email, lambda c, who: agents.set_role(c, agents.COMMAND_LINE, who, role))], json=json)


@group.command()
def teams(email: Email, names: Teams = None, json: Json = False) -> None:
    """Put an agent into exactly these teams; missing ones are made."""
    from models import agents

    wanted = names or []
    account = _change(email, lambda c, who: agents.set_teams(c, agents.COMMAND_LINE, who, wanted, make=True))
    _show([account], json=json)


@group.command()
def disable(email: Email, json: Json = False) -> None:
    """Shut an agent out at once. The last administrator cannot be."""
    from models import agents

    _show([_change(email, lambda c, who: agents.disable(c, agents.COMMAND_LINE, who))], json=json)


@group.command()
def enable(email: Email, json: Json = False) -> None:
    """Let a disabled agent in again."""
    from models import agents

    _show([_change(email, lambda c, who: agents.enable(c, agents.COMMAND_LINE, who))], json=json)


@group.command()
def reset(email: Email, json: Json = False) -> None:
    """Print a single-use link for a new password. The present one stays until then."""
    from models import agents

    async def make(connection: AsyncConnection) -> tuple[Account, str]:
        account = await agents.by_email(connection, email)
        if account.state == "disabled":
            raise agents.NoAgent(f"{email} is disabled: enable first")
        purpose = "reset" if account.has_password else "invitation"
        return account, await _link(connection, account.id, purpose)

    account, link = _do(make)
    _show([account], json=json, link=link)


async def _link(connection: AsyncConnection, agent_id: int, purpose: str) -> str:
    from models import agent_letter, proofs

    settings = settings_or_exit()
    token = await proofs.make(connection, agent_id, purpose, hours=settings.staff.invitation_hours)
    return agent_letter.address(settings, purpose, token)


def _change(email: str, change: Callable[[AsyncConnection, int], Awaitable[bool]]) -> Account:
    """Make a change to the agent of an address; the account after it."""
    from models import agents

    async def run(connection: AsyncConnection) -> Account:
        account = await agents.by_email(connection, email)
        await change(connection, account.id)
        return await agents.account(connection, account.id)

    return _do(run)


def _do(question: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    """Ask; what cannot be done is said on stderr, with exit status 1."""
    from models import agents

    try:
        return ask(question)
    except (agents.NoAgent, agents.NoTeam, agents.Taken, agents.LastAdministrator, ValueError) as error:
        _no(str(error))


def _no(why: str) -> NoReturn:
    typer.echo(f"{why[:1].upper()}{why[1:]}.", err=True)
    sys.exit(1)


def _show(accounts: list[Account], *, json: bool, link: str = "") -> None:
    if json:
        for account in accounts:
            print(_line(account, link))
        return
    width = max((len(account.email) for account in accounts), default=0)
    for account in accounts:
        belongs = f"  {', '.join(account.teams)}" if account.teams else ""
        print(f"{account.email:<{width}}  {account.role:<13}  {account.state:<8}  {account.name}{belongs}")
    if link:
        print(f"\n  {link}\n\nThe link works once, for a limited time. Pass it on to nobody else.")


def _line(account: Account, link: str) -> str:
    shown = {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "teams": account.teams,
        "state": account.state,
        "last_seen_at": account.last_seen_at and account.last_seen_at.isoformat(),
    }
    return dumps(shown | ({"link": link} if link else {}), ensure_ascii=False)
