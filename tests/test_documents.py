"""What docs/ says is so: what it names exists, what it lists is complete, and its example works."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.checking import problems
from config.describe import markdown
from config.embedded import Engines
from config.settings import Settings
from tests.chaos.campaign import POINTS
from tests.desk import Desk, letter
from tests.documents import DOCUMENTS, blocks, checkout, defined, named_functions, text_of
from tests.processes import ROOT, reachable_folder
from workers.acknowledge import TABLE

ROOMS = ("gateway", "workers", "channels", "models", "config")
LOGGED = re.compile(r'\blog\.(?:debug|info|warning|error|exception|critical)\(\s*"([\w.]+)"')


def code() -> str:
    """All that ships, as one text."""
    return "\n".join(path.read_text("utf-8") for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    place = ROOT / document
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(document))
    assert [link for link in links if "://" not in link and not (place.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_functions_that_are_named_exist(document: str) -> None:
    missing = [f"{file}:{name}" for file, name in named_functions(document) if name not in defined(file)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document: str) -> None:
    named = re.findall(r"`((?:gateway|workers|channels|models|config|tests)/[\w./]+\.(?:py|toml))`", text_of(document))
    example = {"config/guichet.toml", "channels/pager.py", "tests/test_pager.py"}
    assert [name for name in named if name not in example and not (ROOT / name).exists()] == []


def test_every_test_that_reliability_names_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text_of("docs/reliability.md"))
    assert len(named) > 30
    assert [f"{file}::{name}" for file, name in named if name not in defined(f"tests/{file}")] == []


def test_every_bad_input_that_a_test_names_is_in_the_list() -> None:
    listed = set(re.findall(r"^\| (B\d+) \|", text_of("docs/reliability.md"), re.MULTILINE))
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_bad_mail.py"))
    tests += "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_smtp*.py"))
    tests += "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_form*.py"))
    in_later_chapters = {"B38", "B45"}
    assert set(re.findall(r"\bB\d+\b", tests)) - in_later_chapters - listed == set()


def test_every_crash_point_is_described_and_only_those() -> None:
    described = set(re.findall(r"^\| (X\d+) \|", text_of("docs/reliability.md"), re.MULTILINE))
    assert described == set(re.findall(r'crash_point\("(X\d+)"\)', code())) | set(POINTS)


def test_the_acknowledgement_table_lists_the_rules_in_order() -> None:
    listed = re.findall(r"^\| (A\d+) \|", text_of("docs/acknowledgement.md"), re.MULTILINE)
    assert listed == list(dict.fromkeys(rule for rule, _outcome, _condition in TABLE))


def test_the_budgets_in_the_acknowledgement_table_are_the_defaults() -> None:
    limits = Settings().acknowledge
    budgets = re.findall(r"`(\w+)` \((\d+)\)", text_of("docs/acknowledgement.md"))
    assert len(budgets) == 8
    assert {name: float(value) for name, value in budgets} == {name: getattr(limits, name) for name, _ in budgets}


def test_settings_md_is_what_the_settings_say() -> None:
    assert text_of("docs/settings.md") == markdown(), ".venv/bin/python -m config.describe > docs/settings.md"


def test_every_log_event_is_described_and_only_those() -> None:
    table = text_of("docs/operations.md").partition("## Logs")[2].partition("\n## ")[0]
    described = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)
    }
    emitted = set(LOGGED.findall(code()))
    assert len(emitted) > 25
    assert emitted - described == set(), "events without a line in docs/operations.md"
    assert {name for name in described if f'"{name}"' not in code()} == set(), "events that no code emits"


async def test_every_metric_is_described_and_only_those(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<m@example.com>"))
    await desk.rows("INSERT INTO cursor (name, last_success) VALUES ('email:x/INBOX', now()) RETURNING name")
    async with desk.http.get(f"{desk.url}/metrics") as answer:
        exported = set(re.findall(r"^(guichet_\w+)", await answer.text(), re.MULTILINE))
    described = set(re.findall(r"^\| `(guichet_\w+)`", text_of("docs/operations.md"), re.MULTILINE))
    assert described == exported


def test_every_command_is_described_and_only_those() -> None:
    commands = {
        node.name
        for path in (ROOT / "guichet").glob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and any("app.command" in ast.unparse(d) for d in node.decorator_list)
    }
    for path in (ROOT / "guichet").glob("*.py"):
        commands |= set(re.findall(r'^app\.add_typer\(\w+, name="(\w+)"', path.read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"^\| `guichet (\w+)", text_of("docs/operations.md"), re.MULTILINE)) == commands


@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_of_settings_are_right(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for number, example in enumerate(blocks(document, "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(example)
        monkeypatch.setenv("GUICHET_CONFIG", str(file))
        assert problems() == []


def test_the_example_of_a_channel_works(engines: Engines) -> None:
    module, tests = blocks("docs/channels.md", "python")
    with reachable_folder() as folder:
        copy = checkout(folder)
        (copy / "channels" / "pager.py").write_text(module)
        (copy / "tests" / "test_pager.py").write_text(tests)
        (copy / "config" / "guichet.toml").write_text(blocks("docs/channels.md", "toml")[0])
        environment = os.environ | {"DATABASE_URL": engines.database_url, "REDIS_URL": engines.redis_url}
        answer = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_pager.py"],
            cwd=copy,
            env={name: value for name, value in environment.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert "4 passed" in answer.stdout
