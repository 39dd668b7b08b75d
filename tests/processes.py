"""Looking at processes from a test: wait for what they do, see whether they live, run a supervisor apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 15, *, what: str = "") -> T:
    """The first true answer of `look`; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, what or f"{look} was not true within {seconds} s"
        time.sleep(0.02)
    return answer


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def clean_environment(**more: str) -> dict[str, str]:
    """Our environment without the addresses of other engines."""
    return {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")} | {
        "PYTHONPATH": str(ROOT),
        **more,
    }


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder that every account can enter, unlike pytest's own, so that root's borrowed account can work in it."""
    with tempfile.TemporaryDirectory(prefix="guichet-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, var: Path, process: subprocess.Popen[str]) -> None:
        self.var = var
        self.process = process

    def run_file(self) -> dict[str, Any]:
        """What `run.json` says now; nothing when there is none, or only that of an earlier run."""
        try:
            content = dict(json.loads((self.var / "run.json").read_text()))
        except FileNotFoundError:
            return {}
        return content if content["pid"] == self.process.pid else {}

    def pid(self, name: str) -> int:
        """The child's process id once it has one."""
        return int(until(lambda: self.run_file().get("children", {}).get(name, {}).get("pid"), what=f"no {name}"))

    def pid_after(self, name: str, old: int) -> int:
        """The child's process id once it is another than `old`."""
        until(lambda: self.pid(name) != old, 6, what=f"{name} was not restarted")
        return self.pid(name)

    def ended(self, seconds: float = 20) -> tuple[int, str]:
        """Exit code and all that was written, once it has ended by itself."""
        output, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, output


@contextmanager
def supervised(
    var: Path,
    children: Sequence[Mapping[str, object]],
    *,
    engines: bool = False,
    healthy_seconds: float = 0.2,
    python: str = sys.executable,
    **how: Any,
) -> Iterator[Supervised]:
    """A running `tests.supervised`, started as `how` says; whatever is left of it at the end is killed."""
    line = [python, "-m", "tests.supervised", str(var), json.dumps(list(children)), *(["engines"] if engines else [])]
    how.setdefault("env", clean_environment())
    how["env"]["HEALTHY_SECONDS"] = str(healthy_seconds)
    how.setdefault("cwd", ROOT)
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    try:
        yield Supervised(var, process)
    finally:
        process.kill()
        process.communicate()
