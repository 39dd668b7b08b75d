"""Telling an agent something: a notice in the outbox, on the line that they chose or that they wrote on.

Enters: a member, a ticket's story, what is to be said. Leaves: a row of the outbox, in the caller's transaction. Where
a telephone may not be written to (STOP, a closed window without a template), it goes to the mailbox. May fail with what
the database raises.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import StaffLine, staff_lines
from config.database import to_json
from models.answer_window import window
from models.envelope import Address, Choice, OutboundMessage, Template
from models.seals import agent_code, agent_token, notice_id
from workers.batch import Office
from workers.staff import Member
from workers.story import Story


@dataclass(frozen=True, slots=True)
class Way:
    """How an agent is reached."""

    channel: str
    line: StaffLine
    account: str
    address: str
    closed: bool = False
    """Whether nothing but a template goes through."""


def language_of(member: Member, office: Office) -> str:
    """The language in which they are told."""
    return member.language or office.settings.triage.languages[0]


def zone_of(member: Member) -> ZoneInfo:
    """Their time zone."""
    try:
        return ZoneInfo(member.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def title_of(office: Office) -> Callable[[str, str], str]:
    """What people call the ways of the channels."""

    def title(channel: str, address: str) -> str:
        found = office.channels.get(channel)
        return found.title(address, "") if found else channel

    return title


def name_on(line: StaffLine, number: int, member: Member, office: Office) -> str:
    """How a ticket is named on a line: with its code where a sender's number proves little."""
    return f"#{number}-{agent_code(office.secret, number, member.id)}" if line.forgeable else f"#{number}"


def link_of(office: Office, number: int) -> str:
    """The ticket in the console."""
    return f"{office.settings.base_url}/console/{number}"


async def way_to(connection: AsyncConnection, member: Member, office: Office, *, prefer: str = "") -> Way | None:
    """The line that they are told by: `prefer`, else the chosen one, else their mailbox; None where none is open."""
    lines = staff_lines(office.channels)
    mailboxes = [name for name, (_channel, line) in lines.items() if not line.telephone]
    for name in dict.fromkeys((prefer, member.notify_channel, *mailboxes)):
        if name not in lines:
            continue
        channel, line = lines[name]
        account = office.settings.answering.accounts.get(name, line.account)
        address = line.address(member.email, member.telephone)
        if not account or not address:
            continue
        if not line.telephone:
            return Way(channel, line, account, address)
        standing = await window(connection, channel, account, address)
        if standing.stopped_at is None and (standing.closed_at is None or office.settings.answering.template):
            return Way(channel, line, account, address, closed=standing.closed_at is not None)
    return None


async def tell(
    connection: AsyncConnection,
    office: Office,
    member: Member,
    way: Way,
    *,
    key: str,
    subject: str,
    words: str,
    story: Story | None = None,
    number: int = 0,
    choices: tuple[Choice, ...] = (),
) -> None:
    """Queue it, once for each `key`. A mail about a ticket carries the address at which this agent may answer it."""
    secret, settings = office.secret, office.settings
    number = number or (story.number if story else 0)
    domain = settings.mail.domain or way.account.partition("@")[2] or "localhost"
    nonce = secrets.token_hex(8)
    message_id = notice_id(secret, number, member.id, nonce, domain) if number else f"{nonce}.notice@{domain}"
    token = agent_token(secret, number, member.id) if number else ""
    template = None
    if way.closed:
        given = (f"#{number}", (story.subject if story else "")[:60] or "-")
        template = Template(name=settings.answering.template, language=language_of(member, office), parameters=given)
    outbound = OutboundMessage(
        channel=way.channel,
        account=way.account,
        to=Address(way.address, "" if way.line.telephone else member.name),
        subject=subject,
        text=words,
        message_id=message_id,
        # A root that was never sent: all notices of a ticket hang on it, whichever of them a program has kept.
        references=(notice_id(secret, number, member.id, "root", domain),) if number else (),
        reply_address=office.channels[way.channel].reply_address(way.account, token) if token else "",
        automatic=True,
        template=template,
        choices=choices,
        language=language_of(member, office),
        trace_id=secrets.token_hex(16),
    )
    values: dict[str, Any] = {
        "key": key,
        "channel": way.channel,
        "lane": f"{way.channel}:{way.address}",
        "trace_id": outbound.trace_id,
        "ticket": number or None,
        "payload": to_json(outbound),
    }
    await connection.execute(_NOTICE, values)


_NOTICE = text(
    """
    INSERT INTO outbox (unique_key, kind, channel, lane, trace_id, ticket_id, payload)
    VALUES (:key, 'notice', :channel, :lane, :trace_id, :ticket, cast(:payload AS jsonb))
    ON CONFLICT (unique_key) DO NOTHING
    """
)
