"""The benchmark, small: it runs from end to end, its figures have their shape, and nothing is wrong in them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bench import report
from bench.__main__ import ratios
from bench.cpu import Meter, family
from bench.report import ALL, TARGETS, Figure, Target, facts_of, shown, write_docs, write_json
from tests.processes import ROOT, clean_environment

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
@pytest.mark.timeout(400)
def test_a_quick_run_writes_every_figure_and_finds_nothing_wrong(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--output", str(output)],
        env=clean_environment(COLUMNS="200"), cwd=ROOT, capture_output=True, text=True, timeout=390,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    rows = json.loads(output.read_text())
    assert all(set(row) == {"name", "value", "unit"} for row in rows)
    values = {row["name"]: row["value"] for row in rows}
    assert len(values) == len(rows)
    assert set(TARGETS) <= set(values)
    assert values["wrong_in_all"] == 0
    assert values["redelivery_doubled"] == 0
    assert [values[f"replies_right_{workers}"] for workers in ("1_worker", "2_workers", "4_workers")] == [100] * 3
    assert values["acknowledged"] == 100
    assert values["slow_disk_commit"] >= 5
    assert [row for row in rows if row["value"] <= 0 and row["unit"] in ("/s", "MB", "ms")] == []
    assert [row for row in rows if row["value"] < 0] == []


@linux
def test_the_meter_counts_what_a_process_and_its_children_burn() -> None:
    burn = "import subprocess, sys; s = sum(range(12_000_000)); print(s, flush=True); sys.stdin.read()"
    both = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    before = Meter.read({"them": []})
    with subprocess.Popen([sys.executable, "-c", both], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert len(family(parent.pid)) == 2
        used = Meter.read({"them": family(parent.pid)}).since(before)["them"]
        assert parent.stdin is not None
        parent.stdin.close()
    assert 0.05 < used < 30


def test_a_target_is_met_from_its_side() -> None:
    assert Target(10, 20).met(10)
    assert not Target(10, 20).met(9.9)
    assert Target(10, 5, least=False).met(10)
    assert not Target(10, 5, least=False).met(10.1)
    assert str(Target(1_200, 2_500)) == "≥ 1,200 (2,500)"


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1,234"), (12.34, "12.3"), (0.1234, "0.123"), (3.0, "3")])
def test_numbers_are_shown_as_people_read_them(value: float, text: str) -> None:
    assert shown(value) == text


def test_ratios_follow_from_the_figures() -> None:
    figures = [Figure("settle_cost_few_stored", 2, ""), Figure("settle_cost_many_stored", 3, "")]
    assert [(figure.name, figure.value) for figure in ratios(figures)] == [("cost_ratio", 1.5)]


@linux
def test_the_page_names_machine_method_and_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "DOCS", tmp_path / "performance.md")
    figures = [Figure("replies_right_1_worker", 100, "%", "Replies right"), Figure("idle_cpu", 3, "%", "Idle")]
    write_docs(figures, facts_of("18.6"), "## Method\n\nSo.", datetime(2026, 1, 5, tzinfo=UTC))
    page = (tmp_path / "performance.md").read_text()
    assert "2026-01-05" in page
    assert f"| Replies right | **100** | % | ≥ {shown(ALL.must)} |" in page
    assert "| PostgreSQL | 18.6 |" in page
    assert page.endswith("## Method\n\nSo.\n")


def test_the_json_is_a_list_of_names_values_and_units(tmp_path: Path) -> None:
    write_json([Figure("a", 1.23456, "ms", "A")], tmp_path / "var" / "bench.json")
    assert json.loads((tmp_path / "var" / "bench.json").read_text()) == [{"name": "a", "value": 1.2346, "unit": "ms"}]
    report.show([Figure("idle_latency_median", 40, "ms", "A")], Console(quiet=True))


@linux
def test_the_cost_of_reading_is_shown_step_by_step() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.reading", "--mails", "60", "--rounds", "1"],
        env=clean_environment(COLUMNS="120"), cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    costs = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│")]
    least = {cells[1].strip(): float(cells[2]) for cells in costs}
    assert {"read", "judge", "make the message", "all of it", "child", "parent"} <= set(least)
    assert 0 < least["read"] < least["all of it"] < 10
