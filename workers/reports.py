"""Delivery reports: what bounces, delays, receipts and statuses say becomes the state of the message they are about.

    '' → queued → unknown → sent → failed → delivered → read

A report counts only where it names a message that we really sent: anybody may send a bounce. States never go
backwards, in whatever order the reports come: a late "sent" does not undo "read", and what was delivered has not
failed. Enters: the drafts of a batch. May fail with what the database raises.
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
LATTICE = ("", "queued", "unknown", "sent", "failed", "delivered", "read")
REPORTED = frozenset(("sent", "failed", "delivered", "read"))


async def apply(connection: AsyncConnection, drafts: Sequence[Draft], known: Known) -> None:
    """Note the reports of the batch on the messages, and block addresses that are gone for good."""
    highest: dict[str, DeliveryReport] = {}
    for draft in drafts:
        report = draft.report
        if report is None or not report.message_id or report.state not in REPORTED:
            continue
        before = highest.get(report.message_id)
        if before is None or LATTICE.index(report.state) > LATTICE.index(before.state):
            highest[report.message_id] = report
    if not highest:
        return
    reports = [highest[name] for name in sorted(highest)]
    await connection.execute(
        _NOTE,
        {
            "ids": [report.message_id for report in reports],
            "states": [report.state for report in reports],
            "details": [f"{report.status} {report.reason}".strip()[:500] for report in reports],
            "lattice": list(LATTICE),
        },
    )
    for report in reports:
        if report.state == "failed" and (report.status.startswith("5.") or report.stopped):
            await _block(connection, report, known)


async def _block(connection: AsyncConnection, report: DeliveryReport, known: Known) -> None:
    """Write nothing automatic to an address that is gone, and nothing at all to one whose owner stopped us."""
    if report.stopped:
        await connection.execute(_STOP, {"id": report.message_id, "now": known.now})
        return
    values = {"now": known.now, "days": BLOCK_DAYS, "reason": f"bounced {report.status}"}
    await connection.execute(_BLOCK, {"id": report.message_id, **values})


_NOTE = text(
    """
    UPDATE message SET delivery = given.state, delivery_detail = given.detail
    FROM unnest(cast(:ids AS text[]), cast(:states AS text[]), cast(:details AS text[])) AS given (id, state, detail)
    WHERE message.external_id = given.id AND message.direction = 'out'
      AND array_position(cast(:lattice AS text[]), message.delivery)
        < array_position(cast(:lattice AS text[]), given.state)
    """
)
_BLOCK = text(
    """
    UPDATE identity
    SET blocked_until = cast(:now AS timestamptz) + make_interval(days => :days), blocked_reason = :reason
    FROM message
    WHERE message.external_id = :id AND message.direction = 'out' AND identity.id = message.identity_id
    """
)
_STOP = text(
    """
    UPDATE identity SET stopped_at = coalesce(stopped_at, cast(:now AS timestamptz))
    FROM message
    WHERE message.external_id = :id AND message.direction = 'out' AND identity.id = message.identity_id
    """
)
