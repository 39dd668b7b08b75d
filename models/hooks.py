"""Subscriptions of webhooks and what became of their deliveries: made, changed, shown, told again.

All functions work inside the caller's transaction, and raise only what the database raises. A secret is made from the
installation's key and the subscription's nonce, so that no copy of the database holds one.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

OVERLAP_HOURS = 24
"""For so long after a change of secret, deliveries are signed with both."""


def secret_of(key: bytes, subscription: int, nonce: str) -> str:
    """A subscription's secret, as its owner is given it: whsec_ and 32 bytes in base64 (Standard Webhooks)."""
    raw = hmac.digest(key, f"webhook\0{subscription}\0{nonce}".encode(), "sha256")
    return "whsec_" + base64.b64encode(raw).decode()


async def add(
    connection: AsyncConnection,
    *,
    url: str,
    description: str,
    events: Sequence[str],
    every_team: bool,
    teams: Sequence[str],
    by: str,
) -> Any:
    """Make a subscription. Returns its row."""
    values = {"url": url, "description": description, "events": list(events), "every_team": every_team}
    values |= {"teams": list(teams), "nonce": secrets.token_hex(16), "by": by}
    await connection.execute(_BEGIN)
    return (await connection.execute(_ADD, values)).one()


async def listed(connection: AsyncConnection) -> Sequence[Any]:
    """All subscriptions."""
    return (await connection.execute(text(f"{_SELECT} ORDER BY id"))).all()


async def one(connection: AsyncConnection, subscription: int, *, lock: bool = False) -> Any | None:
    """One subscription."""
    query = f"{_SELECT} WHERE id = :id{' FOR UPDATE' if lock else ''}"
    return (await connection.execute(text(query), {"id": subscription})).one_or_none()


async def change(connection: AsyncConnection, subscription: int, values: dict[str, Any]) -> None:
    """Set columns: url, description, events, every_team, teams, enabled. To enable it clears its failures."""
    values = dict(values)
    enabled = values.pop("enabled", None)
    if values:
        names = ", ".join(f"{name} = :{name}" for name in values if name in _CHANGEABLE)
        await connection.execute(
            text(f"UPDATE webhook_subscription SET {names} WHERE id = :id"), {**values, "id": subscription}
        )
    if enabled:
        await connection.execute(_BEGIN)
    if enabled is not None:
        await connection.execute(_ENABLE if enabled else _DISABLE, {"id": subscription, "reason": "by hand"})


async def disable(connection: AsyncConnection, subscription: int, reason: str) -> None:
    """Tell it nothing more."""
    await connection.execute(_DISABLE, {"id": subscription, "reason": reason})


async def rotate(connection: AsyncConnection, subscription: int) -> str:
    """Give it a new secret; the one before signs beside it for a day. Returns the new nonce."""
    nonce = secrets.token_hex(16)
    await connection.execute(_ROTATE, {"id": subscription, "nonce": nonce, "hours": OVERLAP_HOURS})
    return nonce


async def remove(connection: AsyncConnection, subscription: int) -> bool:
    """Delete it with all that was to be told to it. False where there is none."""
    return bool((await connection.execute(_REMOVE, {"id": subscription})).rowcount)


async def test(connection: AsyncConnection, subscription: int) -> int:
    """Tell it that somebody asked for a test. Returns the delivery's id."""
    key = f"test_{secrets.token_hex(12)}"
    now = (await connection.execute(text("SELECT now()"))).scalar_one()
    payload = msgspec.json.encode({"type": "webhook.test", "timestamp": now, "data": {"subscription": subscription}})
    values = {"key": key, "payload": payload.decode(), "id": subscription}
    return int((await connection.execute(_TEST, values)).scalar_one())


async def deliveries(
    connection: AsyncConnection, subscription: int, *, after: int | None, limit: int, state: str = ""
) -> Sequence[Any]:
    """What it was told, newest first; one more than `limit` where there are more."""
    values = {"id": subscription, "after": after, "limit": limit + 1, "state": state}
    return (await connection.execute(_DELIVERIES, values)).all()


