"""What an agent may send on channels with limits of their own: closed windows and templates, STOP, segments of SMS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from channels.twilio.segments import segments
from config.settings import Settings
from tests.desk import Desk
from tests.fakes import meta, twilio
from tests.provider_desk import hear, known
from tests.staff import Crew, hire
from tests.test_console import hidden, post, said, shown
from workers.reader import Reader

pytest_plugins = ["tests.provider_fixtures"]


@pytest.fixture
async def desk(
    settings: Settings, graph: meta.Meta, carrier: twilio.Twilio, phone_reader: Reader
) -> AsyncIterator[Desk]:
    """A desk that speaks to both providers, under its own address, at which agents sign in."""
    parts = known(
        public_url=f"http://127.0.0.1:{settings.http.port}",
        meta={"api_url": graph.url},
        twilio={"api_url": carrier.url, "content_url": carrier.url},
    )
    async with Desk(settings.model_copy(update=parts), phone_reader) as running:
        yield running


@pytest.fixture
async def marie(desk: Desk) -> AsyncIterator[ClientSession]:
    crew: Crew = await hire(desk, "marie")
    await hear(desk, meta.message(text="Bonjour, où est mon colis ?"))
    http = await crew.http("marie")
    yield http
    await http.close()


async def test_within_the_window_the_answer_leaves_as_it_is_written(
    desk: Desk, marie: ClientSession, graph: meta.Meta
) -> None:
    page = await shown(desk, marie, "/console/1?lang=en")
    assert "Free answers are possible until" in page
    await post(desk, marie, "reply", kind="reply", text="Il arrive demain.", **hidden(page))
    await desk.dispatch()
    assert graph.taken[-1]["text"]["body"] == "Il arrive demain."


async def test_after_the_window_only_an_approved_template_leaves(
    desk: Desk, marie: ClientSession, graph: meta.Meta
) -> None:
    await desk.rows("UPDATE answer_window SET window_until = now() - interval '1 minute' RETURNING 1")
    page = await shown(desk, marie, "/console/1?lang=en")
    assert "The time for free answers ended on" in page
    assert 'value="request_update|fr"' in page
    fields = {"kind": "reply", "template": "request_update|fr", "parameters": "Claire\n1", **hidden(page)}
    assert (await post(desk, marie, "reply", **fields))[0] == 303
    await desk.dispatch()
    assert graph.taken[-1]["template"]["name"] == "request_update"
    assert "Claire" in (await said(desk))[-1]
    assert "{{" not in (await said(desk))[-1]
    status, _ = await post(desk, marie, "reply", **{**fields, "template": "none|fr", "key": "another"})
    assert status == 422


async def test_after_stop_the_page_says_that_nothing_will_be_sent(desk: Desk, marie: ClientSession) -> None:
    await desk.rows("UPDATE identity SET stopped_at = now() RETURNING 1")
    assert "Nothing will be sent to them" in await shown(desk, marie, "/console/1?lang=en")


async def test_the_preview_counts_what_an_sms_becomes(desk: Desk, marie: ClientSession) -> None:
    await desk.rows(
        "UPDATE ticket SET answer_channel = 'twilio', answer_account = :number RETURNING 1", number=twilio.NUMBER
    )
    url = f"{desk.url}/console/1/preview?lang=en"
    async with marie.post(url, data={"text": "<b>" + "é" * 200}) as answer:
        words = await answer.text()
    assert "2 messages" in words
    assert "&lt;b&gt;" in words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
    ],
)
def test_segments_are_counted_as_networks_do(text: str, parts: int) -> None:
    """3GPP TS 23.038: 160 septets or 153 each, 70 units or 67 each, and no letter is cut in two."""
    assert segments(text) == parts
