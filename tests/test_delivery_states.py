"""What an agent sees of a delivery: delayed, failed, bounced, complained of; and who gets nothing automatic then."""

from __future__ import annotations

import pytest

from channels import Refused, Unavailable
from models.envelope import Receipt
from tests.desk import Desk, letter
from tests.test_deliver import make_due, queued, speak, state

__all__ = ["queued"]


async def events(desk: Desk, kind: str = "delivery") -> list[tuple[str, str]]:
    rows = await desk.rows(f"SELECT old, new FROM ticket_event WHERE kind = '{kind}' ORDER BY id")
    return [(row.old, row.new) for row in rows]


async def blocked(desk: Desk) -> tuple[str, int]:
    """Why the only identity is blocked, and for how many days from now."""
    statement = "SELECT blocked_reason AS why, extract(day FROM blocked_until - now()) AS days FROM identity"
    [row] = await desk.rows(statement)
    return row.why, int(row.days or 0)


async def sent_id(desk: Desk) -> str:
    [row] = await desk.rows("SELECT external_id FROM message WHERE direction = 'out'")
    return str(row.external_id)


def mime(kind: str, subject: str, *parts: str) -> bytes:
    """A multipart/report of that kind."""
    head = (
        f"From: MAILER-DAEMON@mx.example.com\nTo: support@example.org\nSubject: {subject}\nMessage-ID: <{subject}@mx>\n"
        f'MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary="b"\n\n'
    )
    return (head + "".join(f"--b\n{part}\n" for part in parts) + "--b--\n").replace("\n", "\r\n").encode()


def bounce(message_id: str, status: str = "5.1.1", action: str = "failed") -> bytes:
    """A report as servers write it (RFC 3464)."""
    return mime(
        "delivery-status",
        f"{action}-{status}",
        "Content-Type: text/plain\n\nSorry.\n",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n"
        f"Final-Recipient: rfc822; claire@example.com\nAction: {action}\nStatus: {status}\n",
        f"Content-Type: text/rfc822-headers\n\nMessage-ID: <{message_id}>\n",
    )


async def report(desk: Desk, mail: bytes) -> None:
    await desk.send(mail, sender="")
    await desk.settle()


async def test_a_message_that_will_be_late_is_shown_as_delayed_and_then_as_sent(queued: Desk) -> None:
    speak(queued, *(Unavailable("421 come later") for _ in range(3)))
    shown = []
    for minutes in (0, 1, 6, 21):
        await queued.rows(f"UPDATE outbox SET created_at = now() - interval '{minutes} minutes' RETURNING id")
        await make_due(queued)
        await queued.dispatch()
        shown.append((await state(queued)).delivery)
    assert shown == ["queued", "queued", "delayed", "sent"]
    assert await events(queued) == [("queued", "delayed")]
    assert any("delayed" in line for line in (await queued.ticket(1)).history)


async def test_a_failure_is_told_in_the_history(queued: Desk) -> None:
    speak(queued, Refused("552 too large"))
    await queued.dispatch()
    assert await events(queued) == [("queued", "failed")]
    assert await blocked(queued) == ("", 0)


async def test_a_mailbox_that_does_not_exist_gets_nothing_automatic_for_sixty_days(queued: Desk) -> None:  # A16
    speak(queued, Refused("550 5.1.1 no such user", gone=True))
    await queued.dispatch()
    why, days = await blocked(queued)
    assert (why, days) == ("bounced 550 5.1.1 no such user", 59)
    await queued.send(letter("another matter", subject="Another", Message_ID="<m9@x>"))
    await queued.settle()
    assert "A16" in (await queued.ticket(2)).messages[0].reasons["acknowledge"]


async def test_a_bounce_makes_its_message_failed_tells_the_history_and_blocks(queued: Desk) -> None:  # B46, A16
    speak(queued, Receipt())
    await queued.dispatch()
    await report(queued, bounce(await sent_id(queued)))
    assert (await state(queued)).delivery == "failed"
    assert await events(queued) == [("sent", "failed")]
    assert await blocked(queued) == ("bounced 5.1.1", 59)
    assert [ticket.number for ticket in await queued.tickets()] == [1]


async def test_a_delay_that_a_server_reports_is_shown_until_the_next_report(queued: Desk) -> None:
    speak(queued, Receipt())
    await queued.dispatch()
    await report(queued, bounce(await sent_id(queued), "4.4.7", "delayed"))
    assert (await state(queued)).delivery == "delayed"
    await report(queued, bounce(await sent_id(queued), "5.4.7", "failed"))
    assert (await state(queued)).delivery == "failed"
    assert await events(queued) == [("sent", "delayed"), ("delayed", "failed")]


async def test_a_late_report_undoes_nothing(queued: Desk) -> None:
    speak(queued, Receipt())
    await queued.dispatch()
    await report(queued, bounce(await sent_id(queued)))
    await report(queued, bounce(await sent_id(queued), "4.4.7", "delayed"))
    assert (await state(queued)).delivery == "failed"


async def test_a_bounce_of_a_mail_that_we_never_sent_changes_nothing(queued: Desk) -> None:
    await report(queued, bounce("never@example.org"))
    assert (await state(queued)).delivery == "queued"
    assert await events(queued) == []
    assert await blocked(queued) == ("", 0)


async def test_who_complains_gets_nothing_automatic_any_more(queued: Desk) -> None:  # B47
    speak(queued, Receipt())
    await queued.dispatch()
    complaint = mime(
        "feedback-report",
        "abuse",
        "Content-Type: text/plain\n\nAbuse.\n",
        "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n",
        "Content-Type: message/rfc822\n\nFrom: support@example.org\nTo: claire@example.com\n"
        f"Message-ID: <{await sent_id(queued)}>\n\nx\n",
    )
    await report(queued, complaint)
    why, days = await blocked(queued)
    assert (why, days > 30_000) == ("complaint", True)
    [(_, said)] = await events(queued, "complaint")
    assert said == "complaint: abuse"


@pytest.mark.parametrize("status", ["4.2.2", "5.7.1"])
async def test_only_what_is_final_blocks(queued: Desk, status: str) -> None:
    speak(queued, Receipt())
    await queued.dispatch()
    await report(queued, bounce(await sent_id(queued), status, "failed" if status[0] == "5" else "delayed"))
    assert (await blocked(queued))[0] == ("bounced 5.7.1" if status[0] == "5" else "")
