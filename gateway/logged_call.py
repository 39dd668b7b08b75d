"""`guichet call`: an agent's note of a call, taken in by the one way in.

Enters: what the agent typed. Leaves: what became of it. May fail: `CallError`, with the exit status that says whether
trying again helps.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels import Busy, load
from config.broker import bell, broker
from config.database import connect
from config.objects import Objects
from config.settings import Settings
from gateway.accept import Inbox
from models.envelope import Outcome

WAIT_SECONDS = 5.0
"""How long the ticket's number is waited for."""
WRONG, LATER = 1, 75
"""Exit statuses; 75 is EX_TEMPFAIL."""


class CallError(Exception):
    """The call was not stored."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


async def log_call(settings: Settings, database_url: str, redis_url: str, note: Mapping[str, str]) -> Outcome:
    """Store the call. `note`: number, text, subject, name, agent, direction, minutes."""
    try:
        raw = next(filter(None, (channel.noted(note) for channel in load(settings).values())), None)
    except ValueError as error:
        raise CallError(str(error), WRONG) from error
    if raw is None:
        raise CallError("no channel of the settings takes notes of calls", WRONG)
    database = connect(database_url, pool=2, name="guichet-call")
    ringing = bell(broker(redis_url), "inbox")
    inbox = Inbox(database, Objects(settings), settings, ringing.ring)
    try:
        await inbox.store_together([raw], _nothing_else)
        envelope = raw.envelope
        outcome = await inbox.outcome(envelope.channel, envelope.account, envelope.external_id, wait=WAIT_SECONDS)
    except Busy as error:
        raise CallError(f"nothing was stored: {error}", LATER) from error
    finally:
        ringing.close()
        await database.dispose()
    return outcome or Outcome(kind="pending")


async def _nothing_else(_connection: object) -> None:
    """Nothing is to be done beside storing it."""
