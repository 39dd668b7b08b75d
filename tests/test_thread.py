"""Threading, from mails at the SMTP door to tickets: who joins what, and who must not."""

from __future__ import annotations

import asyncio
import random
from email import message_from_bytes
from email.policy import default

from tests.desk import Desk, letter


async def tickets_of(desk: Desk) -> dict[str, int | None]:
    """Message-ID → ticket."""
    rows = await desk.rows("SELECT external_id, ticket_id FROM message WHERE direction <> 'out'")
    return {row.external_id: row.ticket_id for row in rows}


async def test_a_reply_joins_by_its_references(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.send(letter("Autre chose", Message_ID="<b@x>", In_Reply_To="<a@x>"))
    await desk.send(letter("Et encore", Message_ID="<c@x>", References="<zero@x> <a@x> <b@x>"))
    await desk.settle()
    assert set((await tickets_of(desk)).values()) == {1}


async def test_a_root_that_arrives_after_its_reply_joins_it(desk: Desk) -> None:
    await desk.send(letter("La réponse", Message_ID="<b@x>", In_Reply_To="<a@x>"))
    await desk.settle()
    await desk.send(letter("La question", Message_ID="<a@x>"))
    await desk.settle()
    assert set((await tickets_of(desk)).values()) == {1}


async def test_two_answers_to_a_mail_that_we_never_saw_are_one_ticket(desk: Desk) -> None:
    await desk.send(letter("un", Message_ID="<b@x>", In_Reply_To="<never@x>"))
    await desk.send(letter("deux", Message_ID="<c@x>", In_Reply_To="<never@x>"))
    await desk.settle()
    assert set((await tickets_of(desk)).values()) == {1}


async def test_a_stranger_who_names_a_ticket_gets_one_of_their_own(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    spy = letter(
        "Let me in", sender="spy@evil.example", subject="Re: [#1] Facture", Message_ID="<s@x>", In_Reply_To="<a@x>"
    )
    await desk.send(spy, sender="spy@evil.example")
    await desk.settle()
    assert await tickets_of(desk) == {"a@x": 1, "s@x": 2}
    [message] = (await desk.ticket(2)).messages[:1]
    assert "takes no part" in message.reasons["thread"]


async def test_many_customers_who_answer_one_newsletter_stay_apart(desk: Desk) -> None:
    for number in range(5):
        who = f"reader{number}@example.com"
        await desk.send(letter("Stop", sender=who, Message_ID=f"<r{number}@x>", In_Reply_To="<news@our>"), sender=who)
    await desk.settle()
    assert len(set((await tickets_of(desk)).values())) == 5


async def test_a_colleague_in_copy_may_answer_into_the_ticket(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>", Cc="Paul <paul@example.com>"))
    await desk.send(
        letter("Je confirme", sender="paul@example.com", Message_ID="<p@x>", In_Reply_To="<a@x>"),
        sender="paul@example.com",
    )
    await desk.settle()
    assert await tickets_of(desk) == {"a@x": 1, "p@x": 1}


async def test_a_ticket_number_in_the_subject_serves_those_who_take_part(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await desk.send(letter("Suite", subject="[#1] ma facture", Message_ID="<b@x>"))
    await desk.settle()
    assert await tickets_of(desk) == {"a@x": 1, "b@x": 1}


async def test_our_signed_reply_address_admits_another_address_and_says_so(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await desk.dispatch()
    acknowledgement = message_from_bytes(desk.outgoing()[0], policy=default)
    address = acknowledgement["Reply-To"].split("<")[-1].strip("> ")
    assert address.startswith("support+t")
    await desk.send(letter("De chez moi", sender="claire@home.example", to=address, Message_ID="<h@x>"), to=address)
    await desk.settle()
    assert (await tickets_of(desk))["h@x"] == 1
    assert "not verified" in " ".join((await desk.ticket(1)).messages[-1].remarks)


async def test_a_forged_reply_address_proves_nothing(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    for token in ("taaaaaaaaaaaaaaaaa", "tbaaaaaaaaaaaaaaaa", "t" + "2" * 40, "tb" + "z" * 16):
        address = f"support+{token}@example.org"
        spy = letter("x", sender="spy@evil.example", to=address, Message_ID=f"<{token}@x>")
        await desk.send(spy, sender="spy@evil.example", to=address)
    await desk.settle()
    assert [name for name, ticket in (await tickets_of(desk)).items() if ticket == 1] == ["a@x"]


async def test_mails_without_a_sender_do_not_find_each_other(desk: Desk) -> None:
    for number in range(2):
        raw = f"Subject: nobody\r\nMessage-ID: <n{number}@x>\r\nReferences: <common@x>\r\n\r\nwords {number}\r\n"
        await desk.send(raw.encode(), sender="")
    await desk.settle()
    assert len({ticket for ticket in (await tickets_of(desk)).values() if ticket}) in (0, 2)


async def test_in_any_order_and_with_several_workers_every_reply_finds_its_ticket(desk: Desk) -> None:
    """Ten customers, each a root and five replies, shuffled, settled by three workers in small batches."""
    shuffled = [(root, reply) for root in range(10) for reply in range(6)]
    random.Random(7).shuffle(shuffled)
    for root, reply in shuffled:
        who = f"c{root}@example.com"
        headers = {"Message_ID": f"<{root}.{reply}@x>"}
        if reply:
            headers["References"] = f"<{root}.0@x>" + (f" <{root}.{reply - 1}@x>" if reply > 1 else "")
        # a lane of its own for each, so that nothing but the locks keeps them in step
        await desk.send(letter(f"words {reply}", sender=who, **headers), sender=f"bounce{reply}.{root}@example.com")
    workers = [desk.ingest, desk.another_worker(), desk.another_worker()]
    desk.settings.workers.batch = 4

    async def work(number: int) -> None:
        while (await workers[number].drain())[0]:
            pass

    await asyncio.gather(*map(work, range(3)))
    await desk.settle()
    found = await tickets_of(desk)
    assert len(found) == 60
    for root in range(10):
        assert len({found[f"{root}.{reply}@x"] for reply in range(6)}) == 1
    assert len(set(found.values())) == 10
