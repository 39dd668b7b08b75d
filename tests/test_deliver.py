"""Delivery: handed over once, tried again on a schedule, given up with a reason; acknowledgements at most once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from channels import Rate, Refused, Unavailable
from models.envelope import OutboundMessage, Receipt
from tests.desk import Desk, letter
from workers import deliver


class Provider:
    """Stands in for a channel's way out: answers as told, and remembers what it was given."""

    repeatable = False

    def __init__(self, *answers: Exception | Receipt) -> None:
        self.answers = list(answers)
        self.given: list[OutboundMessage] = []

    def rates(self, account: str, address: str) -> tuple[Rate, ...]:
        return ()

    async def deliver(self, outbound: OutboundMessage) -> Receipt:
        self.given.append(outbound)
        answer = self.answers.pop(0) if self.answers else Receipt(provider_id="p1")
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
async def queued(desk: Desk) -> Desk:
    """A desk with one acknowledgement in its outbox."""
    await desk.send(letter(Message_ID="<m1@x>"))
    await desk.settle()
    return desk


def speak(desk: Desk, *answers: Exception | Receipt) -> Provider:
    provider = Provider(*answers)
    desk.deliver.channels = {"email": provider}  # type: ignore[dict-item]
    return provider


async def state(desk: Desk) -> Any:
    [row] = await desk.rows(
        "SELECT outbox.state, attempts, last_error, delivery, extract(epoch FROM due_at - now()) AS seconds, started_at"
        " FROM outbox JOIN message ON message.id = outbox.message_id"
    )
    return row


async def make_due(desk: Desk) -> None:
    async with desk.database.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET due_at = now()"))


async def test_what_was_handed_over_is_done_and_shown_as_sent(queued: Desk) -> None:
    provider = speak(queued)
    await queued.dispatch()
    row = await state(queued)
    assert (row.state, row.delivery) == ("done", "sent")
    await make_due(queued)
    await queued.dispatch()
    assert len(provider.given) == 1


async def test_a_temporary_no_is_tried_again_later_with_the_same_message_id(queued: Desk) -> None:
    provider = speak(queued, Unavailable("busy"), Unavailable("busy"))
    await queued.dispatch()
    row = await state(queued)
    assert (row.state, row.last_error, row.started_at) == ("pending", "busy", None)
    assert 50 < row.seconds <= 60
    await make_due(queued)
    await queued.dispatch()
    assert 290 < (await state(queued)).seconds <= 300
    await make_due(queued)
    await queued.dispatch()
    assert (await state(queued)).delivery == "sent"
    assert len({outbound.message_id for outbound in provider.given}) == 1


async def test_the_providers_own_wish_for_a_pause_is_honoured(queued: Desk) -> None:
    speak(queued, Unavailable("slow down", retry_after=900))
    await queued.dispatch()
    assert (await state(queued)).seconds > 890


async def test_a_permanent_no_ends_it_and_says_why(queued: Desk) -> None:
    speak(queued, Refused("550 no such user"))
    await queued.dispatch()
    row = await state(queued)
    assert (row.state, row.delivery, row.last_error) == ("dead", "failed", "550 no such user")


async def test_it_is_given_up_when_the_schedule_ends(queued: Desk) -> None:
    speak(queued, *(Unavailable("away") for _ in range(20)))
    for _ in range(len(deliver.ACKNOWLEDGEMENT_SCHEDULE) + 1):
        await make_due(queued)
        await queued.dispatch()
    row = await state(queued)
    assert (row.state, row.delivery) == ("dead", "failed")
    assert "given up after 7 attempts" in row.last_error


async def test_a_bug_in_a_channel_is_treated_as_unavailable(queued: Desk) -> None:
    speak(queued, ZeroDivisionError("a bug"))
    await queued.dispatch()
    row = await state(queued)
    assert row.state == "pending"
    assert "ZeroDivisionError" in row.last_error


async def test_an_acknowledgement_in_doubt_is_not_repeated(queued: Desk) -> None:
    provider = speak(queued, Unavailable("no answer after the dot", in_doubt=True))
    await queued.dispatch()
    row = await state(queued)
    assert (row.state, row.delivery) == ("dead", "unknown")
    await make_due(queued)
    await queued.dispatch()
    assert len(provider.given) == 1


async def test_an_acknowledgement_that_was_cut_off_in_the_air_is_not_repeated(queued: Desk) -> None:
    """As after a kill between request and reply: started, committed, and nothing more."""
    await queued.rows("UPDATE outbox SET attempts = 1, started_at = now() RETURNING id")
    provider = speak(queued)
    await queued.dispatch()
    assert provider.given == []
    assert (await state(queued)).delivery == "unknown"


async def test_a_reply_that_was_cut_off_goes_out_again_with_the_same_message_id(queued: Desk) -> None:
    await queued.rows("UPDATE outbox SET attempts = 1, started_at = now(), kind = 'reply' RETURNING id")
    provider = speak(queued)
    await queued.dispatch()
    assert len(provider.given) == 1
    assert (await state(queued)).delivery == "sent"


async def test_into_the_maildir_even_a_cut_off_acknowledgement_goes_again_and_stays_one(queued: Desk) -> None:
    await queued.dispatch()
    await queued.rows("UPDATE outbox SET state = 'pending', due_at = now() RETURNING id")
    await queued.dispatch()
    assert len(queued.outgoing()) == 1


async def test_nothing_is_queued_twice_under_one_key(queued: Desk) -> None:
    with pytest.raises(Exception, match="outbox_key"):
        await queued.rows(
            "INSERT INTO outbox (unique_key, kind) SELECT unique_key, kind FROM outbox LIMIT 1 RETURNING id"
        )