async def attempts(connection: AsyncConnection, delivery_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Every try of these deliveries, oldest first, by delivery."""
    found: dict[int, list[dict[str, Any]]] = {delivery: [] for delivery in delivery_ids}
    for row in await connection.execute(_ATTEMPTS, {"ids": list(delivery_ids)}):
        found[row.delivery_id].append({n: value for n, value in row._mapping.items() if n != "delivery_id"})
    return found


async def replay(
    connection: AsyncConnection, subscription: int, *, delivery: int | None = None, since: Any = None
) -> int:
    """Tell it again: one delivery, or all that failed (since then). Returns how many there are."""
    values = {"id": subscription, "delivery": delivery, "since": since}
    return int((await connection.execute(_REPLAY, values)).rowcount)


_CHANGEABLE = frozenset(("url", "description", "events", "every_team", "teams"))
_COLUMNS = (
    "id, url, description, events, every_team, teams, created_by, created_at, failing_since, disabled_at,"
    " disabled_reason, nonce"
)
_SELECT = f"SELECT {_COLUMNS} FROM webhook_subscription"
_ADD = text(
    f"""
    INSERT INTO webhook_subscription (url, description, events, every_team, teams, nonce, created_by)
    VALUES (:url, :description, :events, :every_team, :teams, :nonce, :by) RETURNING {_COLUMNS}
    """
)
_BEGIN = text(
    """
    INSERT INTO webhook_cursor (name, position)
    SELECT 'ticket_event', CASE WHEN is_called THEN last_value ELSE 0 END FROM ticket_event_id_seq
    UNION ALL SELECT 'message', CASE WHEN is_called THEN last_value ELSE 0 END FROM message_id_seq
    ON CONFLICT (name) DO NOTHING
    """
)
"""Where telling begins, where nobody was told before: with what is drawn from now on."""
_ENABLE = text(
    """
    UPDATE webhook_subscription SET disabled_at = NULL, disabled_reason = '', failing_since = NULL WHERE id = :id
    """
)
_DISABLE = text(
    """
    UPDATE webhook_subscription SET disabled_at = now(), disabled_reason = :reason
    WHERE id = :id AND disabled_at IS NULL
    """
)
_ROTATE = text(
    """
    UPDATE webhook_subscription SET previous_nonce = nonce, nonce = :nonce,
        previous_until = now() + make_interval(hours => :hours)
    WHERE id = :id
    """
)
_REMOVE = text("DELETE FROM webhook_subscription WHERE id = :id")
_TEST = text(
    """
    WITH event AS (
        INSERT INTO webhook_event (key, kind, payload) VALUES (:key, 'webhook.test', :payload) RETURNING id
    )
    INSERT INTO webhook_delivery (subscription_id, event_id) SELECT cast(:id AS bigint), id FROM event RETURNING id
    """
)
_DELIVERIES = text(
    """
    SELECT delivery.id, event.key AS event, event.kind, event.ticket_id AS ticket, delivery.state, delivery.attempts,
        delivery.due_at, delivery.last_status, delivery.last_error, delivery.created_at, delivery.settled_at
    FROM webhook_delivery AS delivery JOIN webhook_event AS event ON event.id = delivery.event_id
    WHERE delivery.subscription_id = :id AND (cast(:after AS bigint) IS NULL OR delivery.id < :after)
      AND (cast(:state AS text) = '' OR delivery.state = :state)
    ORDER BY delivery.id DESC LIMIT :limit
    """
)
_ATTEMPTS = text(
    "SELECT delivery_id, at, status, milliseconds, error FROM webhook_attempt WHERE delivery_id = ANY(:ids) ORDER BY id"
)
_REPLAY = text(
    """
    UPDATE webhook_delivery SET state = 'pending', due_at = now(), attempts = 0, settled_at = NULL
    WHERE subscription_id = :id AND (
        id = cast(:delivery AS bigint)
        OR cast(:delivery AS bigint) IS NULL AND state = 'dead'
           AND (cast(:since AS timestamptz) IS NULL OR created_at >= :since))
    """
)
