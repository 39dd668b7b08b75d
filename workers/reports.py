"""What became of our messages: the states that deliveries and reports give them, events of their tickets, blocks.

    '' → queued → unknown → sent → delayed → failed → delivered → read

A report counts only where it names a message that we really sent: anybody may send a bounce. States never go
backwards, in whatever order the reports come: a late "sent" does not undo "read", and what was delivered has not
failed. What an agent should know of becomes a line of the ticket's history: delayed, failed, unknown, and complaints.
Who complained, or has no mailbox any more, gets nothing automatic; who said STOP gets nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.envelope import DeliveryReport
from workers.batch import Draft
from workers.known import Known

BLOCK_DAYS = 60
"""No automatic message goes to an address that bounced, for so long (rule A16)."""
COMPLAINT_DAYS = 36_500
"""Nor ever to one whose owner complained, unless somebody lifts the block."""
LATE_MINUTES = 15
"""A delivery that takes longer is shown as delayed."""
LATTICE = ("", "queued", "unknown", "sent", "delayed", "failed", "delivered", "read")
REPORTED = frozenset(("sent", "delayed", "failed", "delivered", "read"))


async def apply(connection: AsyncConnection, drafts: Sequence[Draft], known: Known) -> None:
    """Note the reports of the batch on the messages, and block addresses that must get nothing more."""
    reports = [draft.report for draft in drafts if draft.report and draft.report.message_id]
    reports = [report for report in reports if report.state in REPORTED]
    if not reports:
        return
    highest: dict[str, DeliveryReport] = {}
    for report in reports:
        before = highest.get(report.message_id)
        if before is None or LATTICE.index(report.state) > LATTICE.index(before.state):
            highest[report.message_id] = report
    last = [highest[name] for name in sorted(highest)]
    columns = {
        "ids": [report.message_id for report in last],
        "states": [report.state for report in last],
        "details": [f"{report.status} {report.reason}".strip()[:500] for report in last],
    }
    await connection.execute(_REPORTED, columns)
    for report in reports:
        await _draw_conclusions(connection, report, known)


async def _draw_conclusions(connection: AsyncConnection, report: DeliveryReport, known: Known) -> None:
    """Write nothing automatic to whom it annoys or does not reach, and nothing at all to whom stopped us."""
    if report.stopped:
        await connection.execute(_STOP, {"id": report.message_id, "now": known.now})
    elif report.complaint:
        await connection.execute(_COMPLAINED, {"id": report.message_id, "detail": report.reason[:200]})
        await _block(connection, report.message_id, known, COMPLAINT_DAYS, "complaint")
    elif report.state == "failed" and report.status.startswith("5."):
        await _block(connection, report.message_id, known, BLOCK_DAYS, f"bounced {report.status}")


async def _block(connection: AsyncConnection, message_id: str, known: Known, days: int, reason: str) -> None:
    await connection.execute(_BLOCK, {"id": message_id, "now": known.now, "days": days, "reason": reason})


async def note(connection: AsyncConnection, message_id: int | None, state: str, detail: str) -> None:
    """Show on a message how its delivery ended; a report that came first is not undone."""
    if message_id is not None:
        await connection.execute(_NOTED, {"id": message_id, "state": state, "detail": detail[:500]})


async def sent(connection: AsyncConnection, messages: Sequence[tuple[int | None, str]]) -> None:
    """Show on messages (id, detail) that they were handed over; a report that came first is not undone."""
    known = [(number, detail[:500]) for number, detail in messages if number is not None]
    columns = {"ids": [number for number, _detail in known], "details": [detail for _number, detail in known]}
    await connection.execute(_SENT, columns)


async def delay(connection: AsyncConnection, outbox_id: int, *, seconds: float, detail: str) -> None:
    """Show a message as delayed where its next attempt, in `seconds`, would come late."""
    values = {"id": outbox_id, "seconds": seconds, "late": LATE_MINUTES, "detail": detail[:500]}
    await connection.execute(_DELAYED, values)


async def gone(connection: AsyncConnection, message_id: int | None, detail: str) -> None:
    """Block the address that a message went to: it does not exist."""
    if message_id is not None:
        reason = f"bounced {detail}"[:200]
        await connection.execute(_GONE, {"id": message_id, "days": BLOCK_DAYS, "reason": reason})


_RANKS = f"ARRAY[{', '.join(repr(state) for state in LATTICE)}]"
_EVENT = """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT ticket_id, 'delivery', 'delivery', old, new FROM changed
    WHERE ticket_id IS NOT NULL AND new IN ('delayed', 'failed', 'unknown') AND new <> old
