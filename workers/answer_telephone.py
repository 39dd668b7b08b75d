"""An agent's answer by WhatsApp or SMS: which ticket, from which number, with which proof. See docs/answering.md.

Enters, leaves and fails as `workers.answer`. The number must be the agent's and verified, the provider's signature was
checked at the door. A message is taken as a customer's where it answers what we said to that very number as a
customer's, or begins with #client. Otherwise it is the agent's, and reaches nobody until it names its ticket.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import StaffLine
from models import answer_window, notice
from models.answer_window import Heard
from models.envelope import AttachedFile, Choice
from models.keys import message_key
from models.seals import agent_code, code_fits
from workers import answer_kept, notice_text
from workers.answer_case import Case, Taken
from workers.answer_words import Named, chosen, named
from workers.batch import Item, Office
from workers.commands import understand
from workers.fulfil import fulfil
from workers.staff import by_number
from workers.story import story
from workers.told import language_of

MOST_OFFERED = 9
"""Tickets that are offered for a choice."""


async def by_telephone(
    connection: AsyncConnection,
    item: Item,
    office: Office,
    line: StaffLine,
    files: tuple[AttachedFile, ...],
    lost: str = "",
) -> Taken | None:
    """Settle a message from a number that may be an agent's."""
    message = item.messages[0]
    if message.proof != "proved" or not message.conversation or message.inert or message.machine or message.consent:
        return None
    member = await by_number(connection, message.sender.address.removeprefix(line.before))
    if member is None or understand(message.reply_text).has("customer"):
        return None
    case = Case(connection, office, item, line, member, message.reply_text, None, (*message.attachments, *files))
    case.authentic, case.lost = True, lost
    given = named(message.reply_text)
    quoted = await _quoted(connection, item)
    if not member.enabled and not (quoted or given):
        return None  # a customer's number now
    await _hear(case)
    if message.changes:
        return await answer_kept.refuse(case, "changed", "", kept=False)
    if line.forgeable and await notice.lately(connection, member.id, "code") >= office.settings.answering.wrong_codes:
        return await answer_kept.refuse(case, "locked", "", kept=False)
    number = _named(case, given, quoted) if given or quoted else 0
    number = await _choice(case) or number
    if not number:
        return await _which(case)
    case.about = await story(connection, number, member.actor, most=0)
    own = f"{item.envelope.channel}:{message.sender.address}"
    if case.about and own in case.about.participants:
        return None  # their own request: there they are the customer
    return await _proved(case, number, given, quoted=bool(quoted))


def _named(case: Case, given: Named | None, quoted: int) -> int:
    """The ticket that the words or the quotation name; the words lose what names it."""
    if given and (not quoted or given.ticket == quoted):
        case.words = given.words
        return given.ticket
    return quoted


async def _proved(case: Case, number: int, given: Named | None, *, quoted: bool) -> Taken:
    """The last doubts: whether the agent may, and on lines on which numbers are forged, whether it is the agent."""
    office, member, line = case.office, case.member, case.line
    permitted = member.enabled and case.about is not None and case.about.visible
    if not permitted:
        case.about = case.about if quoted else None
        return await answer_kept.refuse(case, "forbidden" if quoted else "no_ticket", str(number))
    if line.forgeable and not code_fits(office.secret, given.code if given else "", number, member.id):
        return await _uncoded(case, number, tried=bool(given and given.code))
    if given and given.code and not line.forgeable and not code_fits(office.secret, given.code, number, member.id):
        case.words = f"{given.code} {case.words}"  # no code, but a word
    how = "quotes a notice of" if quoted else "names"
    case.proof = f"came from the verified number of agent:{member.id} by {line.title}, and {how} ticket {number}"
    return await fulfil(case)


async def _quoted(connection: AsyncConnection, item: Item) -> int:
    """The ticket of the message of ours that is quoted; 0 for none."""
    keys = [message_key(reference) for reference in item.messages[0].references]
    rows = list(await connection.execute(_QUOTED, {"keys": keys})) if keys else []
    return int(rows[-1].ticket_id) if len(rows) == 1 else 0


