"""Choose who gets a ticket: the team by rules, then the agent. Pure.

In: what is known of the ticket, the agents with what they have, the rules of `assignment.toml`. Out: a `Choice` with
its reason. Fails: `RulesError`, where a file of rules has a mistake.

Of the agents of the team those come first who are available, speak the ticket's language, may take its level and have
room; where nobody is all of that, room is given up first, then language, then level, then presence. Where the team has
nobody at all, the fallback team is asked, then the fallback agent, then everybody. Among equals the one with the
fewest open tickets is chosen, then the one with the fewest altogether, then the one whose newest ticket is oldest: so
they take turns. The same question has the same answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

SHIPPED = Path(__file__).parent.parent / "config" / "assignment.toml"
PRESENT = ("available", "away", "offline")
"""Who comes first."""
MATCHED = ("category", "product", "channel", "language", "pipeline", "tier", "account", "priority", "perimeter")


class RulesError(ValueError):
    """A mistake in an assignment.toml, with the file and the key."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tickets go to which team, at which level."""

    name: str
    team: str = ""
    level: int = 0
    category: list[str] = []
    product: list[str] = []
    channel: list[str] = []
    language: list[str] = []
    pipeline: list[str] = []
    tier: list[str] = []
    account: list[str] = []
    priority: list[str] = []
    perimeter: list[str] = []

    def takes(self, matter: Matter) -> bool:
        """Whether all its conditions hold."""
        return all(not (wanted := getattr(self, name)) or getattr(matter, name) in wanted for name in MATCHED)


class HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When tickets leave an agent who is not there."""

    offline_minutes: float = 720
    urgent_minutes: float = 15


class AssignmentRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An assignment.toml."""

    rules: list[Rule] = []
    fallback_team: str = ""
    fallback_agent: str = ""
    hand_over: HandOver = HandOver()

    @classmethod
    def load(cls, path: Path | None = None) -> AssignmentRules:
        """Read `path`, or the file that ships; each is read once. Raises `RulesError`."""
        return _loaded(path or SHIPPED)


@cache
def _loaded(path: Path) -> AssignmentRules:
    try:
        rules = msgspec.convert(tomllib.loads(path.read_text("utf-8")), AssignmentRules)
    except (OSError, ValueError) as error:
        raise RulesError(f"{path}: {error}") from error
    for rule in rules.rules:
        if not rule.team and not rule.level:
            raise RulesError(f"{path}: the rule {rule.name!r} gives neither a team nor a level")
        if rule.level not in (0, 1, 2, 3):
            raise RulesError(f"{path}: the rule {rule.name!r}: there is no level {rule.level}")
    return rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What is known of a ticket."""

    number: int
    category: str = "other"
    product: str = ""
    channel: str = ""
    language: str = ""
    pipeline: str = "default"
    tier: str = "standard"
    account: str = ""
    priority: str = "normal"
    perimeter: str = "OUT"
    team: str = ""
    level: int = 1
    assignee: int | None = None


@dataclass(slots=True, kw_only=True)
class Load:
    """An agent, and what they have."""

    agent_id: int
    name: str
    email: str = ""
    presence: str = "available"
    languages: Collection[str] = ()
    max_level: int = 1
    capacity: int = 0
    teams: Collection[str] = ()
    open: int = 0
    """Tickets that wait for them."""
    waiting: int = 0
    """Tickets that wait for their customers."""
    newest: int = 0
    """Their newest unresolved ticket."""

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Less is sooner."""
        return self.open, self.open + self.waiting, self.newest, self.agent_id

    def has_room(self) -> bool:
        """Whether they may get one more without being asked."""
        return not self.capacity or self.open + self.waiting < self.capacity

    def speaks(self, language: str) -> bool:
        """Whether they answer in `language`; whoever names none answers in all."""
        return not language or not self.languages or language in self.languages

    def take(self, number: int) -> None:
        """Count one more."""
        self.open, self.newest = self.open + 1, max(self.newest, number)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets it, and why."""

    agent: Load
    team: str
    level: int
    reason: str
    """Words for machines: `rule=billing team=billing language=fr open=3`; `models.assignment.because` words them."""


def choose(matter: Matter, agents: Sequence[Load], rules: AssignmentRules) -> Choice | None:
    """Who gets `matter`; None where there is nobody at all. A team that it has already is kept."""
    rule, team = _rule(matter, rules), team_of(matter, rules)
    level = max(matter.level, rule.level if rule else 0)
    for place, found in _pools(team, agents, rules):
        if found:
            agent, given_up = _best(matter, level, found)
            reason = list(_reason(matter, rule, team if place == "team" else "", place, agent, given_up))
            return Choice(agent, team, level, " ".join(reason))
    return None


def team_of(matter: Matter, rules: AssignmentRules) -> str:
    """The team that `matter` has, or is given by the rules; '' for none."""
    rule = _rule(matter, rules)
    return matter.team or (rule.team if rule else "") or rules.fallback_team


def _rule(matter: Matter, rules: AssignmentRules) -> Rule | None:
    return next((rule for rule in rules.rules if rule.takes(matter)), None)


def _pools(team: str, agents: Sequence[Load], rules: AssignmentRules) -> Iterator[tuple[str, list[Load]]]:
    """Among whom is looked, one after the other."""
    if team:
        yield "team", [agent for agent in agents if team in agent.teams]
    if rules.fallback_team and rules.fallback_team != team:
        yield "fallback_team", [agent for agent in agents if rules.fallback_team in agent.teams]
    if rules.fallback_agent and team:
        yield "fallback_agent", [agent for agent in agents if agent.email.lower() == rules.fallback_agent.lower()]
    yield "everybody", list(agents)


def _best(matter: Matter, level: int, agents: Iterable[Load]) -> tuple[Load, Sequence[str]]:
    """The best one, and what had to be given up."""

    def lacks(agent: Load) -> tuple[int, bool, bool, bool]:
        return (
            PRESENT.index(agent.presence),
            agent.max_level < level,
            not agent.speaks(matter.language),
            not agent.has_room(),
        )

    best = min(agents, key=lambda agent: (lacks(agent), agent.rank))
    presence, below, foreign, full = lacks(best)
    given_up = [PRESENT[presence]] if presence else []
    return best, [
        *given_up,
        *(word for word, lacking in (("level", below), ("foreign", foreign), ("full", full)) if lacking),
    ]


def _reason(
    matter: Matter, rule: Rule | None, team: str, place: str, agent: Load, given_up: Sequence[str]
) -> Iterator[str]:
    if rule:
        yield f"rule={_word(rule.name)}"
    if team:
        yield f"team={_word(team)}"
    elif place != "everybody":
        yield place
    if matter.language and matter.language in agent.languages:
        yield f"language={matter.language}"
    yield f"open={agent.open}"
    yield from (f"but={word}" for word in given_up)


def _word(name: str) -> str:
    """A name as one word."""
    return name.replace(" ", "\N{NO-BREAK SPACE}")
