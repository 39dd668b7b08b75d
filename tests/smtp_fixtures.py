"""Fixtures that open SMTP doors and close them; a test module names this file in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels.email.smtp_listener import Listener
from config.settings import Smtp
from tests.smtp_door import Door, Inbox, Opener


@pytest.fixture
async def opened(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Opener]:
    """Opens doors with settings of the test's choice."""
    monkeypatch.setattr("channels.email.smtp.LINGER_SECONDS", 0.3)
    doors: list[Door] = []

    async def open_door(**values: Any) -> Door:
        pace = values.pop("pace", (30.0, 180.0))
        inbox = Inbox()
        listener = Listener("email", Smtp(port=0, **values), inbox, watch_seconds=0.02, pace=pace)
        await listener.start()
        doors.append(Door(listener, inbox))
        return doors[-1]

    yield open_door
    for door in doors:
        door.inbox.gate.set()
        await door.close()


@pytest.fixture
async def door(opened: Opener) -> Door:
    return await opened()
