"""Actor: who does something, and what they may see and do. The one place where that is decided.

Pages, API, sockets, search, export and webhooks all ask here, and put `visible` into their queries: a row that an actor
may not see is as if it were not there.

    agent           the tickets of their teams, those of no team, and those that are assigned to them
    supervisor      all tickets, statistics, operations
    administrator   the same, and agents, teams, tokens, settings
    customer        never here: they hold links to single tickets (`models.page_link`)
    program, step   an API token with its scopes, or a step of the workers, on nobody's behalf
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PERMISSIONS = {
    "agent": frozenset({"tickets"}),
    "supervisor": frozenset({"tickets", "all_tickets", "statistics", "operations"}),
    "administrator": frozenset({"tickets", "all_tickets", "statistics", "operations", "administration"}),
}
"""Role → what it may."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something."""

    kind: str
    """agent, contact, program or step."""
    id: int = 0
    """Of the agent, the contact or the token; 0 for steps."""
    name: str = ""
    """As people read it; of a step, its name."""
    role: str = ""
    """Of an agent or a program that acts in an agent's place."""
    teams: tuple[str, ...] = ()
    language: str = ""
    timezone: str = "Europe/Paris"

    @property
    def label(self) -> str:
        """As it stands in histories: agent:7, contact:12, program:3, or the step's name."""
        return f"{self.kind}:{self.id}" if self.id else f"{self.kind}:{self.name}" if self.kind != "step" else self.name

    def may(self, permission: str) -> bool:
        """Whether it may: tickets, all_tickets, statistics, operations or administration."""
        return permission in PERMISSIONS.get(self.role, ())


def step(name: str) -> Actor:
    """A step of the workers, who may do what it was built for."""
    return Actor("step", name=name, role="administrator")


def visible(actor: Actor, ticket: str = "ticket") -> tuple[str, dict[str, Any]]:
    """The SQL condition on a ticket's row (by its table's name or alias), and the values that it binds."""
    if actor.may("all_tickets"):
        return "true", {}
    if not actor.may("tickets"):
        return "false", {}
    condition = f"({ticket}.team = '' OR {ticket}.team = ANY(:actor_teams) OR {ticket}.assignee_id = :actor_id)"
    # Tickets are assigned to agents alone: a program's id must not meet an agent's.
    return condition, {"actor_teams": list(actor.teams), "actor_id": actor.id if actor.kind == "agent" else 0}
