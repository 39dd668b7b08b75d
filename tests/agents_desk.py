"""A desk whose agents answer from their own channels: hiring, assigning, and their mails and telephones."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from models.actor import step
from models.life import Cycle, change
from tests.desk import Desk, letter
from tests.staff import Crew, hire
from workers.notify import Notify

MX = "mx.example.org"
PASS = "dmarc=pass header.from=example.org"
FAIL = "dmarc=fail (p=reject) header.from=example.org"
MARIE, TELEPHONE = "marie@example.org", "+33611111111"


async def staffed(desk: Desk, line: str = "email", *, telephone: str = TELEPHONE) -> Crew:
    """Marie is told by `line`, and everybody's row is read afresh."""
    desk.ingest.staff.fresh_seconds = 0
    crew = await hire(desk)
    await desk.rows(
        "UPDATE agent SET notify_channel = :line, telephone = :telephone, telephone_verified_at = now()"
        " WHERE email = :email RETURNING id",
        line=line,
        telephone=telephone,
        email=MARIE,
    )
    await notices(desk)  # the marks begin here
    return crew


async def assign(desk: Desk, number: int, agent_id: int) -> None:
    """Give a ticket to an agent."""
    async with desk.database.engine.begin() as connection:
        await change(connection, step("assign"), number, {"assignee": agent_id}, cycle=Cycle.of(desk.settings))


async def notices(desk: Desk, **how: Any) -> int:
    """Look what agents must be told, and send it."""
    notify = Notify(desk.database, desk.ingest.office)
    queued = await notify.drain(**how)
    await desk.dispatch()
    return queued


def to(desk: Desk, address: str = MARIE) -> list[EmailMessage]:
    """What went to a mailbox, in order of their dates of writing."""
    paths = sorted((desk.settings.var / "outgoing" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    mails = [message_from_bytes(path.read_bytes(), policy=default) for path in paths]
    return [mail for mail in mails if address in str(mail["To"])]  # type: ignore[misc]


def body(mail: EmailMessage) -> str:
    """The plain text."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def bare(address: str) -> str:
    """Without a name and brackets."""
    return address.split("<")[-1].strip("> ")


def answer(
    notice: EmailMessage, words: str, *, sender: str = "Marie Dupont <marie@example.org>", **more: Any
) -> EmailMessage:
    """As a mail program answers a notice: quoted below, with its ids and its Reply-To."""
    quoted = "\n".join(f"> {line}" for line in body(notice).splitlines())
    text = f"{words}\n\nOn Wed, 25 Nov 2026 at 10:00, Support <support@example.org> wrote:\n{quoted}\n"
    given = {"In_Reply_To": notice["Message-ID"], "References": f"{notice['References']} {notice['Message-ID']}"}
    return letter(
        text,
        sender=sender,
        to=bare(more.pop("to", notice["Reply-To"])),
        subject=f"Re: {notice['Subject']}",
        **(given | {"Message_ID": "<answer-1@example.org>"} | more),
    )


async def send(desk: Desk, mail: EmailMessage, results: str = PASS) -> None:
    """An agent's mail, as our mail server passes it on."""
    raw = f"Authentication-Results: {MX}; {results}\r\n".encode() + bytes(mail)
    await desk.send(raw, sender=bare(str(mail["From"])), to=bare(str(mail["To"])))
    await desk.settle()
