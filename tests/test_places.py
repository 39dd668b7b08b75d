"""How fetching from mailboxes fares, as those who run Guichet see it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from config.embedded import Engines
from tests.desk import Desk
from tests.processes import ROOT, clean_environment
from tests.test_operations import settled_state, state


async def place(desk: Desk, **values: object) -> None:
    """A mailbox that is fetched from, as its row stands."""
    given = {"name": "email:support/INBOX", "last_error": "", "drift": 0, "backlog": 0, **values}
    await desk.rows(
        "INSERT INTO cursor (name, holder, leased_until, last_success, last_error, backlog, drift)"
        " VALUES (:name, 'g', now() + interval '1 minute', now() - interval '90 seconds', :last_error,"
        " :backlog, :drift) RETURNING name",
        **given,
    )


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_how_fetching_fares_is_shown(desk: Desk, language: str) -> None:
    await place(desk, backlog=1234)
    await settled_state(desk, "good")
    shown = (await state(desk, f"lang={language}"))["sections"]["places"]
    assert "email:support/INBOX" in shown
    assert ("1,234" if language == "en" else "1\u202f234") in shown


@pytest.mark.parametrize(
    ("values", "grade", "problem"),
    [({"last_error": "the token endpoint answers 400"}, "warn", "fetching"), ({"drift": 3}, "bad", "drift")],
)
async def test_a_mailbox_in_trouble_is_said(desk: Desk, values: dict[str, object], grade: str, problem: str) -> None:
    await place(desk, **values)
    found = await settled_state(desk, grade)
    assert found["problems"] == [problem]
    async with desk.http.get(f"{desk.url}/metrics") as answer:
        metrics = await answer.text()
    assert 'guichet_fetch_missing{place="email:support/INBOX"}' in metrics
    assert 'guichet_fetch_failing{place="email:support/INBOX"}' in metrics


async def test_the_command_says_it_too(desk: Desk, engines: Engines) -> None:
    await place(desk, drift=2)
    line = [sys.executable, "-m", "guichet", "fetching", "--json"]
    environment = clean_environment(DATABASE_URL=engines.database_url, REDIS_URL=engines.redis_url)
    done = await asyncio.to_thread(subprocess.run, line, env=environment, cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == 1, "mails are missing"
    shown = json.loads(done.stdout)
    assert (shown["name"], shown["held"], shown["drift"]) == ("email:support/INBOX", True, 2)
    assert 85 < shown["success_age"] < 200
