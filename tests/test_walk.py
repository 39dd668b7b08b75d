"""The walk of one message, from the socket to the answer in the customer's hands."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

from tests.desk import Desk, letter


async def test_a_mail_becomes_a_ticket_and_an_acknowledgement(desk: Desk) -> None:
    reply = await desk.send(letter(Message_ID="<m1@example.com>"))
    assert reply.startswith("2.0.0 Ok: queued as ")
    await desk.settle()
    [ticket] = await desk.tickets()
    assert (ticket.subject, ticket.language, ticket.category) == ("Facture fausse", "fr", "billing")
    print((await desk.ticket(1)).messages)
    assert (ticket.contact, ticket.messages, ticket.acknowledged) == ("claire@example.com", 2, True)
    await desk.dispatch()
    [raw] = desk.outgoing()
    mail = message_from_bytes(raw, policy=default)
    assert mail["To"] == "claire@example.com"
    assert f"#{ticket.number}" in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["In-Reply-To"] == "<m1@example.com>"
    [row] = await desk.balance()
    assert (row.received, row.ticket, row.difference) == (1, 1, 0)


async def test_an_answer_to_the_acknowledgement_comes_back_into_the_ticket(desk: Desk) -> None:
    await desk.send(letter(Message_ID="<m1@example.com>"))
    await desk.settle()
    await desk.dispatch()
    mail = message_from_bytes(desk.outgoing()[0], policy=default)
    answer = letter("Merci !", subject="Re: " + mail["Subject"], to=mail["Reply-To"], In_Reply_To=mail["Message-ID"])
    await desk.send(answer, to=mail["Reply-To"].split("<")[-1].strip("> "))
    await desk.settle()
    [ticket] = await desk.tickets()
    assert ticket.messages == 3
    assert [row.outcome for row in await desk.rows("SELECT outcome FROM inbox ORDER BY id")] == ["ticket", "appended"]


async def test_a_form_becomes_a_ticket_and_an_acknowledgement_by_mail(desk: Desk) -> None:
    posted = {
        "name": "Zoé",
        "email": "zoe@example.net",
        "subject": "Livraison",
        "message": "Mon colis n'est pas arrivé.",
    }
    async with desk.http.post(f"{desk.url}/forms/contact?lang=fr", data=posted, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        thanks = answer.headers["Location"]
    await desk.settle()
    async with desk.http.get(desk.url + thanks) as page:
        assert "#1" in await page.text() or "1" in await page.text()
    await desk.dispatch()
    [ticket] = await desk.tickets()
    assert (ticket.channel, ticket.contact, ticket.acknowledged) == ("form", "zoe@example.net", True)
    assert message_from_bytes(desk.outgoing()[0], policy=default)["To"] == "zoe@example.net"
