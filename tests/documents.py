"""README and docs as data: their code blocks, what they name, and a copy of the checkout to try them in."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from functools import cache
from pathlib import Path

from tests.processes import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md"))
)
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "var", ".*_cache", ".hypothesis", ".env", "guichet.toml")


@cache
def text_of(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(document), re.MULTILINE | re.DOTALL)


def named_functions(document: str) -> list[tuple[str, str]]:
    """Every `file.py:function` or `file.py:Class.method`."""
    return re.findall(r"`([\w/]+\.py):([A-Za-z_][\w.]*)`", text_of(document))


@cache
def defined(file: str) -> frozenset[str]:
    """The functions and classes of a file, methods as `Class.method`; nothing where there is no such file."""
    path = ROOT / file
    return frozenset(_defined(ast.parse(path.read_text("utf-8")), "")) if path.exists() else frozenset()


def _defined(node: ast.AST, prefix: str) -> list[str]:
    names = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names += [prefix + child.name, *_defined(child, f"{prefix}{child.name}.")]
    return names


def checkout(folder: Path) -> Path:
    """A copy of the checkout in `folder`, with the virtual environment of this run, ready for `make run`."""
    copy = folder / "guichet"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    environment = copy / ".venv"
    environment.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (environment / name).symlink_to(Path(sys.prefix) / name)
    (environment / ".installed").touch()
    return copy
