"""Delivery reports: what bounces, delays and receipts say becomes the state of the message that they are about.

A report counts only where it names a message that we really sent: anybody may send a bounce. States never go
backwards (a late "sent" does not undo "read").
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.batch import Draft
from workers.known import Known

BLOCK_DAYS = 60
"""No automatic message goes to an address that bounced, for so long (rule A16)."""


async def apply(connection: AsyncConnection, drafts: Sequence[Draft], known: Known) -> None:
    """Note the reports of the batch on the messages, and block addresses that are gone for good."""
    for draft in drafts:
        report = draft.report
        if report is None or not report.message_id or report.state not in _RANK:
            continue
        values = {"id": report.message_id, "state": report.state, "detail": f"{report.status} {report.reason}".strip()}
        await connection.execute(_NOTE, values)
        if report.state == "failed" and report.status.startswith("5"):
            await connection.execute(
                _BLOCK,
                {"id": report.message_id, "now": known.now, "days": BLOCK_DAYS, "reason": f"bounced {report.status}"},
            )


_RANK = ("sent", "delivered", "read", "failed")
_NOTE = text(
    """
    UPDATE message SET delivery = :state, delivery_detail = left(:detail, 500)
    WHERE external_id = :id AND direction = 'out'
      AND coalesce(array_position(ARRAY['', 'queued', 'unknown', 'sent', 'delivered', 'read', 'failed'], delivery), 0)
        < array_position(ARRAY['', 'queued', 'unknown', 'sent', 'delivered', 'read', 'failed'], :state)
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