async def _uncoded(case: Case, number: int, *, tried: bool) -> Taken:
    """Nothing proves on such a line who wrote: tell the agent's own number how to."""
    if tried:
        source = f"code:{case.item.claim.id}"
        await notice.record(case.connection, case.member.id, None, source=source, kind="code")
    code = agent_code(case.office.secret, number, case.member.id)
    return await answer_kept.refuse(case, "code", f"#{number}-{code}")


async def _choice(case: Case) -> int:
    """The ticket that answers our question: the words that wait are taken up. 0 where it answers none."""
    if case.line.forgeable:
        return 0  # whoever forges a number can guess a digit
    lane = f"{case.item.envelope.channel}:{case.message.sender.address}"
    minutes = case.office.settings.answering.question_minutes
    waiting = await notice.question(case.connection, lane, case.member.id, minutes=minutes)
    number = chosen(case.message.reply_text, waiting.tickets) if waiting else None
    if waiting is None or number is None:
        return 0
    rows = list(await case.connection.execute(_HELD, {"ids": list(waiting.messages)}))
    files = await case.connection.execute(_HELD_FILES, {"ids": list(waiting.messages)})
    case.words = "\n".join(row.text for row in rows if row.text)
    case.files = tuple(AttachedFile(**row._mapping) for row in files)
    await notice.answered(case.connection, lane)
    return number


async def _which(case: Case) -> Taken:
    """Keep the words, and ask which ticket they are for."""
    connection, office, member = case.connection, case.office, case.member
    language = language_of(member, office)
    text_of = notice_text.words(language)
    rows: list[Any] = await notice.offered(connection, member.actor, most=MOST_OFFERED)
    message_id, repeated = await answer_kept.keep(case, None, "which", "It names no ticket.")
    if repeated:
        return Taken("duplicate", None, message_id)
    lane = f"{case.item.envelope.channel}:{case.message.sender.address}"
    held: tuple[int, ...] = (message_id,)
    if not case.line.forgeable and rows:
        minutes = office.settings.answering.question_minutes
        waiting = await notice.question(connection, lane, member.id, minutes=minutes)
        held = (*(waiting.messages if waiting else ()), message_id)
        await notice.ask(connection, lane, member.id, held, [row.id for row in rows])
    if len(held) == 1:
        names = [_name(case, row.id) for row in rows]
        shown = [
            f"{name} {row.contact or row.answer_address}: {row.subject[:60]}"
            for name, row in zip(names, rows, strict=True)
        ]
        head = text_of["which_code" if case.line.forgeable else "which"] if rows else text_of["which_none"]
        choices = () if case.line.forgeable else tuple(Choice(id=name, title=name) for name in names)
        await answer_kept.say(case, [head, *shown], choices=choices)
    return Taken("machine", None, message_id, queued=len(held) == 1)


def _name(case: Case, number: int) -> str:
    if not case.line.forgeable:
        return f"#{number}"
    return f"#{number}-{agent_code(case.office.secret, number, case.member.id)}"


async def _hear(case: Case) -> None:
    """Note that the agent wrote: their own line may be answered freely for a while."""
    message, envelope = case.message, case.item.envelope
    if message.conversation:
        at = message.sent_at or envelope.received_at
        one = Heard(envelope.channel, envelope.account, message.sender.address, "", at, message.answer_until)
        await answer_window.heard(case.connection, [one])


_QUOTED = text(
    """
    SELECT DISTINCT coalesce(ticket.merged_into, ticket.id) AS ticket_id
    FROM thread_key JOIN ticket ON ticket.id = thread_key.ticket_id
    WHERE thread_key.key = ANY(:keys) AND thread_key.own
    """
)
_HELD = text("SELECT text FROM message WHERE id = ANY(:ids) ORDER BY id")
_HELD_FILES = text(
    """
    SELECT filename, content_type, content, inline, content_id FROM attachment
    WHERE message_id = ANY(:ids) AND content IS NOT NULL ORDER BY id
    """
)
