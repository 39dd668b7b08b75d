"""The pipelines: `pipelines.toml`, read and checked once at start.

In: the path of such a file. Out: `Pipelines`. Fails: `PipelinesError`, which names the file and the key.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

SHIPPED = Path(__file__).parent / "pipelines.toml"
STATUSES = ("open", "in_progress", "waiting", "resolved", "closed")
LANGUAGES = ("fr", "en")


class PipelinesError(ValueError):
    """A mistake in a pipelines.toml, with the file and the key."""


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place on the way."""

    id: str
    name: dict[str, str]
    """Language to what people read."""
    statuses: tuple[str, ...]
    """Those that a ticket may have here; the first is the one that it gets when it is moved here."""


class Pipeline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way that tickets take."""

    name: dict[str, str]
    stages: tuple[Stage, ...]
    reopened: str = ""
    """The stage of what was ended and is open again; '': the first that holds `open`."""


class Pipelines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    default: str
    pipelines: dict[str, Pipeline]


@cache
def load(path: Path | None = None) -> Pipelines:
    """Read and check a file; the one that ships by default. Raises `PipelinesError`."""
    place = path or SHIPPED
    try:
        found = msgspec.convert(tomllib.loads(place.read_text("utf-8")), Pipelines)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PipelinesError(f"{place}: {error}") from error
    if found.default not in found.pipelines:
        raise PipelinesError(f"{place}: default: there is no pipeline {found.default!r}")
    for name, pipeline in found.pipelines.items():
        if mistake := _mistake(pipeline):
            raise PipelinesError(f"{place}: pipelines.{name}.{mistake}")
    return found


def _mistake(pipeline: Pipeline) -> str:
    """The first thing that is wrong, after the key; '' where nothing is."""
    ids = [stage.id for stage in pipeline.stages]
    if twice := next((one for one in ids if ids.count(one) > 1), ""):
        return f"stages: {twice!r} stands there twice"
    if unnamed := next((one for one in LANGUAGES if not pipeline.name.get(one)), ""):
        return f"name: there is none in {unnamed!r}"
    for stage in pipeline.stages:
        if unnamed := next((one for one in LANGUAGES if not stage.name.get(one)), ""):
            return f"stages.{stage.id}.name: there is none in {unnamed!r}"
        if not stage.statuses:
            return f"stages.{stage.id}.statuses: there is none"
        if unknown := next((one for one in stage.statuses if one not in STATUSES), ""):
            return f"stages.{stage.id}.statuses: {unknown!r} is no status"
    held = {status for stage in pipeline.stages for status in stage.statuses}
    if homeless := next((status for status in STATUSES if status not in held), ""):
        return f"stages: none holds {homeless!r}"
    if pipeline.reopened and not any(s.id == pipeline.reopened and "open" in s.statuses for s in pipeline.stages):
        return f"reopened: {pipeline.reopened!r} is no stage that holds 'open'"
    return ""
