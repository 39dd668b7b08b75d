"""What settling would make of a message, without settling it: for `guichet explain`.

Enters: an envelope and what reading gave. Leaves: outcome, ticket and reason for the first message. The steps are
`settle`'s own, on what the database knows; its transaction is rolled back, so nothing is stored and no lock outlasts
the look. Where no database answers, that is the reason, and the rest of the batch is not kept waiting for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from channels import Channel
from config import secret
from config.database import Database, connect
from config.embedded import EngineError, urls
from config.settings import Settings
from models.envelope import Envelope, InboundMessage
from models.ledger import Claim
from workers.batch import Draft, Item, Office
from workers.known import Known, load
from workers.outlook import Outlook
from workers.rules import Rules
from workers.settle import decide, drafts_of, wanted

_NOT_NOW = (SQLAlchemyError, OSError, TimeoutError)
_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '2s'")


class Foresight:
    """Looks up what a message would become. `close` it."""

    def __init__(self, settings: Settings, channels: Mapping[str, Channel], rules: Rules) -> None:
        self._office = Office(settings, channels, rules, _existing_key(settings), Outlook.of(settings))
        self._database, self._missing = _reachable(settings)

    async def of(self, envelope: Envelope, messages: Sequence[InboundMessage]) -> dict[str, object]:
        """`outcome` (ticket, appended, duplicate, machine, or '' where nobody knows), `ticket`, `ticket_reason`."""
        draft = drafts_of(Item(Claim(0, 0), envelope, tuple(messages)), self._office)[0]
        if self._database is None:
            return _unknown(messages[0], self._missing)
        try:
            known = await self._look(self._database, draft)
        except _NOT_NOW as error:
            self._missing = f"the database does not answer ({type(error).__name__})"
            await self.close()
            return _unknown(messages[0], self._missing)
        decide(draft, known, self._office, {})
        return _told(draft)

    async def _look(self, database: Database, draft: Draft) -> Known:
        async with database.engine.connect() as connection:
            await connection.execute(_LOCK_TIMEOUT)
            return await load(connection, wanted([draft], self._office), limits=self._office.settings.acknowledge)

    async def close(self) -> None:
        """Close every connection."""
        if self._database is not None:
            await self._database.dispose()
        self._database = None


def _existing_key(settings: Settings) -> bytes:
    """The installation's key; where there is none yet one that seals nothing, since looking makes no files."""
    exists = settings.secret.get_secret_value() or (settings.var / "secret").exists()
    return secret.key(settings) if exists else secrets.token_bytes(32)


def _reachable(settings: Settings) -> tuple[Database | None, str]:
    """The database of these settings, or why there is none."""
    try:
        url = settings.database_url or urls(settings)[0]
    except EngineError:
        return None, "no database is running or named"
    return connect(url, pool=1, name="guichet-explain"), ""


def _unknown(message: InboundMessage, missing: str) -> dict[str, object]:
    named = ", ".join(f"<{reference}>" for reference in message.references[-3:])
    reason = f"not looked up: {missing}; {f'it answers {named}' if named else 'it answers nothing'}"
    return {"outcome": "", "ticket": None, "ticket_reason": reason}


def _told(draft: Draft) -> dict[str, object]:
    number = draft.ticket.id if draft.ticket is not None and draft.ticket.id else None
    if draft.duplicate_of is not None:
        message, number = draft.duplicate_of
        reason = f"it says what message {message} says"
    else:
        reason = draft.reasons.get("thread", "")
    return {"outcome": draft.outcome, "ticket": number, "ticket_reason": reason}
