"""House rules that a machine can hold, beside those of ruff and import-linter. Nothing runs here: files are read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from config.settings import Settings
from tests.processes import ROOT

ROOMS = ("gateway", "workers", "channels", "models", "config")
CHANNELS: dict[str, str] = Settings.model_fields["channels"].default
FREE_OF_NAMES = ("config", "tests", "bench")
"""Here channels may be named: that is what settings, tests and loads do."""
HOMONYMS = {
    ("channels/email/html_text.py", "form"): "the HTML element",
    ("channels/chat/session.py", "email"): "a field of the window's form",
    ("channels/form/definition.py", "email"): "a type of field",
    ("channels/form/submission.py", "email"): "a type of field",
    ("channels/portal/door.py", "email"): "a field of the form for a fresh link",
    ("gateway/simulated_mail.py", "email"): "the field of the form that ships",
    ("channels/meta/content.py", "email"): "a part of a contact card",
    ("channels/meta/content.py", "phone"): "a part of a contact card",
    ("channels/email/html_text.py", "meta"): "the HTML element",
    ("channels/twilio/rest.py", "meta"): "what a list says of itself",
    ("models/migrations/versions/0006_conversation.py", "email"): "a column",
    ("models/migrations/versions/0008_agents.py", "email"): "a column",
    ("models/agents.py", "email"): "a column",
    ("models/proofs.py", "email"): "a column",
    ("gateway/staff/sign_in.py", "email"): "a field of the form",
    ("gateway/staff/administration.py", "email"): "a field of the form",
    ("gateway/staff/oidc.py", "email"): "a claim",
    ("guichet/agents.py", "email"): "a key of its JSON",
}
"""Words that are spelt like a channel's name and mean something else."""
LONG_FILES = {
    "tests/test_machine_mail.py": "a row of the table after the other; cutting it would hide which is missing"
}
LONG_FUNCTIONS = {"models/migrations/versions/0001_foundation.py:upgrade": "creates all tables, one after the other"}
MOST_LINES_IN_A_FILE, MOST_LINES_IN_A_FUNCTION = 400, 60


def sources(*folders: str) -> list[Path]:
    return [path for folder in ("guichet", *folders) for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def docstrings(module: ast.Module) -> set[ast.Constant]:
    """Every string that is a statement of its own: it says something, and decides nothing."""
    return {
        node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def literals(module: ast.Module, word: str) -> Iterator[int]:
    """The lines in which `word` is a string of its own, or a quoted one within SQL."""
    spoken = docstrings(module)
    wanted = re.compile(rf"{word}|.*['\"]{word}['\"].*", re.DOTALL)
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and node not in spoken and wanted.fullmatch(str(node.value)):
            yield node.lineno


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_channel_is_named_outside_its_own_folder(channel: str) -> None:
    home = CHANNELS[channel].partition(":")[0].replace(".", "/")
    found = {
        f"{name_of(path)}:{line}"
        for path in sources(*ROOMS)
        if not name_of(path).startswith((home, *FREE_OF_NAMES)) and (name_of(path), channel) not in HOMONYMS
        for line in literals(tree(path), channel)
    }
    assert not found


def test_every_listed_homonym_is_still_there() -> None:
    assert {key for key in HOMONYMS if not any(literals(tree(ROOT / key[0]), key[1]))} == set()


def test_a_channel_named_elsewhere_would_be_seen() -> None:
    assert list(literals(ast.parse('"""The email."""\nif channel == "email": pass'), "email")) == [2]
    assert list(literals(ast.parse("sql = \"SELECT 1 WHERE channel = 'email'\""), "email")) == [1]


def height(node: ast.stmt | ast.excepthandler) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_files_and_functions_stay_short() -> None:
    long = set()
    for path in sources(*ROOMS, "tests", "bench"):
        if len(path.read_text("utf-8").splitlines()) > MOST_LINES_IN_A_FILE:
            long.add(name_of(path))
        long |= {
            f"{name_of(path)}:{node.name}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and height(node) > MOST_LINES_IN_A_FUNCTION
        }
    assert long == set(LONG_FILES) | set(LONG_FUNCTIONS)


def test_an_exception_that_is_passed_over_has_its_reason_beside_it() -> None:
    silent = set()
    for path in sources(*ROOMS):
        lines = path.read_text("utf-8").splitlines()
        silent |= {
            f"{name_of(path)}:{node.lineno}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.ExceptHandler) and isinstance(node.body[0], ast.Pass)
            if not any("#" in line for line in lines[node.lineno - 1 : node.body[0].lineno])
        }
    assert not silent


def test_every_module_says_what_it_is() -> None:
    assert [name_of(path) for path in sources(*ROOMS) if not ast.get_docstring(tree(path))] == []


def test_names_that_say_nothing_are_not_used() -> None:
    empty = re.compile(r"utils?|helpers?|managers?|processors?|misc|common")
    assert [name_of(path) for path in sources(*ROOMS) if empty.fullmatch(path.stem)] == []
    classes = [
        f"{name_of(path)}:{node.name}"
        for path in sources(*ROOMS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and re.search(r"(Util|Helper|Manager|Processor)s?$", node.name)
    ]
    assert classes == []
