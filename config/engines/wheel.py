"""The engines' programs, as their wheels bring them, made runnable for the account that is to run them.

The wheels' own Python is never imported: PostgreSQL's opens every folder above itself to the world when root calls it.
As an ordinary user programs run where they were installed. As root they do too, unless the borrowed account cannot
reach them (a virtual environment below /root): then they are copied once to `SHELF`. No mode of an existing folder
changes.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.engines.account import Account, run
from config.engines.engine import EngineError

SHELF = Path("/var/lib/guichet/engines")
_NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py", "__pycache__")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A distribution whose `package` folder holds a `program` (a path below it)."""

    distribution: str
    package: str
    program: str

    def folder(self) -> Path:
        """Where the package is installed, found without importing it."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise EngineError(f"The package {self.distribution} is not installed: nothing was started. {_REMEDY}")
        return Path(spec.submodule_search_locations[0]).resolve()


_REMEDY = (
    "Install Guichet again with `make clean run`, or use servers of your own: "
    "point DATABASE_URL at PostgreSQL and REDIS_URL at Redis or Valkey."
)


def program(wheel: Wheel, account: Account | None) -> Path:
    """The wheel's program, at a place where `account` can run it. Raises EngineError when there is none."""
    folder = wheel.folder()
    installed = folder / wheel.program
    reason = _refusal(installed, account)
    if not reason:
        return installed
    if account is None:
        raise EngineError(f"{installed} does not run here ({reason}): nothing was started. {_REMEDY}")
    version = importlib.metadata.version(wheel.distribution)
    copied = _copy(folder, SHELF / f"{wheel.package}-{version}") / wheel.program
    reason = _refusal(copied, account)
    if reason:
        raise EngineError(
            f"{copied} does not run under the account {account.name} ({reason}): nothing was started. "
            f"Run Guichet as an ordinary user instead of root. {_REMEDY}"
        )
    return copied


def _refusal(path: Path, account: Account | None) -> str:
    """Why the program does not run, in one line; empty when it does."""
    try:
        done = run([path, "--version"], account, seconds=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"exit code {done.returncode}")


def _copy(folder: Path, target: Path) -> Path:
    """Copy the package, and the shared libraries that its wheel keeps beside it, to `target`; the copied package.

    The copy appears under its name only when it is whole. Folders made on the way can be entered by everyone.
    """
    if not target.is_dir():
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            _make_reachable(target.parent)
            shutil.rmtree(draft, ignore_errors=True)
            for part in (folder, folder.with_name(folder.name + ".libs")):
                if part.is_dir():
                    shutil.copytree(part, draft / part.name, ignore=_NOT_NEEDED)
            for made in (draft, *draft.rglob("*")):
                made.chmod(0o755 if made.stat().st_mode & 0o100 else 0o644)
            draft.rename(target)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if target.is_dir():  # another start was quicker
                return target / folder.name
            raise EngineError(
                f"The engines could not be copied to {target} ({error}): nothing was started. Run Guichet as an "
                "ordinary user instead of root, or point DATABASE_URL and REDIS_URL at servers of your own."
            ) from error
    return target / folder.name


def _make_reachable(folder: Path) -> None:
    """Make the missing folders of the path so that everyone can enter them; those that exist stay as they are."""
    if not folder.is_dir():
        _make_reachable(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
