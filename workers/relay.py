"""Relay: an agent's answer goes out on the channel that the customer came by.

Enters: a ticket's number and what the agent wrote. Leaves: what `models.answer` queues, and how far the ticket's
conversation was answered, in the caller's transaction. May fail: `NoTicketError`, `NoWayOutError`, or what the database
raises.
"""

from __future__ import annotations

import secrets

from sqlalchemy.ext.asyncio import AsyncConnection

from channels.sealing import Sealing
from models import conversation
from models.answer import Answer, NoAnswer, NoTicket, post
from workers.batch import Office


class NoTicketError(LookupError):
    """There is no ticket of that number."""


class NoWayOutError(LookupError):
    """The ticket names no channel or no address that answers could go to."""


async def relay(connection: AsyncConnection, office: Office, number: int, words: str, *, agent: str) -> int:
    """Queue `words` of `agent` (a name that customers may read) to the customer. Returns the message's id."""
    seals = Sealing(office.secret, office.channels, domain=office.settings.mail.domain)
    answer = Answer(ticket=number, author=f"agent:{agent}", name=agent, text=words)
    try:
        posted = await post(connection, answer, seals=seals, trace_id=secrets.token_hex(16))
    except NoTicket as error:
        raise NoTicketError(str(error)) from error
    except NoAnswer as error:
        raise NoWayOutError(str(error)) from error
    channel = office.channels.get(posted.channel)
    if channel is None:
        raise NoWayOutError(f"ticket {number} cannot be answered: {posted.channel}")
    if posted.conversation and channel.elsewhere() is not None:
        await conversation.answered(connection, posted.conversation, posted.message)
    return posted.message
