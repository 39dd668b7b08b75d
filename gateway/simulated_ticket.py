"""The life of one simulated ticket, from what it is about to what stands in the tables. Pure.

Enters: a matter, chance, the present. Leaves: what was said, what changed, how it stands; nothing later than the
present. Agents work from nine to six, Monday to Friday; customers write back when they like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

OPENS, CLOSES = 9, 18
HOURS = {"urgent": 0.6, "high": 1.6, "normal": 3.4}
"""Working hours until an answer, about the middle, by priority."""
COMMITMENTS = {"urgent": 2, "high": 6, "normal": 24}
STAGES = {
    "open": "new",
    "in_progress": "in_progress",
    "waiting": "in_progress",
    "resolved": "resolved",
    "closed": "closed",
}
VIP_STAGES = STAGES | {"in_progress": "expert", "waiting": "waiting"}


class One(NamedTuple):
    """One message."""

    at: datetime
    direction: str
    sender: str
    name: str
    text: str
    first: bool = False


class Change(NamedTuple):
    """One line of the history."""

    at: datetime
    actor: str
    kind: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a ticket is about, who brings it, who takes it."""

    at: datetime
    customer: Any
    subject: str
    text: str
    again: Sequence[str]
    category: str
    priority: str
    product: str
    perimeter: str
    pipeline: str
    team: str
    agent: int
    colleague: int
    pace: float
    account: str
    acknowledged: bool

    def ticket(self, number: int, told: Told) -> Mapping[str, Any]:
        """Its row."""
        label = f"{self.customer.channel}:{self.customer.address}"
        last = max([self.at, *(one.at for one in told.said), *(change.at for change in told.events)])
        acknowledged = next((one.at for one in told.said if one.sender == self.account), None)
        return {
            "id": number, "subject": self.subject, "status": told.status, "priority": self.priority,
            "commitment_hours": COMMITMENTS[self.priority], "category": self.category, "product": self.product,
            "perimeter": self.perimeter, "pipeline": self.pipeline, "stage": told.stage(self.pipeline),
            "level": 2 if told.transferred else 1, "contact_id": self.customer.id, "channel": self.customer.channel,
            "account": self.account, "answer_channel": self.customer.channel, "answer_address": self.customer.address,
            "answer_account": self.account, "assignee_id": told.assignee or None, "team": self.team,
            "language": self.customer.language, "participants": [label], "message_count": len(told.said),
            "acknowledged_at": acknowledged, "created_at": self.at, "updated_at": last, "resolved_at": told.resolved_at,
        }  # fmt: skip


@dataclass(slots=True)
class Told:
    """What became of a matter by now."""

    now: datetime
    said: list[One] = field(default_factory=list)
    events: list[Change] = field(default_factory=list)
    status: str = "open"
    assignee: int = 0
    transferred: bool = False
    resolved_at: datetime | None = None

    def stage(self, pipeline: str) -> str:
        """Where it stands in its pipeline."""
        return (VIP_STAGES if pipeline == "vip" else STAGES)[self.status]

    def say(self, at: datetime, direction: str, sender: str, name: str, words: str, *, first: bool = False) -> None:
        """Note a message, unless it is still to come."""
        if at <= self.now:
            self.said.append(One(at, direction, sender, name, words, first))

    def change(self, at: datetime, actor: str, kind: str, old: str, new: str) -> bool:
        """Note a change, unless it is still to come."""
        if at > self.now:
            return False
        self.events.append(Change(at, actor, kind, old, new))
        return True

    def become(self, at: datetime, actor: str, status: str) -> None:
        """Change the status."""
        if status != self.status and self.change(at, actor, "status", self.status, status):
            self.status = status
            self.resolved_at = at if status in ("resolved", "closed") else None


def tell(matter: Matter, answers: Mapping[str, Sequence[str]], chance: Random, now: datetime, zone: ZoneInfo) -> Told:
    """Live through it."""
    told, customer, at = Told(now), matter.customer, matter.at
    who = f"contact:{customer.channel}:{customer.address}"
    told.say(at, "in", customer.address, customer.name, matter.text, first=True)
    told.change(at, who, "created", "", "open")
    if matter.acknowledged:
        told.say(at + timedelta(seconds=2), "out", matter.account, "", answers[customer.language][0])
    soon = at + timedelta(seconds=chance.randrange(20, 240))
    agent = matter.agent
    told.change(soon, "assign", "team", "", matter.team)
    if told.change(soon, "assign", "assignee", "", str(agent)):
        told.assignee = agent
    at = soon
    for turn in range(1 + (chance.random() < 0.44) + (chance.random() < 0.16)):
        at = _working(at, chance.lognormvariate(0, 0.85) * HOURS[matter.priority] * matter.pace, zone)
        if turn == 0 and chance.random() < 0.11:
            if told.change(at, f"agent:{agent}", "assignee", str(agent), str(matter.colleague)):
                agent = told.assignee = matter.colleague
                told.transferred = True
            at = _working(at, chance.lognormvariate(0, 0.5) * 1.5 * matter.pace, zone)
        told.become(at - timedelta(minutes=4), f"agent:{agent}", "in_progress")
        told.say(at, "out", f"agent:{agent}", "", chance.choice(answers[customer.language][turn > 0 :]))
        told.become(at, f"agent:{agent}", "waiting")
        if turn or chance.random() < 0.38:
            at += timedelta(hours=chance.lognormvariate(1.4, 1.0) * max(matter.pace, 0.3))
            told.say(at, "in", customer.address, customer.name, matter.again[turn])
            told.become(at, who, "open")
    _end(told, matter, agent, chance, at, zone)
    return told


def _end(told: Told, matter: Matter, agent: int, chance: Random, at: datetime, zone: ZoneInfo) -> None:
    """Resolved, perhaps taken up again, closed, perhaps rated."""
    if chance.random() < 0.035:
        return  # it drags on
    who = f"contact:{matter.customer.channel}:{matter.customer.address}"
    at = _working(at, chance.lognormvariate(0.4, 0.9) * 2.2 * matter.pace, zone)
    told.become(at, f"agent:{agent}", "resolved")
    if chance.random() < 0.075:
        at += timedelta(hours=chance.uniform(4, 60))
        told.say(at, "in", matter.customer.address, matter.customer.name, matter.again[3])
        told.become(at, who, "open")
        at = _working(at, chance.lognormvariate(0.6, 0.7) * 3 * matter.pace, zone)
        told.become(at, f"agent:{agent}", "resolved")
    at += timedelta(days=3)
    told.become(at, "closing", "closed")
    if chance.random() < 0.34 and told.status == "closed":
        weights = (3, 4, 10, 36, 47) if matter.pace < 1 else (6, 8, 16, 40, 30)
        told.change(at + timedelta(minutes=chance.randrange(600)), who, "satisfaction", "",
                    str(chance.choices(range(1, 6), weights)[0]))  # fmt: skip


def _working(at: datetime, hours: float, zone: ZoneInfo) -> datetime:
    """The moment so many working hours later."""
    left, local = timedelta(hours=hours), at.astimezone(zone)
    while True:
        opens, closes = (local.replace(hour=hour, minute=0, second=0, microsecond=0) for hour in (OPENS, CLOSES))
        local = max(local, opens)
        if local.weekday() < 5 and local < closes:
            if local + left <= closes:
                return (local + left).astimezone(at.tzinfo)
            left -= closes - local
        local = opens + timedelta(days=1)
