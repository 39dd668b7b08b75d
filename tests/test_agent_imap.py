"""The walk over a real IMAP server: the customer on WhatsApp, the agent in a mail program, our mailbox at Dovecot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from config.settings import Settings
from tests.agents_desk import MX, PASS, answer, assign, body, notices, staffed, to
from tests.desk import Desk
from tests.dovecot import Box, Dovecot, dovecot
from tests.fakes import meta, twilio
from tests.mailboxes import account
from tests.provider_desk import hear, known
from tests.test_agent_mail import pinned_reader  # noqa: F401 - a fixture
from workers.reader import Reader

pytest_plugins = ("tests.provider_fixtures",)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
async def fetching(
    settings: Settings,
    graph: meta.Meta,
    carrier: twilio.Twilio,
    pinned_reader: Reader,  # noqa: F811 - the fixture
    server: Dovecot,
) -> AsyncIterator[tuple[Desk, Box]]:
    """A desk that fetches its mail from a mailbox."""
    box = server.box("desk")
    parts = known(meta={"api_url": graph.url}, twilio={"api_url": carrier.url, "content_url": carrier.url})
    pinned = settings.authenticity.model_copy(update={"authserv_ids": [MX]})
    mailbox = {"support": account(server.port, username=box.user)}
    behind = settings.model_copy(update={**parts, "authenticity": pinned, "imap": mailbox})
    async with Desk(behind, pinned_reader) as running:
        yield running, box


async def test_an_answer_out_of_a_mailbox_reaches_whatsapp(fetching: tuple[Desk, Box], graph: meta.Meta) -> None:
    desk, box = fetching
    crew = await staffed(desk)
    await hear(desk, meta.message(text="Bonjour, où est mon colis ?"))
    await assign(desk, 1, crew.ids["marie"])
    await notices(desk)
    [notice] = to(desk)
    print(body(notice))
    graph.taken.clear()
    mail = f"Authentication-Results: {MX}; {PASS}\r\n".encode() + bytes(answer(notice, "Il arrive demain.\n#attente"))
    box.deliver(mail, mail.replace(b"dmarc=pass", b"dmarc=none").replace(b"answer-1", b"forged-1"))
    await desk.wait("SELECT count(*) >= 3 FROM inbox", 20)
    await desk.settle()
    await desk.dispatch()
    assert [sent["text"]["body"] for sent in graph.taken] == ["Il arrive demain."]
    rows = await desk.rows("SELECT direction, count(*) AS n FROM message WHERE ticket_id = 1 GROUP BY direction")
    assert {row.direction: row.n for row in rows}["note"] == 1
    assert all(row.difference == 0 for row in await desk.balance())
