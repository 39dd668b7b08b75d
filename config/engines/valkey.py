"""The embedded Valkey (Redis protocol): an append-only file, a private unix socket, no TCP port, no snapshots.

It carries bells and hints, and may therefore be set aside when it does not start any more: the ledger in PostgreSQL
rings again. Enters: the program, the folders, the account. Leaves: a `Child` and the URL. `create` raises OSError.
"""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import structlog

from config.engines import leftover
from config.engines.account import Account, environment
from config.engines.child import Child

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "aof-load-truncated": "yes",
    "save": "",
    # A full memory must be an error, never a bell silently dropped.
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "logfile": "",
}
_DEATHS_BEFORE_SET_ASIDE = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Valkey:
    """Valkey in `data`, reached through `sockets`, run by `account` (None: us)."""

    program: Path
    data: Path
    sockets: Path
    log_file: Path
    account: Account | None

    @property
    def url(self) -> str:
        """For redis-py and everything built on it."""
        return f"unix://{self.socket_file}?db=0"

    @property
    def socket_file(self) -> Path:
        """The file that clients connect to."""
        return self.sockets / "valkey.sock"

    def create(self) -> None:
        """Make the data folder unless it is there."""
        if not self.data.is_dir():
            self.data.mkdir(mode=0o700)
            if self.account:
                self.account.own(self.data)

    def child(self) -> Child:
        """The server as a child. It may be killed: what it answered is in its file's page cache by then."""
        own = {"dir": str(self.data), "unixsocket": str(self.socket_file), "pidfile": str(self._pid_file)}
        options = [word for name, value in (SETTINGS | own).items() for word in (f"--{name}", value)]
        return Child(
            name="valkey",
            argv=[str(self.program), *options],
            env=environment(),
            user=self.account,
            ready=self.ready,
            tier=0,
            log=self.log_file,
            cwd=self.sockets,
            prepare=self._prepare,
        )

    def ready(self) -> bool:
        """Whether it answers PING; while it loads its file it does not."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket_file))
                client.sendall(b"PING\r\n")
                return client.recv(64) == b"+PONG\r\n"
            except OSError:
                return False

    @property
    def _pid_file(self) -> Path:
        return self.data / "valkey.pid"

    def _prepare(self, deaths: int) -> None:
        leftover.clear(self._pid_file, self.data)
        self.socket_file.unlink(missing_ok=True)
        if deaths >= _DEATHS_BEFORE_SET_ASIDE and (self.data / "appendonlydir").is_dir():
            broken = self.data.with_name(self.data.name + ".broken")
            shutil.rmtree(broken, ignore_errors=True)
            self.data.rename(broken)
            self.create()
            log.warning("valkey_set_aside", folder=str(broken), deaths=deaths)
