"""Processes are kept alive, ended in order, and never outlive the one that started them: real processes and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from config.engines.child import Child, spawn
from config.engines.life import Life, delay
from config.supervisor import EX_CONFIG, Supervisor
from tests.processes import ROOT, alive, clean_environment, supervised, until

SLEEP = "import time; time.sleep(600)"
TELLS = """
import signal, sys, time, pathlib
var = pathlib.Path(sys.argv[1])
def stop(*_):
    with (var / "stops").open("a") as stops: stops.write("NAME ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(var / "NAME.ready").touch()
time.sleep(600)
"""
DEAF = """
import signal, sys, time, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(pathlib.Path(sys.argv[1]) / "deaf.ready").touch()
time.sleep(600)
"""
REFUSES = "from config.supervisor import refuse; refuse('Port 2525 is taken: choose another with GUICHET_SMTP__PORT.')"
# Lives a while at first, and refuses at its second and third start.
FICKLE = """
import sys, time, pathlib
var = pathlib.Path(sys.argv[1])
starts = len(list(var.glob("start-*")))
(var / f"start-{starts}").touch()
if starts in (1, 2): sys.exit(78)
time.sleep(0.3)
(var / "lived").touch()
time.sleep(600)
"""


def tells(name: str, tier: int) -> dict[str, object]:
    """A child that notes down when it is stopped."""
    return {"name": name, "source": TELLS.replace("NAME", name), "ready": f"{name}.ready", "tier": tier}


def test_a_killed_child_is_back_within_five_seconds_each_time(tmp_path: Path) -> None:
    with supervised(tmp_path, [{"name": "worker", "source": SLEEP}]) as run:
        pid = run.pid("worker")
        for _ in range(3):
            os.kill(pid, signal.SIGKILL)
            pid = run.pid_after("worker", pid)
            assert alive(pid)
        assert run.run_file()["children"]["worker"]["restarts"] == 3


def test_starts_of_a_dying_child_are_kept_apart_by_growing_spans_of_at_most_five_seconds() -> None:
    assert [delay(deaths) for deaths in range(8)] == [0, 0, 0.25, 0.5, 1, 2, 4, 5]


def test_a_child_waits_for_the_one_before_it(tmp_path: Path) -> None:
    first = "import sys, time, pathlib; time.sleep(0.3); (pathlib.Path(sys.argv[1]) / 'up').touch(); time.sleep(600)"
    second = "import sys, time, pathlib; v = pathlib.Path(sys.argv[1]); (v / str((v / 'up').exists())).touch()"
    children = [{"name": "first", "source": first, "ready": "up"}, {"name": "second", "source": second}]
    with supervised(tmp_path, children):
        until(lambda: (tmp_path / "True").exists() or (tmp_path / "False").exists())
        assert not (tmp_path / "False").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_in_order_of_tiers_with_code_zero(tmp_path: Path, number: int) -> None:
    with supervised(tmp_path, [tells("engine", 0), tells("worker", 1), tells("gateway", 2)]) as run:
        pids = [run.pid(name) for name in ("engine", "worker", "gateway")]
        until((tmp_path / "gateway.ready").exists)
        run.process.send_signal(number)
        code, output = run.ended()
        assert (code, (tmp_path / "stops").read_text()) == (0, "gateway worker engine "), output
        assert not any(alive(pid) for pid in pids)
        assert not (tmp_path / "run.json").exists()


def test_a_child_deaf_to_its_stop_signal_is_killed_when_patience_ends(tmp_path: Path) -> None:
    with supervised(tmp_path, [{"name": "deaf", "source": DEAF, "ready": "deaf.ready", "patience": 0.3}]) as run:
        pid = run.pid("deaf")
        until((tmp_path / "deaf.ready").exists)
        run.process.terminate()
        assert run.ended(5)[0] == 0
        assert not alive(pid)


def test_a_second_signal_ends_the_wait_for_a_deaf_child(tmp_path: Path) -> None:
    with supervised(tmp_path, [{"name": "deaf", "source": DEAF, "ready": "deaf.ready", "patience": 60}]) as run:
        pid = run.pid("deaf")
        until((tmp_path / "deaf.ready").exists)

        def ask() -> bool:
            run.process.terminate()
            return run.process.poll() is not None

        until(ask, 5)
        assert not alive(pid)


def test_a_child_that_refuses_its_settings_ends_all_with_its_code_and_its_words(tmp_path: Path) -> None:
    with supervised(tmp_path, [tells("worker", 1), {"name": "gateway", "source": REFUSES}]) as run:
        code, output = run.ended()
    assert code == EX_CONFIG
    assert output.splitlines()[-1] == "Port 2525 is taken: choose another with GUICHET_SMTP__PORT."
    assert (tmp_path / "stops").read_text() == "worker "


def test_a_child_that_was_healthy_once_is_tried_again_even_when_it_refuses(tmp_path: Path) -> None:
    with supervised(tmp_path, [{"name": "fickle", "source": FICKLE}]) as run:
        first = run.pid("fickle")
        until((tmp_path / "lived").exists)  # longer than what counts as healthy here
        os.kill(first, signal.SIGKILL)
        until((tmp_path / "start-3").exists)
        assert run.process.poll() is None


def test_a_child_that_was_never_healthy_and_errs_time_after_time_ends_all(tmp_path: Path) -> None:
    with supervised(
        tmp_path, [tells("worker", 1), {"name": "broken", "source": "import no_such_module"}], healthy_seconds=30
    ) as run:
        code, output = run.ended()
    assert code == 1
    assert output.splitlines()[-1] == "broken cannot go on: everything was stopped. What it said stands above."
    assert output.count("ModuleNotFoundError") == 6
    assert (tmp_path / "stops").read_text() == "worker "


def test_a_child_that_signals_kill_time_after_time_is_always_started_again() -> None:
    life = Life(Child("worker", ["true"]), healthy_seconds=30)
    for n in range(50):
        assert not life.died(-9, now=n)
        assert life.due <= n + 5


def test_an_error_after_a_healthy_life_is_never_the_end() -> None:
    life = Life(Child("worker", ["true"]), healthy_seconds=30)
    assert not life.died(-9, now=31)
    for n in range(50):
        life.started = 40 + n
        assert not life.died(EX_CONFIG if n % 2 else 1, now=40 + n)


def test_a_duty_done_once_lets_the_next_child_start_and_is_not_repeated(tmp_path: Path) -> None:
    once = "import sys, pathlib; (pathlib.Path(sys.argv[1]) / 'migrated').touch(exist_ok=False)"
    with supervised(tmp_path, [{"name": "migrate", "source": once, "restart": False}, tells("worker", 1)]) as run:
        until((tmp_path / "worker.ready").exists)
        assert (tmp_path / "migrated").exists()
        assert set(run.run_file()["children"]) == {"worker"}
        assert run.process.poll() is None


def test_a_duty_that_fails_ends_all_with_its_code(tmp_path: Path) -> None:
    once = {"name": "migrate", "source": "import sys; sys.exit(3)", "restart": False}
    with supervised(tmp_path, [tells("engine", 0), once, tells("worker", 1)]) as run:
        assert run.ended()[0] == 3
    assert not (tmp_path / "worker.ready").exists()


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with supervised(tmp_path, [{"name": "one", "source": SLEEP}, {"name": "two", "source": DEAF}]) as run:
        pids = [run.pid("one"), run.pid("two")]
        run.process.kill()
        run.process.wait()
        until(lambda: not any(alive(pid) for pid in pids), 5)


def test_what_a_dead_child_leaves_in_its_group_is_killed_before_its_restart(tmp_path: Path) -> None:
    forks = """
import os, sys, time, pathlib
if c := os.fork(): (pathlib.Path(sys.argv[1]) / f"fork-{c}").touch()
time.sleep(600)"""
    with supervised(tmp_path, [{"name": "forks", "source": forks}]) as run:
        pid = run.pid("forks")
        fork = int(until(lambda: [path.name for path in tmp_path.glob("fork-*")])[0].partition("-")[2])
        os.kill(pid, signal.SIGKILL)
        run.pid_after("forks", pid)
        until(lambda: not alive(fork), 2)


def test_a_run_file_that_cannot_be_written_does_not_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "run.json.new").mkdir()
    with supervised(tmp_path, [tells("worker", 1)]) as run:
        until((tmp_path / "worker.ready").exists)
        run.process.terminate()
        assert run.ended()[0] == 0


def test_a_program_that_is_not_there_is_tried_again_until_it_is(tmp_path: Path) -> None:
    program = tmp_path / "program"
    source = f"""
import sys; from pathlib import Path; from config.supervisor import Child, Supervisor
sys.exit(Supervisor([Child("late", [{str(program)!r}])], Path(sys.argv[1])).run())"""
    line = [sys.executable, "-c", source, str(tmp_path)]
    process = subprocess.Popen(line, env=clean_environment(), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        died = next(line for line in process.stdout if b"child_died" in line)
        assert b"127" in died
        program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'; exec sleep 600\n")
        program.chmod(0o755)
        until((tmp_path / "ran").exists)
    finally:
        process.kill()
        process.communicate()


def test_children_are_started_by_the_main_thread_alone() -> None:
    caught: list[BaseException] = []

    def attempt() -> None:
        try:
            spawn(Child("never", ["true"]))
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert [str(error) for error in caught] == ["children are started by the main thread"]


def test_without_the_kernels_help_a_watcher_ends_the_program_when_its_parent_is_killed(tmp_path: Path) -> None:
    watched = f"""
import os, sys, time; from pathlib import Path; from config.engines import parent_death
parent_death.watch(os.getppid(), 9)
Path({str(tmp_path)!r}, f"pid-{{os.getpid()}}").touch(); time.sleep(600)"""
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {watched!r}]); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", parent], env=clean_environment(), cwd=ROOT)
    try:
        pid = int(until(lambda: list(tmp_path.glob("pid-*")))[0].name.partition("-")[2])
        assert alive(pid)
    finally:
        process.kill()
        process.wait()
    until(lambda: not alive(pid), 5)


def test_the_supervisor_gives_signal_handlers_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    once = Child("once", [sys.executable, "-c", "raise SystemExit(5)"], restart=False)
    assert Supervisor([once], tmp_path).run() == 5
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    assert after == before
