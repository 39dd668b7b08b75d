"""The embedded PostgreSQL: its data folder, its settings for a small machine, its process.

Enters: the program, the folders, the account. Leaves: a `Child` for the supervisor and the URL for clients, over a unix
socket in a private folder (no TCP port). `create` raises EngineError or OSError; what it makes appears whole or not at
all, since it is built under another name.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from config.engines import leftover
from config.engines.account import Account, environment, run
from config.engines.child import Child
from config.engines.engine import EngineError

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "jit": "off",
    # A batch takes one advisory lock for each key that its messages may match on.
    "max_locks_per_transaction": "256",
    # A sender hears yes after the commit is on the disk.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    # Queue tables turn over many times a day: dead rows must go long before a fifth of the table is dead.
    "autovacuum": "on",
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.05",
    # Terse: details and contexts would carry customers' words and addresses into the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_line_prefix": "%m [%p] %q%a ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "cluster_name": "guichet",
}
BUFFERS = (128, 512)
"""Least and most MB of shared buffers; between them, a sixteenth of the machine's memory."""
_PORT = 5432  # names the socket file; nothing listens on TCP
_SOCKET = f".s.PGSQL.{_PORT}"
_SETUP = "CREATE ROLE guichet LOGIN;\nCREATE DATABASE guichet OWNER guichet;\n"
_INITDB_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Postgres:
    """PostgreSQL in `data`, reached through `sockets`, run by `account` (None: us)."""

    program: Path
    data: Path
    sockets: Path
    log_file: Path
    account: Account | None

    @property
    def url(self) -> str:
        """For SQLAlchemy with asyncpg. The role is no superuser; it owns the database."""
        return f"postgresql+asyncpg://guichet@/guichet?host={self.sockets}"

    @property
    def socket_file(self) -> Path:
        """The file that clients connect to."""
        return self.sockets / _SOCKET

    def create(self) -> None:
        """Make the data folder with an empty database, unless it is there. An unfinished one is begun anew."""
        if self.data.is_dir():
            self._check_version()
            return
        draft = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self.account:
            self.account.own(draft)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb = self.program.with_name("initdb")
        self._run([initdb, "-D", draft, "-U", "postgres", "--auth-local=trust", "--auth-host=reject", *locale])
        # fsync stays on: after the rename this folder counts as complete.
        self._run([self.program, "--single", "-D", draft, "postgres"], _SETUP)
        draft.rename(self.data)

    def child(self) -> Child:
        """The server as a child: SIGINT is its quick orderly stop, SIGQUIT its stop at once when we are killed."""
        place = {"unix_socket_directories": str(self.sockets), "port": str(_PORT)}
        settings = {"shared_buffers": f"{buffers()}MB"} | SETTINGS | place
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Child(
            name="postgres",
            argv=[str(self.program), "-D", str(self.data), *options],
            env=environment(),
            user=self.account,
            ready=self.ready,
            tier=0,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
            patience=30,
            log=self.log_file,
            cwd=self.sockets,
            prepare=self._prepare,
        )

    def ready(self) -> bool:
        """Whether it takes connections: its pid file says so, and somebody listens (the file may be an old one)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready" and listens(self.socket_file)

    def _prepare(self, _deaths: int) -> None:
        leftover.clear(self.data / "postmaster.pid", self.data)

    def _check_version(self) -> None:
        written = (self.data / "PG_VERSION").read_text().strip()
        found = re.search(r"\d+", run([self.program, "--version"], self.account).stdout)
        ours = found.group() if found else written
        if written != ours:
            raise EngineError(
                f"The data in {self.data} were written by PostgreSQL {written}, and this is PostgreSQL {ours}: nothing "
                "was started or changed. Install the Guichet that wrote them, save them with pg_dump, then load "
                "the dump into an empty folder of this one."
            )

    def _run(self, command: list[str | Path], text: str = "") -> None:
        done = run(command, self.account, text=text, cwd=self.sockets, seconds=_INITDB_SECONDS)
        # The single-user server ends with 0 whatever its statements did.
        if done.returncode != 0 or "ERROR:" in done.stderr:
            reason = "\n    ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
            raise EngineError(
                f"PostgreSQL could not make its folder {self.data}: nothing was kept, start again after mending this:"
                f"\n    {reason}"
            )


def buffers() -> int:
    """MB of shared buffers that suit this machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return min(max(memory // 16, BUFFERS[0]), BUFFERS[1])


def listens(path: Path, seconds: float = 1) -> bool:
    """Whether somebody accepts connections on the unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(seconds)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
