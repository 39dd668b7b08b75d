"""The board and the alert rules ask for metrics and labels that are really exported."""

from __future__ import annotations

import json
import re

import pytest
from ruamel.yaml import YAML

from tests.desk import Desk, letter
from tests.processes import ROOT

FOLDER = ROOT / "docs" / "grafana"
NAME = re.compile(r"guichet_\w+")
SELECTOR = re.compile(r"(guichet_\w+)\{([^}]*)\}")


def expressions() -> list[str]:
    board = json.loads((FOLDER / "board.json").read_text("utf-8"))
    rules = YAML(typ="safe").load((FOLDER / "alerts.yml").read_text("utf-8"))
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return found + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


@pytest.fixture
async def exported(desk: Desk) -> str:
    await desk.send(letter())
    await desk.rows("INSERT INTO cursor (name, last_success) VALUES ('email:x/INBOX', now()) RETURNING name")
    async with desk.http.get(f"{desk.url}/metrics") as answer:
        return await answer.text()


async def test_every_metric_that_is_asked_for_is_exported(exported: str) -> None:
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(asked) > 8
    assert asked - set(NAME.findall(exported)) == set()


async def test_every_value_of_a_label_that_is_asked_for_is_exported(exported: str) -> None:
    for expression in expressions():
        for name, labels in SELECTOR.findall(expression):
            for label, value in re.findall(r'(\w+)="(\w+)"', labels):
                assert re.search(rf'{name}\{{[^}}]*{label}="{value}"', exported), expression
            for label in re.findall(r"(\w+)!?=", labels):
                assert re.search(rf"{name}\{{[^}}]*{label}=", exported), expression
