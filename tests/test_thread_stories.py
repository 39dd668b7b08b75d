"""Threading at the door, story by story: ended and merged tickets, guests, lists, marks, ids in every dress."""

from __future__ import annotations

import base64

import pytest

from channels.email.conversation import conversation
from channels.email.mime import read
from tests.desk import Desk, letter
from tests.test_thread import tickets_of


async def test_an_answer_after_weeks_opens_a_linked_ticket_and_later_ones_follow_it(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    ended = "UPDATE ticket SET status = 'closed', resolved_at = now() - interval '31 days' WHERE id = 1 RETURNING id"
    await desk.rows(ended)
    await desk.send(letter("Ça recommence", Message_ID="<b@x>", In_Reply_To="<a@x>"))
    await desk.send(letter("Toujours", Message_ID="<c@x>", In_Reply_To="<a@x>"))
    await desk.settle()
    await desk.send(letter("Encore", Message_ID="<d@x>", References="<a@x>"))
    await desk.settle()
    assert await tickets_of(desk) == {"a@x": 1, "b@x": 2, "c@x": 2, "d@x": 2}
    rows = await desk.rows("SELECT id, status, continues FROM ticket ORDER BY id")
    assert [tuple(row) for row in rows] == [(1, "closed", None), (2, "open", 1)]
    assert any("continues 1" in line for line in (await desk.ticket(2)).history)
    assert "ended 31 days ago" in (await desk.ticket(2)).messages[0].reasons["thread"]


async def test_an_answer_within_weeks_reopens(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await desk.rows("UPDATE ticket SET status = 'resolved', resolved_at = now() - interval '3 days' RETURNING id")
    await desk.send(letter("Pas résolu", Message_ID="<b@x>", In_Reply_To="<a@x>"))
    await desk.settle()
    [ticket] = await desk.tickets()
    assert (ticket.status, ticket.messages) == ("open", 3)


async def test_answers_follow_a_merged_ticket(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.send(letter("autre", subject="Autre", Message_ID="<b@x>"))
    await desk.settle()
    await desk.rows("UPDATE ticket SET merged_into = 1 WHERE id = 2 RETURNING id")
    await desk.send(letter("suite", subject="Re: Autre", Message_ID="<c@x>", In_Reply_To="<b@x>"))
    await desk.settle()
    assert (await tickets_of(desk))["c@x"] == 1


async def test_a_guest_may_go_on_writing_and_gets_nothing(desk: Desk) -> None:  # T2
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    first = letter(
        "moi aussi", sender="paul@firm.test", Cc="claire@example.com", Message_ID="<b@x>", In_Reply_To="<a@x>"
    )
    await desk.send(first, sender="paul@firm.test")
    await desk.settle()
    await desk.send(
        letter("et", sender="paul@firm.test", Message_ID="<c@x>", In_Reply_To="<b@x>"), sender="paul@firm.test"
    )
    await desk.settle()
    assert set((await tickets_of(desk)).values()) == {1}
    [row] = await desk.rows("SELECT participants, guests, answer_address FROM ticket")
    assert row.guests == ["email:paul@firm.test"]
    assert "email:paul@firm.test" not in row.participants
    assert row.answer_address == "claire@example.com"
    await desk.dispatch()
    assert all(b"paul@firm.test" not in mail for mail in desk.outgoing())


async def test_a_copied_spy_gains_nothing_by_a_forged_sender(desk: Desk) -> None:  # T2
    await desk.send(letter(Message_ID="<a@x>"))
    await desk.settle()
    await desk.send(
        letter("copy me", Cc="spy@evil.test", Message_ID="<b@x>", In_Reply_To="<a@x>"), sender="spy@evil.test"
    )
    await desk.settle()
    await desk.send(
        letter("mine?", sender="spy@evil.test", Message_ID="<c@x>", In_Reply_To="<a@x>"), sender="spy@evil.test"
    )
    await desk.settle()
    found = await tickets_of(desk)
    assert (found["b@x"], found["c@x"]) == (1, 2)
    await desk.dispatch()
    to_spy = [mail for mail in desk.outgoing() if b"Delivered-To: spy@evil.test" in mail]
    assert not any(b"claire" in mail or b"Facture" in mail for mail in to_spy)


async def test_guessing_numbers_and_ids_opens_tickets_of_ones_own(desk: Desk) -> None:  # T2: spraying
    for number in range(3):
        who = f"c{number}@firm{number}.test"
        await desk.send(letter(f"words {number}", sender=who, Message_ID=f"<{number}@x>"), sender=who)
    await desk.settle()
    for number in range(1, 4):
        spy = letter("x", sender="spy@evil.test", subject=f"Re: [#{number}] x{number}", Message_ID=f"<s{number}@x>")
        await desk.send(spy, sender="spy@evil.test")
    names = " ".join(f"<{number}@x>" for number in range(3))
    victims = ", ".join(f"c{number}@firm{number}.test" for number in range(3))
    spray = letter("y", sender="spy@evil.test", References=names, Cc=victims, Message_ID="<spray@x>")
    await desk.send(spray, sender="spy@evil.test")
    await desk.settle()
    found = await tickets_of(desk)
    assert {found[f"{number}@x"] for number in range(3)} == {1, 2, 3}
    assert not {1, 2, 3} & {found["spray@x"], *(found[f"s{number}@x"] for number in range(1, 4))}


async def test_outlooks_mark_serves_where_ids_were_lost_but_no_stranger(desk: Desk) -> None:
    root = bytes([1]) + bytes(range(21))

    async def write(who: str, number: int, mark: bytes) -> None:
        index = base64.b64encode(mark).decode()
        mail = letter(f"{number}", sender=who, subject=f"s{number}", Message_ID=f"<{number}@relay>", Thread_Index=index)
        await desk.send(mail, sender=who)

    await write("ana@firm.test", 0, root)
    await write("ana@firm.test", 1, root + b"12345")
    await write("eve@evil.test", 2, root + b"54321")
    await write("ana@firm.test", 3, bytes([1]) + bytes(21))
    await desk.settle()
    found = await tickets_of(desk)
    assert found["0@relay"] == found["1@relay"]
    assert len({found[f"{number}@relay"] for number in (0, 2, 3)}) == 3


async def test_one_mail_in_two_mailboxes_is_one_ticket(desk: Desk) -> None:  # B25
    mail = letter(to="support@example.org, sales@example.org", Message_ID="<a@x>")
    await desk.send(mail, to="support@example.org")
    await desk.send(b"Received: from a by b; now\r\n" + bytes(mail), to="sales@example.org")
    await desk.settle()
    assert [ticket.messages for ticket in await desk.tickets()] == [2]
    [balance] = await desk.balance()
    assert (balance.ticket, balance.duplicate) == (1, 1)


REST = "From: ana@x.test\nTo: support@example.org, bob@x.test\nSubject: s\n"


@pytest.mark.parametrize(
    ("head", "ids"),
    [
        ("In-Reply-To: <a@x>\nReferences: <r@x>\n <a@x>\n\t<b@x>\n", ("r@x", "b@x", "a@x")),
        ("In-Reply-To: <a@x> <b@x>\n", ("a@x", "b@x")),
        ("In-Reply-To: Your message of Mon, 2 Mar <a@x>\n", ("a@x",)),
        ("In-Reply-To: <bob@x.test>'s message of Mon <a@x>\n", ("a@x",)),
        ("In-Reply-To: a@x\n", ("a@x",)),
        ("References: <a@\n x> < b@x >\n", ("a@x", "b@x")),
        ("References: <a@x><b@x>,<c@x>\n", ("a@x", "b@x", "c@x")),
        ("References: <a@x> <a@x> <b@x>\n", ("a@x", "b@x")),
        ("", ()),
    ],
)
def test_ids_are_read_in_every_dress_and_the_parent_stands_last(head: str, ids: tuple[str, ...]) -> None:
    assert conversation(read(f"{head}{REST}\nx".encode())).references == ids


def test_of_very_many_ids_both_ends_are_kept_and_the_parent_among_them() -> None:  # B27
    many = " ".join(f"<{number}@x>" for number in range(5000))
    found = conversation(read(f"References: {many}\nIn-Reply-To: <parent@x>\n{REST}\nx".encode())).references
    assert len(found) == 40
    assert (found[0], found[-1]) == ("0@x", "parent@x")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("List-Id: Users <Users.lists.test>\n", "users.lists.test"),
        ("List-Post: <mailto:users@lists.test>\n", "users@lists.test"),
        ("Mailing-List: list users@lists.test; contact x@lists.test\n", "users@lists.test"),
        ("X-BeenThere: users@lists.test\n", "users@lists.test"),
        ("Sender: owner-users@lists.test\n", "users@lists.test"),
        ("Sender: users-bounces+ana=x.test@lists.test\n", "users@lists.test"),
        ("Sender: ana@x.test\n", ""),
        ("", ""),
    ],
)
def test_a_mailing_list_is_named_by_whatever_names_it(head: str, name: str) -> None:
    assert conversation(read(f"{head}{REST}\nx".encode())).circle == name


@pytest.mark.parametrize("value", ["", "AQ==", "no base64 at all!", "!" + "A" * 50, "\u00e9" * 40])
def test_a_mark_that_cannot_be_read_is_none(value: str) -> None:
    assert conversation(read(f"Thread-Index: {value}\n{REST}\nx".encode())).marks == ()


async def test_of_the_many_who_answered_one_newsletter_each_finds_their_own_ticket(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.known.CROWD", 3)
    for turn in range(3):
        for number in range(12):
            who = f"reader{number}@example.com"
            mail = letter(
                f"{turn}", sender=who, subject=f"s{turn}", Message_ID=f"<{number}.{turn}@x>", In_Reply_To="<n@x>"
            )
            await desk.send(mail, sender=who)
        await desk.settle()
    found = await tickets_of(desk)
    for number in range(12):
        assert len({found[f"{number}.{turn}@x"] for turn in range(3)}) == 1
    assert len(set(found.values())) == 12
