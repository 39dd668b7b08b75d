"""`guichet explain`: a program that asks path by path, people at a terminal, and tickets that are only looked at."""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.desk import Desk, letter
from tests.processes import ROOT, clean_environment

KEYS = (
    *("message_id", "in_reply_to", "references", "from", "to", "cc", "subject", "text", "reply_text", "html_present"),
    *("attachments", "auto_submitted", "auto_reason", "bounce", "bounce_recipient", "bounce_status"),
    *("language", "category", "priority", "why"),
)
CORPUS = ROOT / "tests" / "corpus"
ORDINARY, BOUNCE = CORPUS / "read" / "ordinary.eml", CORPUS / "machine" / "postfix.eml"


def explain(*arguments: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "guichet", "explain", *map(str, arguments)],
        env=clean_environment(COLUMNS="160", **environment), cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


class Asked:
    """`guichet explain --json` on the other end of a pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.selector = selectors.DefaultSelector()
        self.selector.register(process.stdout, selectors.EVENT_READ)

    def ask(self, path: bytes) -> dict[str, Any]:
        """The answer to one path, before the next one is written."""
        self.process.stdin.write(path + b"\n")
        self.process.stdin.flush()
        assert self.selector.select(timeout=30), f"no answer to {path!r}"
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("explain")
    process = subprocess.Popen(
        [sys.executable, "-m", "guichet", "explain", "--json"],
        env=clean_environment(GUICHET_VAR=str(folder / "var")), cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    yield Asked(process)
    process.stdin.close()
    assert process.wait(20) == 0
    assert not (folder / "var").exists()


def test_each_path_is_answered_at_once_with_every_key(asked: Asked) -> None:
    found = asked.ask(os.fsencode(ORDINARY))
    assert set(KEYS) <= set(found)
    assert (found["path"], found["subject"]) == (str(ORDINARY), "Commande n°4711 pas arrivée")
    assert found["from"] == {"address": "jerome@example.org", "name": "Jérôme Durand"}
    assert found["to"] == [{"address": "support@example.net", "name": "Support"}]
    assert set(found["attachments"][0]) == {"filename", "content_type", "size", "sha256", "inline"}
    assert (found["auto_submitted"], found["bounce"], found["language"]) == (False, False, "fr")


def test_a_bounce_names_recipient_and_status(asked: Asked) -> None:
    found = asked.ask(os.fsencode(BOUNCE))
    assert (found["bounce"], found["bounce_recipient"], found["bounce_status"]) == (True, "ana@nord.example", "5.1.1")
    assert found["auto_submitted"]
    assert found["auto_reason"].startswith("A1: ")


@pytest.mark.parametrize("path", [b"/nowhere/x.eml", b"/tmp", b"/dev/zero", b"bad\0name.eml", b"/nowhere/\xff.eml"])
def test_a_path_that_cannot_be_read_is_said_and_the_next_one_is_read(asked: Asked, path: bytes) -> None:
    found = asked.ask(path)
    assert set(found) == {"path", "error"}
    assert found["error"]
    assert asked.ask(os.fsencode(ORDINARY))["message_id"] == "1@example.org"


def test_a_file_may_have_a_name_that_is_no_utf8(asked: Asked, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.eml"
    Path(os.fsdecode(path)).write_bytes(ORDINARY.read_bytes())
    assert asked.ask(path)["path"].endswith("caf\N{REPLACEMENT CHARACTER}.eml")


def test_an_empty_file_is_a_message_without_content(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "empty.eml").write_bytes(b"")
    assert "The mail is empty." in asked.ask(os.fsencode(tmp_path / "empty.eml"))["why"]


def test_without_a_database_it_says_that_nothing_was_looked_up(asked: Asked) -> None:
    found = asked.ask(os.fsencode(ORDINARY))
    assert (found["outcome"], found["ticket"]) == ("", None)
    assert found["ticket_reason"].startswith("not looked up: no database is running or named")


def test_people_see_what_was_taken_and_why(tmp_path: Path) -> None:
    mail = tmp_path / "reply.eml"
    mail.write_text(
        "From: Ana <ana@nord.example>\nSubject: Re: \x1b[31mLamp\nIn-Reply-To: <a@shop.example>\n\nIt works.\n\n"
        "-- \nAna\n\nOn Mon, Mar 3, 2025 at 10:12 AM Bob <bob@shop.example> wrote:\n> Does it?\n"
    )
    page = explain(mail, BOUNCE, tmp_path / "none.eml", GUICHET_VAR=str(tmp_path / "var"))
    for words in (
        *(
            "Ana <ana@nord.example>",
            "a@shop.example",
            "New words, without 2 lines of quoted mail and 2 lines of signature",
        ),
        *("It works.", "no: nothing says that a machine wrote it", "not looked up: no database is running"),
        *("yes, bounce: A1", "5.1.1", "ana@nord.example", "<t3.postfix@shop.example>", "Not read:", "No such file"),
    ):
        assert words in page
    assert "Does it?" not in page
    assert "\x1b" not in page


async def test_with_a_database_it_names_the_ticket_and_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    first = letter(Message_ID="<a@x>")
    await desk.send(first)
    await desk.settle()
    mails = {
        "reply": bytes(letter("Encore", Message_ID="<b@x>", In_Reply_To="<a@x>")),
        "stranger": bytes(letter("Moi", sender="spy@evil.example", Message_ID="<c@x>", In_Reply_To="<a@x>")),
        "same": bytes(first),
    }
    for name, raw in mails.items():
        (tmp_path / f"{name}.eml").write_bytes(raw)
    counts = "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM ticket), (SELECT count(*) FROM outbox)"
    before = await desk.rows(counts)
    environment = {"DATABASE_URL": desk.settings.database_url, "GUICHET_VAR": str(desk.settings.var)}
    paths = [tmp_path / f"{name}.eml" for name in mails]
    lines = (await asyncio.to_thread(explain, "--json", *paths, **environment)).splitlines()
    reply, stranger, same = map(json.loads, lines)
    assert (reply["outcome"], reply["ticket"]) == ("appended", 1)
    assert "takes part in that ticket" in reply["ticket_reason"]
    assert (stranger["outcome"], stranger["ticket"]) == ("ticket", None)
    assert "takes no part" in stranger["ticket_reason"]
    assert (same["outcome"], same["ticket"]) == ("duplicate", 1)
    assert await desk.rows(counts) == before


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
    [line] = explain("--json", ORDINARY, DATABASE_URL=url, GUICHET_VAR=str(tmp_path / "var")).splitlines()
    assert "the database does not answer" in json.loads(line)["ticket_reason"]
