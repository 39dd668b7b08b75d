"""Files of rules with a mistake: `guichet check` names it, and the workers end at once instead of starting for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from config.supervisor import EX_CONFIG
from tests.processes import ROOT, clean_environment


def guichet(command: str, settings: Settings, **environment: str) -> subprocess.CompletedProcess[str]:
    place = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "GUICHET_VAR": str(settings.var)}
    return subprocess.run(
        [sys.executable, "-m", "guichet", command],
        env=clean_environment(**place, **environment), cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [("GUICHET_CLOCKS__CALENDARS", "default = 'office'"), ("GUICHET_ASSIGNMENT__RULES", "[[rules]]\nname = 'x'")],
)
def test_a_mistake_is_named(settings: Settings, tmp_path: Path, variable: str, wrong: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(wrong)
    checked = guichet("check", settings, **{variable: str(path)})
    assert (checked.returncode, str(path) in checked.stderr) == (1, True)


def test_the_workers_end_at_once_and_say_why(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("default = 'office'")
    worked = guichet("workers", settings, GUICHET_CLOCKS__CALENDARS=str(path))
    assert (worked.returncode, str(path) in worked.stderr.splitlines()[-1]) == (EX_CONFIG, True)
