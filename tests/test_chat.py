"""The chat: from the socket to the ticket, and the agent's answer back into every window."""

from __future__ import annotations

from tests.chat_window import window
from tests.desk import Desk
from workers.relay import relay


async def answer(desk: Desk, number: int, words: str, agent: str = "Marie") -> int:
    """An agent answers; the outbox is drained."""
    async with desk.database.engine.begin() as connection:
        message_id = await relay(connection, desk.ingest.office, number, words, agent=agent)
    await desk.dispatch()
    return message_id


async def test_a_line_becomes_a_ticket_and_the_answer_comes_back(desk: Desk) -> None:
    async with window(desk.http, desk.url, language="fr") as visitor:
        await visitor.say("Bonjour, où est mon colis ?")
        await desk.settle()
        [ticket] = await desk.tickets()
        assert (ticket.channel, ticket.language, ticket.messages) == ("chat", "fr", 2)
        await visitor.until("line", **{"from": "visitor"})
        await answer(desk, 1, "Il arrive demain.")
        frame = await visitor.until("line", **{"from": "agent"})
        assert (frame["text"], frame["name"]) == ("Il arrive demain.", "Marie")
    [row] = await desk.balance()
    assert (row.channel, row.ticket, row.difference) == ("chat", 1, 0)
