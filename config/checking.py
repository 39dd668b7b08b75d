"""What is wrong with the settings, in words that name file, line and key."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from config.settings import Settings, file_of_settings, load


class SettingsError(Exception):
    """A settings file that cannot be read at all."""


def problems() -> list[str]:
    """Every mistake in the settings, one line each; empty where they are right."""
    try:
        settings = load()
    except (ValidationError, SettingsError, tomllib.TOMLDecodeError) as error:
        return explain(error).splitlines()
    return [*_missing_files(settings), *_unknown_variables()]


def explain(error: Exception) -> str:
    """One line for each mistake: where it stands, what is wrong with it."""
    path = file_of_settings()
    if isinstance(error, tomllib.TOMLDecodeError):
        return f"{path}: {error}"
    if not isinstance(error, ValidationError):
        return str(error)
    return "\n".join(
        f"{_place(path, [str(part) for part in mistake['loc']])}: {mistake['msg']}" for mistake in error.errors()
    )


def _place(path: Path, keys: list[str]) -> str:
    """Where a key was set: the environment variable, or file:line, and the key's dotted name."""
    variable = "GUICHET_" + "__".join(keys).upper()
    if variable in os.environ:
        return variable
    line = line_of(path, keys)
    return f"{path}:{line}: {'.'.join(keys)}" if line else ".".join(keys)


def line_of(path: Path, keys: list[str]) -> int | None:
    """The line of the TOML file on which `keys` (section, …, key) is set; None where it is not."""
    if not path.exists() or not keys:
        return None
    wanted, section = keys, list[str]()
    best: int | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if found := re.match(r"\s*\[+([^\]]+)\]+", line):
            section = [part.strip().strip("\"'") for part in found.group(1).split(".")]
            best = number if section == wanted[: len(section)] and best is None else best
        elif found := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            full = [*section, *(part.strip("\"'") for part in found.group(1).split("."))]
            if full == wanted[: len(full)]:
                return number
    return best


def _missing_files(settings: Settings) -> Iterator[str]:
    """Files that the settings name and that are not there."""
    named = {
        "smtp.tls_certificate": settings.smtp.tls_certificate,
        "smtp.tls_key": settings.smtp.tls_key,
        "triage.rules": settings.triage.rules,
        "triage.model": settings.triage.model,
        "form.definitions": settings.form.definitions,
        "life.pipelines": settings.life.pipelines,
        "clocks.calendars": settings.clocks.calendars,
        "assignment.rules": settings.assignment.rules,
    }
    for key, path in named.items():
        if path is not None and not path.exists():
            yield f"{_place(file_of_settings(), key.split('.'))}: there is no file {path}"


def _unknown_variables() -> Iterator[str]:
    """Environment variables that look like settings and are none: a typing mistake would else go unseen."""
    known = {f"GUICHET_{name}".upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        top = name.partition("__")[0].upper()
        if name.startswith("GUICHET_") and top not in known and name not in EXTRA_VARIABLES:
            yield f"{name}: no setting of this name"


EXTRA_VARIABLES = (
    "GUICHET_CONFIG",
    "GUICHET_FAULTS",
    "GUICHET_SETTINGS_JSON",
    "GUICHET_DATABASE_URL",
    "GUICHET_REDIS_URL",
)
