"""Fixtures of both providers; a test module names this file in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from config.settings import Settings
from tests.desk import Desk
from tests.fakes import meta, twilio
from tests.provider_desk import known
from workers.reader import Reader


@pytest.fixture(scope="session")
async def phone_reader(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    """A child that knows both providers' accounts."""
    child = Reader(Settings(var=tmp_path_factory.mktemp("reader"), **known()))
    yield child
    await child.close()


@pytest.fixture
async def graph() -> AsyncIterator[meta.Meta]:
    """Meta's stand-in."""
    async with meta.Meta() as fake:
        yield fake


@pytest.fixture
async def carrier() -> AsyncIterator[twilio.Twilio]:
    """Twilio's stand-in."""
    async with twilio.Twilio() as fake:
        yield fake


@pytest.fixture
async def phone_desk(
    settings: Settings, graph: meta.Meta, carrier: twilio.Twilio, phone_reader: Reader
) -> AsyncIterator[Desk]:
    """A desk that speaks to both."""
    parts = known(meta={"api_url": graph.url}, twilio={"api_url": carrier.url, "content_url": carrier.url})
    async with Desk(settings.model_copy(update=parts), phone_reader) as running:
        yield running
