"""The Guichet under test: `guichet up` in a process of its own, with faults armed, and its processes by name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

from tests.desk import free_port


class Site:
    """One running Guichet."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.var = folder / "var"
        self.faults = folder / "faults"
        self.faults.mkdir(parents=True, exist_ok=True)
        self.http_port, self.smtp_port = free_port(), free_port()
        self.log = (folder / "up.log").open("ab")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
            "GUICHET_VAR": str(self.var),
            "GUICHET_FAULTS": str(self.faults),
            "GUICHET_HTTP__PORT": str(self.http_port),
            "GUICHET_SMTP__PORT": str(self.smtp_port),
            "GUICHET_SMTP__RECIPIENTS": '["support@example.org"]',
            "GUICHET_FORM__PER_MINUTE": "1000000",
            "GUICHET_ACKNOWLEDGE__ACCOUNT_HOUR": "1000000",
            "GUICHET_ACKNOWLEDGE__ACCOUNT_GROWTH": "1000000",
            "GUICHET_LOG__LEVEL": "warning",
            **settings,
        }

    def __enter__(self) -> Self:
        """Start, and wait until the doors are open."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "guichet", "up"], env=self.environment, stdout=self.log, stderr=self.log
        )
        self.await_ready(90)
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()

    def await_ready(self, seconds: float) -> None:
        """Wait until the gateway would accept."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError), urlopen(f"http://127.0.0.1:{self.http_port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"the gateway was not ready within {seconds} s; see {self.log.name}")

    def children(self) -> Mapping[str, Any]:
        """Name → what the supervisor says of it."""
        with suppress(FileNotFoundError, json.JSONDecodeError):
            children: Mapping[str, Any] = json.loads((self.var / "run.json").read_text())["children"]
            return children
        return {}

    def kill(self, prefix: str) -> None:
        """SIGKILL every child whose name starts so."""
        for name, child in self.children().items():
            if name.startswith(prefix) and child.get("pid"):
                with suppress(ProcessLookupError):
                    os.kill(child["pid"], signal.SIGKILL)

    @property
    def database_url(self) -> str:
        """The embedded PostgreSQL's address."""
        url: str = json.loads((self.var / "engines.json").read_text())["postgres"]["url"]
        return url

    @property
    def redis_url(self) -> str:
        """The embedded Valkey's address."""
        url: str = json.loads((self.var / "engines.json").read_text())["valkey"]["url"]
        return url
