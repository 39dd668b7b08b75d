"""An agent's answer from their own mail program or telephone: proved, understood, and relayed, or kept unsent.

Enters: an item that may be an agent's (`Staff.concerns`), read, alone in its transaction. Leaves: the answer in the
ticket and in the outbox, what its commands did, and the item done; or a note that says why nothing was sent, and a
notice to the agent. None where it is no agent's after all: then it is settled as anybody's. May fail with what the
database raises, or `FencedError`; then nothing has changed.
"""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from channels import StaffLine
from config.faults import crash_point
from models.envelope import AttachedFile, InboundMessage
from models.ledger import complete
from models.seals import Named, notice_named, token_named, token_sealed
from workers import answer_kept, answer_proof
from workers.answer_case import Case, Taken
from workers.answer_telephone import by_telephone
from workers.batch import Item, Office
from workers.commands import understand
from workers.fulfil import fulfil
from workers.staff import by_email, by_id, line_of
from workers.story import Story, story
from workers.write import FencedError

WRONG_SEAL = "It came to an agent's reply address, and nothing shows that an agent wrote it: no customer got it."


async def take(
    connection: AsyncConnection, item: Item, office: Office, files: tuple[AttachedFile, ...], lost: str = ""
) -> Taken | None:
    """Settle an item that may be an agent's. `files`: those that its provider kept; `lost`: why one is missing."""
    line = line_of(office, item)
    if line is None:
        return None
    if line.telephone:
        taken = await by_telephone(connection, item, office, line, files, lost)
    else:
        taken = await _by_mail(connection, item, office, line)
    if taken is None:
        return None
    crash_point("X9")
    done = await complete(
        connection,
        "inbox",
        [item.claim],
        outcome=[taken.outcome],
        ticket_id=[taken.ticket_id],
        message_id=[taken.message_id],
    )
    if not done:
        raise FencedError("the item was claimed by somebody else")
    return taken


async def _by_mail(connection: AsyncConnection, item: Item, office: Office, line: StaffLine) -> Taken | None:
    message, secret = item.messages[0], office.secret
    sealed = token_sealed(secret, message.reply_token)
    named = sealed or token_named(message.reply_token) or _noticed(message, secret)
    owner = await by_id(connection, named.agent) if named else None
    if named is None or owner is None:
        return None
    own = owner.email.lower() == message.sender.address.lower()
    colleague = None if own else await by_email(connection, message.sender.address)
    trusted = answer_proof.authentic(message, item.envelope, office.settings.answering.inner_relays)
    writer = owner if own else colleague or owner
    about = await story(connection, named.ticket, writer.actor, most=0)
    permitted = writer.enabled and about is not None and about.visible
    verdict = answer_proof.mail(
        sealed=sealed is not None, own=own, authentic=trusted, permitted=permitted, colleague=colleague is not None
    )
    case = Case(connection, office, item, line, writer, message.reply_text, about, message.attachments)
    case.authentic = trusted and (own or colleague is not None)
    case.proof = (
        f"came to the reply address made for agent:{owner.id} and ticket {named.ticket}; {message.proof_reason}"
    )
    if verdict == answer_proof.STRANGER:
        if own and not (message.machine or message.inert):
            await answer_kept.warn(case)
        return None
    if verdict == "writer" and colleague is None and about is not None and _takes_part(message, item, office, about):
        return None  # a customer to whom the agent's address was passed on writes as a customer
    if message.machine or message.inert:
        return await answer_kept.file_machine(case)
    if verdict:
        detail = message.sender.address if verdict == "writer" else message.proof_reason or message.proof
        return await answer_kept.refuse(case, verdict, detail)
    return await fulfil(case)


def _noticed(message: InboundMessage, secret: bytes) -> Named | None:
    """What the latest notice of ours was about that it answers."""
    found = (notice_named(secret, reference) for reference in reversed(message.references))
    return next(filter(None, found), None)


def _takes_part(message: InboundMessage, item: Item, office: Office, about: Story) -> bool:
    channel = item.envelope.channel
    return f"{channel}:{office.channels[channel].mailbox(message.sender.address)}" in about.participants


def as_anybody(item: Item, line: StaffLine | None) -> Item:
    """The item as one that is no agent's: without the word #client; what came to an agent's address says so."""
    [message] = item.messages
    if line is not None and line.telephone:
        said = understand(message.reply_text)
        if said.has("customer"):
            message = msgspec.structs.replace(message, text=said.words, reply_text=said.words)
    elif token_named(message.reply_token):
        remarks, rule = (*message.remarks, WRONG_SEAL), message.machine_rule or "A12"
        message = msgspec.structs.replace(message, remarks=remarks, machine_rule=rule, reply_token="")
    return Item(item.claim, item.envelope, (message,), item.stored)
