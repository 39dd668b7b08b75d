"""What is kept of an agent's message that did not reach the customer, and what the agent is told of it.

Every function works inside the caller's transaction; it may fail with what the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from config.database import to_json
from models import notice
from models.envelope import Choice
from workers import notice_text
from workers.answer_case import Case, Taken
from workers.answer_words import MARK
from workers.commands import Said
from workers.told import language_of, link_of, tell, way_to

NOWHERE = frozenset(("no_ticket", "code", "locked", "which"))
"""Reasons for which words belong to no ticket."""


async def earlier(case: Case) -> Taken | None:
    """What became of the same message when it came by another route."""
    row: Any = (await case.connection.execute(_EARLIER, {"key": f"reply:answer:{case.once}"})).one_or_none()
    return Taken("duplicate", row.ticket_id, row.message_id) if row else None


async def mark(case: Case, message_id: int) -> None:
    """Show on a message how it came, and what proved it."""
    values = {"id": message_id, "inbox": case.item.claim.id, "reasons": to_json({"answer": case.proof})}
    await case.connection.execute(_MARK, values)


async def refuse(case: Case, code: str, detail: str, *, said: Said | None = None, kept: bool = True) -> Taken:
    """Keep it as a note that was not sent, and tell the agent why."""
    nowhere = code in NOWHERE or case.about is None or not kept
    number = case.about.number if case.about and not nowhere else None
    language = language_of(case.member, case.office)
    lines = notice_text.refused(
        code,
        detail,
        language=language,
        mistakes=said.mistakes if said else (),
        understood=[order.said for order in said.orders] if said else (),
        kept=number is not None,
    )
    message_id, repeated = await keep(case, number, code, lines[0])
    if repeated:
        return Taken("duplicate", number, message_id)
    limit = case.office.settings.answering.refusals_per_hour
    queued = await notice.lately(case.connection, case.member.id, "answer") < limit
    if queued:
        await say(case, lines)
    hints = [f"ticket:{number}"] if number else []
    return Taken("appended" if number else "machine", number, message_id, queued=queued, hints=hints)


async def keep(case: Case, number: int | None, code: str, reason: str, *, direction: str = "") -> tuple[int, bool]:
    """Write the message down. Its id, and whether it stood there already."""
    message, envelope = case.message, case.item.envelope
    mine = case.authentic
    values = {
        "ticket": number,
        "inbox": case.item.claim.id,
        "direction": direction or ("note" if number else "machine"),
        "channel": envelope.channel,
        "sender": case.member.actor.label if mine else message.sender.address,
        "name": case.member.name if mine else message.sender.name,
        "external": message.message_id,
        "subject": message.subject,
        "text": case.words or message.text,
        "proof": message.proof,
        "reasons": to_json({"answer": f"{code}: {reason}"}),
        "remarks": [reason, *message.remarks],
        "fingerprint": case.once,
        "trace": envelope.trace_id,
        "sent": message.sent_at,
        "received": envelope.received_at,
    }
    row: Any = (await case.connection.execute(_KEEP, values)).one_or_none()
    if row is None:
        found = await case.connection.scalar(_KEPT, {"fingerprint": case.once})
        return int(found or 0), True
    for file in case.files:
        columns = {
            "message": row.id,
            "filename": file.filename,
            "content_type": file.content_type,
            "size": len(file.content),
            "sha256": file.sha256,
            "inline": file.inline,
            "content_id": file.content_id,
            "content": file.content,
        }
        await case.connection.execute(_FILE, columns)
    if number:
        event = {"ticket": number, "actor": values["sender"] if mine else "answering", "kind": "unsent", "new": code}
        await case.connection.execute(_EVENT, event)
    return row.id, False


async def file_machine(case: Case) -> Taken:
    """An out-of-office notice or a bounce of the agent's: in the history, never on its way to a customer."""
    reason = case.message.machine or "A notice of the agent's mail program."
    number = case.about.number if case.about else None
    message_id, repeated = await keep(case, number, "machine", reason, direction="machine")
    return Taken("duplicate" if repeated else "machine", number, message_id)


async def warn(case: Case) -> None:
    """Somebody wrote in the agent's name with a wrong seal: say so, at most once an hour."""
    hour = f"{case.item.envelope.received_at:%Y%m%d%H}"
    if await notice.record(case.connection, case.member.id, None, source=f"forged:{hour}", kind="forged"):
        lines = notice_text.refused("forged", "", language=language_of(case.member, case.office), kept=False)
        await say(case, lines, record=False)


async def say(case: Case, lines: Sequence[str], *, choices: tuple[Choice, ...] = (), record: bool = True) -> None:
    """Tell the agent at once, on the line that they wrote on."""
    way = await way_to(case.connection, case.member, case.office, prefer=case.line.name)
    if way is None or not case.member.enabled:
        return
    language, about = language_of(case.member, case.office), case.about
    if record:
        await notice.record(
            case.connection,
            case.member.id,
            about.number if about else None,
            source=f"answer:{case.item.claim.id}",
            kind="answer",
            detail=lines[0],
        )
    seen = about if about and about.visible else None
    words = "\n".join(lines)
    if not way.line.telephone and seen:
        link = notice_text.words(language)["console"].format(link=link_of(case.office, seen.number))
        words = f"{MARK}{notice_text.words(language)['mark']}\n\n{words}\n\n{link}\n"
    elif way.line.telephone and seen:
        words = f"#{seen.number}: {words}"
    subject = notice_text.subject(seen, language) if seen else lines[0][:120]
    key = f"told:{case.member.id}:{case.item.claim.id}:{len(lines)}"
    await tell(
        case.connection,
        case.office,
        case.member,
        way,
        key=key,
        subject=subject,
        words=words,
        story=seen,
        choices=choices,
    )


_EARLIER = text("SELECT ticket_id, message_id FROM outbox WHERE unique_key = :key")
_MARK = text("UPDATE message SET inbox_id = :inbox, reasons = reasons || cast(:reasons AS jsonb) WHERE id = :id")
_KEEP = text(
    """
    WITH kept AS (
        INSERT INTO message (ticket_id, inbox_id, direction, channel, sender, sender_name, external_id, subject, text,
            proof, reasons, remarks, fingerprint, trace_id, sent_at, received_at)
        VALUES (:ticket, :inbox, :direction, :channel, :sender, :name, :external, :subject, :text, :proof,
            cast(:reasons AS jsonb), cast(:remarks AS text[]), cast(:fingerprint AS uuid), :trace,
            cast(:sent AS timestamptz), cast(:received AS timestamptz))
        ON CONFLICT (fingerprint) DO NOTHING RETURNING id, ticket_id
    ), counted AS (
        UPDATE ticket SET message_count = message_count + 1, updated_at = now() FROM kept
        WHERE ticket.id = kept.ticket_id
    )
    SELECT id FROM kept
    """
)
_KEPT = text("SELECT id FROM message WHERE fingerprint = cast(:fingerprint AS uuid)")
_FILE = text(
    """
    INSERT INTO attachment (message_id, filename, content_type, size, sha256, inline, content_id, content)
    VALUES (:message, :filename, :content_type, :size, :sha256, :inline, :content_id, :content)
    """
)
_EVENT = text("INSERT INTO ticket_event (ticket_id, actor, kind, old, new) VALUES (:ticket, :actor, :kind, '', :new)")
