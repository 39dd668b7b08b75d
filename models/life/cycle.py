"""The life cycle, in one place: which status and stage may follow which, and why not. Pure; drawn in docs/life.md.

    open ⇄ in_progress ⇄ waiting ⇄ open        the three that are worked on lead to each other
    any of them → resolved → closed            resolved asks the customer; any of them may close without asking
    resolved, closed → open, in_progress       reopened

In: what stands there, and what is wanted. Out: the status and stage that follow, or `NotAllowed` with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.pipelines import Pipeline, Pipelines, Stage, load
from config.settings import Settings
from models.life.refusals import NotAllowed

WORKED_ON = ("open", "in_progress", "waiting")
ENDED = ("resolved", "closed")
TRANSITIONS: dict[str, tuple[str, ...]] = {
    "open": ("in_progress", "waiting", "resolved", "closed"),
    "in_progress": ("open", "waiting", "resolved", "closed"),
    "waiting": ("open", "in_progress", "resolved", "closed"),
    "resolved": ("open", "in_progress", "closed"),
    "closed": ("open", "in_progress"),
}
"""Status → what may follow."""
STOPPED = ("waiting", "resolved", "closed")
"""While a ticket has one of these, its clocks stand still."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """The pipelines in force."""

    pipelines: Pipelines

    @classmethod
    def of(cls, settings: Settings) -> Cycle:
        """Those of the settings. Raises `config.pipelines.PipelinesError`."""
        return cls(load(settings.life.pipelines))

    def pipeline(self, name: str) -> Pipeline:
        """The pipeline of that name; the default one for a name that the file no longer has."""
        found = self.pipelines.pipelines
        return found[name] if name in found else found[self.pipelines.default]

    def stage(self, pipeline: str, stage: str) -> Stage | None:
        """A stage; None for one that the file does not have."""
        return next((one for one in self.pipeline(pipeline).stages if one.id == stage), None)

    def start(self) -> tuple[str, str]:
        """Pipeline and stage of a new ticket."""
        return self.pipelines.default, self.pipelines.pipelines[self.pipelines.default].stages[0].id

    def moves(self, pipeline: str, stage: str, status: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What an agent may choose: statuses, and stages of the same pipeline."""
        statuses = TRANSITIONS[status]
        stages = [
            one.id
            for one in self.pipeline(pipeline).stages
            if one.id != stage and (status in one.statuses or one.statuses[0] in statuses)
        ]
        return statuses, tuple(stages)

    def settle(self, pipeline: str, stage: str, old: str, new: str) -> str:
        """The stage of a ticket whose status became `new`: where it stands, where that may be."""
        here = self.stage(pipeline, stage)
        if here is not None and new in here.statuses:
            return stage
        way = self.pipeline(pipeline)
        if old in ENDED and new == "open" and way.reopened:
            return way.reopened
        return next(one.id for one in way.stages if new in one.statuses)

    def to_status(self, pipeline: str, stage: str, old: str, new: str) -> tuple[str, str]:
        """Status and stage after `old` became `new`. Raises `NotAllowed`."""
        if new not in TRANSITIONS:
            raise NotAllowed("no_status", f"{new!r} is no status.")
        if new != old and new not in TRANSITIONS[old]:
            raise NotAllowed(f"{old}_not_{new}", why_not(old, new))
        return new, self.settle(pipeline, stage, old, new)

    def to_stage(self, pipeline: str, stage: str, status: str) -> tuple[str, str]:
        """Status and stage after the ticket was moved to `stage` of `pipeline`. Raises `NotAllowed`."""
        there = self.stage(pipeline, stage)
        if there is None:
            raise NotAllowed("no_stage", f"{stage!r} is no stage of pipeline {pipeline!r}.")
        if status in there.statuses:
            return status, stage
        new = there.statuses[0]
        if new not in TRANSITIONS[status]:
            raise NotAllowed(f"{status}_not_{new}", why_not(status, new))
        return new, stage

    def to_pipeline(self, pipeline: str, status: str) -> str:
        """The stage of a ticket that changes to `pipeline`: the first that holds its status. Raises `NotAllowed`."""
        if pipeline not in self.pipelines.pipelines:
            raise NotAllowed("no_pipeline", f"There is no pipeline {pipeline!r}.")
        return next(one.id for one in self.pipelines.pipelines[pipeline].stages if status in one.statuses)


def why_not(old: str, new: str) -> str:
    """Why `new` does not follow `old`."""
    if (old, new) == ("closed", "resolved"):
        return "A closed ticket was resolved already; reopen it first."
    return f"A {old} ticket waits for nobody; reopen it first."