"""
_REPORTED = text(
    f"""
    WITH before AS (
        SELECT message.id, delivery, given.state, given.detail
        FROM message JOIN unnest(cast(:ids AS text[]), cast(:states AS text[]), cast(:details AS text[]))
            AS given (id, state, detail) ON message.external_id = given.id
        WHERE direction = 'out' FOR UPDATE OF message
    ), changed AS (
        UPDATE message SET delivery = before.state, delivery_detail = before.detail FROM before
        WHERE message.id = before.id
          AND coalesce(array_position({_RANKS}, before.delivery), 0) < array_position({_RANKS}, before.state)
        RETURNING ticket_id, before.delivery AS old, message.delivery AS new
    ) {_EVENT}
    """
)
_SENT = text(
    """
    UPDATE message SET delivery = 'sent', delivery_detail = given.detail
    FROM unnest(cast(:ids AS bigint[]), cast(:details AS text[])) AS given (id, detail)
    WHERE message.id = given.id AND delivery IN ('', 'queued', 'unknown', 'delayed')
    """
)
_NOTED = text(
    f"""
    WITH before AS (
        SELECT id, delivery FROM message WHERE id = :id AND delivery IN ('', 'queued', 'unknown', 'delayed') FOR UPDATE
    ), changed AS (
        UPDATE message SET delivery = :state, delivery_detail = :detail FROM before WHERE message.id = before.id
        RETURNING ticket_id, before.delivery AS old, message.delivery AS new
    ) {_EVENT}
    """
)
_DELAYED = text(
    f"""
    WITH before AS (
        SELECT message.id, delivery FROM message JOIN outbox ON outbox.message_id = message.id
        WHERE outbox.id = :id AND delivery IN ('', 'queued')
          AND outbox.created_at + make_interval(mins => :late) <= now() + make_interval(secs => :seconds)
        FOR UPDATE OF message
    ), changed AS (
        UPDATE message SET delivery = 'delayed', delivery_detail = :detail FROM before WHERE message.id = before.id
        RETURNING ticket_id, before.delivery AS old, message.delivery AS new
    ) {_EVENT}
    """
)
_COMPLAINED = text(
    """
    INSERT INTO ticket_event (ticket_id, actor, kind, old, new)
    SELECT ticket_id, 'delivery', 'complaint', '', :detail FROM message
    WHERE external_id = :id AND direction = 'out' AND ticket_id IS NOT NULL
    """
)
_BLOCKED = "blocked_until = greatest(blocked_until, {now} + make_interval(days => :days)), blocked_reason = :reason"
_BLOCK = text(
    f"""
    UPDATE identity SET {_BLOCKED.format(now="cast(:now AS timestamptz)")} FROM message
    WHERE message.external_id = :id AND message.direction = 'out' AND identity.id = message.identity_id
    """
)
_GONE = text(
    f"""
    UPDATE identity SET {_BLOCKED.format(now="now()")} FROM message
    WHERE message.id = :id AND identity.id = message.identity_id
    """
)
_STOP = text(
    """
    UPDATE identity SET stopped_at = coalesce(stopped_at, cast(:now AS timestamptz))
    FROM message
    WHERE message.external_id = :id AND message.direction = 'out' AND identity.id = message.identity_id
    """
)
