"""Settling: duplicates, poison, machine mail, order; every accepted item ends as exactly one thing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from models import ledger
from models.envelope import RawMessage
from tests.desk import Desk, letter
from workers import ingest, settle
from workers.reading import Reading


async def outcomes(desk: Desk) -> list[str]:
    return [row.outcome or row.state for row in await desk.rows("SELECT outcome, state FROM inbox ORDER BY id")]


async def test_redelivery_of_everything_twice_makes_nothing_twice(desk: Desk) -> None:
    mails = [letter(f"Question {n}", Message_ID=f"<m{n}@x>", subject=f"Sujet {n}") for n in range(5)]
    for _ in range(3):
        for mail in mails:
            await desk.send(mail)
        await desk.settle()
    assert len(await desk.tickets()) == 5
    assert await outcomes(desk) == ["ticket"] * 5


async def test_one_mail_in_two_mailboxes_is_one_ticket_and_a_linked_duplicate(desk: Desk) -> None:
    mail = letter(Message_ID="<m1@x>", to="support@example.org, sales@example.org")
    await desk.send(mail, to="support@example.org")
    await desk.send(mail, to="sales@example.org")
    await desk.settle()
    assert await outcomes(desk) == ["ticket", "duplicate"]
    [first, second] = await desk.rows("SELECT ticket_id, message_id FROM inbox ORDER BY id")
    assert tuple(first) == tuple(second)
    assert len(await desk.rows("SELECT 1 FROM outbox")) == 1


async def test_a_duplicate_in_a_later_batch_is_linked_as_well(desk: Desk) -> None:
    mail = letter(Message_ID="<m1@x>", to="support@example.org, sales@example.org")
    await desk.send(mail, to="support@example.org")
    await desk.settle()
    await desk.send(mail, to="sales@example.org")
    await desk.settle()
    assert await outcomes(desk) == ["ticket", "duplicate"]


async def test_the_same_id_with_other_words_is_kept_and_flagged(desk: Desk) -> None:
    await desk.send(letter("Première version", Message_ID="<m1@x>"))
    await desk.send(letter("Deuxième version, tout autre", Message_ID="<m1@x>"))
    await desk.settle()
    assert len(await desk.rows("SELECT 1 FROM message WHERE external_id = 'm1@x'")) == 2
    remarks = await desk.rows("SELECT remarks FROM message WHERE external_id = 'm1@x' ORDER BY id")
    assert "Message-ID was used before" in " ".join(remarks[1].remarks)


async def test_three_mails_at_once_on_one_matter_are_three_messages_and_one_acknowledgement(desk: Desk) -> None:
    await asyncio.gather(
        *(desk.send(letter(f"Mail {n}", Message_ID=f"<m{n}@x>", subject=f"Sujet {n}")) for n in range(3))
    )
    await desk.settle()
    assert len(await desk.tickets()) == 3
    assert len(await desk.rows("SELECT 1 FROM outbox")) == 1, "one acknowledgement for one address in a day (A17)"


async def test_a_message_that_kills_its_reader_becomes_a_ticket_with_its_bytes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(raws: list[RawMessage]) -> list[Reading]:
        return [Reading(killed="out of memory") for _ in raws]

    monkeypatch.setattr(desk.ingest.reader, "read", read)
    raw = b"Subject: poison\r\n\r\npoison\r\n"
    await desk.send(raw)
    await desk.settle()
    assert await outcomes(desk) == ["ticket"]
    [file] = await desk.rows("SELECT content, filename FROM attachment")
    assert bytes(file.content) == raw
    assert await desk.rows("SELECT 1 FROM outbox") == []


async def test_what_no_code_can_settle_goes_to_quarantine_and_harms_nobody_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = settle.decide

    def decide(draft: object, *more: object) -> None:
        if "poison" in draft.message.subject:
            raise RuntimeError("a bug that this message meets")
        real(draft, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(settle, "decide", decide)
    monkeypatch.setattr(ingest, "BACKOFF", (0.0,))
    for n in range(7):
        await desk.send(
            letter(subject="poison" if n == 3 else f"fine {n}", Message_ID=f"<m{n}@x>"), sender=f"c{n}@x.example"
        )
    await desk.settle()
    assert await outcomes(desk) == ["ticket"] * 3 + ["quarantined"] + ["ticket"] * 3
    [dead] = await desk.rows("SELECT last_error, attempts, body FROM inbox WHERE state = 'dead'")
    assert "a bug that this message meets" in dead.last_error
    assert dead.attempts == 5
    assert b"poison" in dead.body
    monkeypatch.setattr(settle, "decide", real)
    async with desk.database.engine.begin() as connection:
        await ledger.replay(connection, "inbox", [4])
    await desk.settle()
    assert (await outcomes(desk))[3] == "ticket"


async def test_an_unknown_channel_is_malformed_and_kept(desk: Desk) -> None:
    await desk.send(letter())
    await desk.rows("UPDATE inbox SET envelope = jsonb_set(envelope, '{channel}', '\"pigeon\"') RETURNING id")
    await desk.settle()
    [row] = await desk.rows("SELECT state, outcome, last_error FROM inbox")
    assert (row.state, row.outcome) == ("dead", "quarantined")
    assert "pigeon" in row.last_error


async def test_a_bounce_of_our_acknowledgement_is_noted_and_the_address_is_left_in_peace(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<m1@x>"))
    await desk.settle()
    await desk.dispatch()
    [sent] = await desk.rows("SELECT external_id FROM message WHERE direction = 'out'")
    bounce = (
        "From: MAILER-DAEMON@example.com\r\nTo: support@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "MIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nYour mail could not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; example.com\r\n\r\nFinal-Recipient: rfc822; claire@example.com\r\nAction: failed\r\n"
        "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: <{sent.external_id}>\r\nTo: claire@example.com\r\n\r\n--b--\r\n"
    )
    await desk.send(bounce.encode(), sender="")
    await desk.settle()
    assert await outcomes(desk) == ["ticket", "machine"]
    assert len(await desk.tickets()) == 1
    [message] = await desk.rows("SELECT delivery, delivery_detail FROM message WHERE direction = 'out'")
    assert message.delivery == "failed"
    [identity] = await desk.rows(
        "SELECT blocked_until > now() AS blocked FROM identity WHERE address = 'claire@example.com'"
    )
    assert identity.blocked


async def test_an_out_of_office_answer_joins_its_ticket_and_does_not_reopen_it(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<m1@x>"))
    await desk.settle()
    await desk.rows("UPDATE ticket SET status = 'resolved' RETURNING id")
    away = letter(
        "Je suis absent.", subject="Réponse automatique : Facture", In_Reply_To="<m1@x>", Auto_Submitted="auto-replied"
    )
    await desk.send(away)
    await desk.settle()
    assert await outcomes(desk) == ["ticket", "machine"]
    [ticket] = await desk.rows("SELECT status, message_count FROM ticket")
    assert tuple(ticket) == ("resolved", 3)


async def test_a_person_who_writes_again_reopens_a_resolved_ticket(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<m1@x>"))
    await desk.settle()
    await desk.rows("UPDATE ticket SET status = 'resolved' RETURNING id")
    await desk.send(letter("Toujours pas", In_Reply_To="<m1@x>", Message_ID="<m2@x>"))
    await desk.settle()
    [ticket] = await desk.rows("SELECT status FROM ticket")
    assert ticket.status == "open"
    assert "resolved → open" in " ".join((await desk.ticket(1)).history)


async def test_the_balance_holds_at_every_moment_of_a_mixed_load(desk: Desk) -> None:
    for n in range(10):
        await desk.send(
            letter(f"Question {n % 7}", Message_ID=f"<m{n % 7}@x>", subject=f"S{n % 7}"), sender=f"c{n}@x.example"
        )
        [row] = await desk.balance()
        assert row.difference == 0
    await desk.settle()
    [row] = await desk.balance()
    assert row.difference == 0
    assert row.pending == 0


async def test_large_attachments_go_to_the_object_store_and_small_ones_into_the_row(desk: Desk) -> None:
    mail = letter(Message_ID="<m1@x>")
    mail.add_attachment(b"s" * 1000, maintype="application", subtype="pdf", filename="small.pdf")
    mail.add_attachment(b"L" * 300_000, maintype="application", subtype="pdf", filename="large.pdf")
    await desk.send(mail)
    await desk.settle()
    small, large = await desk.rows("SELECT filename, size, sha256, content FROM attachment ORDER BY id")
    assert (small.filename, bytes(small.content)) == ("small.pdf", b"s" * 1000)
    assert (large.filename, large.content, large.size) == ("large.pdf", None, 300_000)
    assert await desk.ingest.objects.get(large.sha256) == b"L" * 300_000


async def test_a_thousand_first_messages_in_threes_make_a_thousand_contacts_once(desk: Desk) -> None:
    """Scaled down: 40 customers, three mails each at once, two workers."""
    await asyncio.gather(
        *(
            desk.send(
                letter(f"Mail {k}", sender=f"c{n}@example.com", Message_ID=f"<{n}.{k}@x>"),
                sender=f"v{k}.{n}@example.com",
            )
            for n in range(40)
            for k in range(3)
        )
    )
    other = desk.another_worker()
    desk.settings.workers.batch = 10

    async def work(worker: ingest.Ingest) -> None:
        while (await worker.drain())[0]:
            pass

    await asyncio.gather(work(desk.ingest), work(other))
    async with desk.database.engine.connect() as connection:
        contacts = (
            await connection.execute(text("SELECT count(*) FROM identity WHERE address LIKE 'c%'"))
        ).scalar_one()
    assert contacts == 40


async def test_what_was_claimed_ahead_is_given_back_at_the_end_as_if_nothing_had_been(desk: Desk) -> None:
    desk.settings.workers.batch = 4
    for n in range(8):
        await desk.send(letter(f"Mail {n}", Message_ID=f"<m{n}@x>"), sender=f"c{n}@x.example")
    assert await desk.ingest.drain() == (4, True)
    await desk.ingest.close()
    rows = await desk.rows("SELECT state, attempts, due_at <= now() AS due FROM inbox ORDER BY id")
    assert [(row.state, row.attempts, row.due) for row in rows[4:]] == [("pending", 0, True)] * 4
    await desk.settle()
    assert await outcomes(desk) == ["ticket"] * 8


async def test_one_senders_many_messages_are_settled_without_waiting_for_a_bell(desk: Desk) -> None:
    """They stand in one lane: while a batch of them is settled, none of the others can be claimed ahead."""
    desk.settings.workers.batch = 4
    for n in range(11):
        await desk.send(letter(f"Mail {n}", Message_ID=f"<m{n}@x>"))
    await desk.settle()
    assert await outcomes(desk) == ["ticket"] * 11


def test_large_mails_are_read_a_few_at_a_time() -> None:
    sizes = [10, 10, 12, 1, 40, 5, 20, 10, 1]
    rows = [SimpleNamespace(size=size * 1_000_000) for size in sizes]
    portions = [[row.size // 1_000_000 for row in portion] for portion in ingest.portions_of(rows)]
    assert portions == [[10, 10, 12], [1], [40], [5, 20], [10, 1]]
    assert list(ingest.portions_of([])) == []
