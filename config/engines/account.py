"""Which account the embedded engines run under, and what it can reach.

PostgreSQL refuses to run as root, and so it should. Root therefore lends it an account that owns nothing else.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.engines import parent_death
from config.engines.engine import EngineError

_BORROWED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A system account: its name, user id and main group id."""

    name: str
    uid: int
    gid: int

    def own(self, folder: Path) -> None:
        """Give the folder itself to the account. Raises OSError."""
        os.chown(folder, self.uid, self.gid)


def borrowed() -> Account | None:
    """The account for engines when we are root; None: we are an ordinary user, and engines run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in _BORROWED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EngineError(
        "PostgreSQL does not run as root, and this system has neither of the accounts postgres and nobody: "
        "nothing was started. Run Guichet as an ordinary user, or point DATABASE_URL at a PostgreSQL server."
    )


def run(
    program: Sequence[str | Path],
    account: Account | None,
    *,
    text: str = "",
    cwd: Path | None = None,
    seconds: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a short program as `account`, `text` on its standard input, and return what it said.

    It dies with us. Raises subprocess.TimeoutExpired and OSError; an exit code is only reported.
    """
    uid, gid = (None, None) if account is None else (account.uid, account.gid)
    line = parent_death.command([str(word) for word in program], death_signal=signal.SIGKILL, uid=uid, gid=gid)
    return subprocess.run(  # noqa: S603 - the programs are our own
        line,
        input=text,
        text=True,
        errors="replace",
        capture_output=True,
        cwd=cwd or "/",
        timeout=seconds,
        env=environment(),
        check=False,
    )


def reaches(account: Account | None, folder: Path) -> bool:
    """Whether the account can enter the folder: tried, since modes alone do not tell of access lists."""
    return run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder], account).returncode == 0


def environment() -> dict[str, str]:
    """What engines inherit: neither our secrets, nor PG… variables, nor a language for their messages."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
