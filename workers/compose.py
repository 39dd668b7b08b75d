"""Compose: the acknowledgement that was decided, once its ticket has its number.

Enters: a draft, what is known, the office. Leaves: the message to be sent, the row of the link that it names, and the
key by which answers to it find the ticket. No I/O; fails where a text is missing (`workers.receipt`).
"""

from __future__ import annotations

import secrets

from models import page_link
from models.keys import message_key
from models.seals import own_message_id, reply_token
from workers import receipt
from workers.batch import Acknowledgement, Draft, Office
from workers.known import Known, KnownTicket
from workers.parties import answers_from


def compose(draft: Draft, decided: Acknowledgement, known: Known, office: Office) -> None:
    """Word the acknowledgement, now that the ticket has its number, and let answers to it find the ticket."""
    ticket = draft.ticket
    assert ticket is not None  # noqa: S101 - only tickets are acknowledged
    channel, account = answers_from(draft)
    domain = office.settings.mail.domain or account.partition("@")[2] or "localhost"
    message_id = own_message_id(office.secret, ticket.id, secrets.token_hex(8), domain)
    token = reply_token(office.secret, ticket.id, draft.writer.label)
    place = page_place(decided, ticket, token, known, office)
    decided.outbound = receipt.compose(
        draft.message,
        ticket_number=ticket.id,
        account=account,
        channel=channel,
        to=decided.identity.address[1],
        language=decided.language,
        message_id=message_id,
        reply_address=office.channels[channel].reply_address(account, token),
        delay=expected(decided, ticket, known, office),
        link=place,
        trace_id=draft.item.envelope.trace_id,
    )
    ticket.acknowledged = True
    ticket.added_messages += 1
    known.register(message_key(message_id), ticket, own=True)


def expected(decided: Acknowledgement, ticket: KnownTicket, known: Known, office: Office) -> str:
    """By when we expect to answer, in the words of the customer's language."""
    tier = ticket.identity.lately.tier if ticket.identity else ""
    due = office.outlook.answer_by(ticket.columns, tier or "standard", now=known.now)
    return receipt.before(due, known.now, decided.language)


def page_place(decided: Acknowledgement, ticket: KnownTicket, token: str, known: Known, office: Office) -> str:
    """Make a link to the ticket's page; '' where customers cannot reach us, or have the whole conversation at hand."""
    channel = office.channels[decided.identity.address[0]]
    if not office.settings.public_url or channel.elsewhere() is not None:
        return ""
    nonce = secrets.token_hex(16)
    decided.link = page_link.row(
        office.secret,
        nonce,
        ticket_id=ticket.id,
        address=decided.identity.address,
        reply_token=token,
        now=known.now,
        days=office.settings.portal.link_days,
    )
    return page_link.place(office.settings.base_url, nonce)
