"""`guichet train`: what agents corrected is learnt, and a model that sorts worse never takes over."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from tests.desk import Desk, letter
from tests.processes import ROOT
from workers.examples import Labelled
from workers.rules import LEARNT, SHIPPED_MODEL, Rules
from workers.seed import seed
from workers.train import Report, TrainingError, corrections, train
from workers.triage import triage

SEED = [message for message in seed() if message.label in ("billing", "complaint") and message.language == "en"]


def settings(folder: Path) -> Settings:
    return Settings(var=folder / "var")


def test_a_desk_learns_what_its_agents_say_and_the_workers_then_sort_so(tmp_path: Path) -> None:
    said = [
        Labelled(text=f"The {colour} parrot {does} in hall {number}", label="after_sales")
        for number, colour in enumerate(("grey", "green", "blue", "red", "white", "black"))
        for does in ("screams", "screeched all day", "sings", "shrieks again", "whistles at us", "swears loudly")
    ]
    unseen = [Labelled(text="That purple parrot shrieked at us in hall 9", label="after_sales")]
    report = train(settings(tmp_path), said, test=unseen)
    assert (report.accuracy_in_force, report.accuracy) == (0, 1)
    assert report.written == str(tmp_path / "var" / LEARNT)
    verdict = triage(unseen[0].message(), Rules.of(settings(tmp_path)))
    assert verdict.category == "after_sales"
    assert "parrot" in verdict.why[1]
    assert (tmp_path / "var" / "triage" / f"{report.version}.model").exists()


def test_a_model_that_sorts_worse_is_refused_and_the_one_in_force_stays(tmp_path: Path) -> None:
    swapped = {"billing": "complaint", "complaint": "billing"}
    wrong = [Labelled(text=message.text, label=swapped[message.label]) for message in SEED]
    report = train(settings(tmp_path), wrong, test=SEED, alone=True)
    assert report.accuracy is not None
    assert report.accuracy_in_force is not None
    assert report.accuracy < 0.5 < report.accuracy_in_force
    assert report.written == ""
    assert not (tmp_path / "var" / LEARNT).exists()


def test_every_fifth_correction_or_so_is_held_back_to_compare_on(tmp_path: Path) -> None:
    report = train(settings(tmp_path), SEED, alone=True)
    assert len(SEED) / 8 < report.compared_on < len(SEED) / 3
    assert report.texts == (len(SEED) if report.written else len(SEED) - report.compared_on)


def test_labels_that_are_no_categories_of_the_desk_are_never_put_in_force(tmp_path: Path) -> None:
    said = [Labelled(text=text, label=label) for text, label in (("red apple", "fruit"), ("old hammer", "tool"))]
    report = train(settings(tmp_path), said * 9, test=said)
    assert (report.accuracy, report.accuracy_in_force, report.texts) == (1, None, 18)
    assert Path(report.written).name == f"{report.version}.model"
    assert Rules.of(settings(tmp_path)).model.version == Rules.load(model=SHIPPED_MODEL).model.version


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to learn"):
        train(settings(tmp_path), [])
    with pytest.raises(TrainingError, match="too little"):
        train(settings(tmp_path), [Labelled(text="a", label="billing")], test=SEED[:1], alone=True)


async def test_corrections_are_the_last_word_of_an_agent_on_each_ticket(desk: Desk) -> None:
    await desk.send(letter("My invoice is wrong.\n", Message_ID="<a@example.com>"))
    await desk.send(letter("Where is it?\n", subject="Order", Message_ID="<b@example.com>"))
    await desk.settle()
    for ticket, actor, new in ((1, "agent:7", "complaint"), (1, "agent:7", "other"), (2, "worker:triage", "other")):
        await desk.rows(
            "INSERT INTO ticket_event (ticket_id, actor, kind, old, new)"
            " VALUES (:ticket, :actor, 'category', '', :new) RETURNING id",
            ticket=ticket,
            actor=actor,
            new=new,
        )
    async with desk.database.engine.connect() as connection:
        found = await corrections(connection)
    assert [(one.label, one.text.strip(), one.language) for one in found] == [("other", "My invoice is wrong.", "en")]


def test_the_command_prints_both_accuracies_and_ends_with_one_where_it_refuses(tmp_path: Path) -> None:
    for name, messages in (("from", SEED[:60] + SEED[-60:]), ("test", SEED[60:90] + SEED[-90:-60])):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["text", "label"])
            table.writerows((message.text, message.label) for message in messages)
    environment = os.environ | {"GUICHET_VAR": str(tmp_path / "var"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "guichet", "train", "--from", "from.csv", "--test", "test.csv", "--alone"]
    answer = subprocess.run(
        [*command, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    report = msgspec.json.decode(answer.stdout, type=Report)
    assert report.accuracy_in_force is not None
    assert answer.returncode == (0 if report.written else 1)
    answer = subprocess.run(
        [*command[:5], "none.csv"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (answer.returncode, answer.stderr.strip().startswith("none.csv:")) == (1, True)
