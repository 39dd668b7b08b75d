"""The judge: after a campaign, is everything that was accepted there, exactly once, in the right ticket?"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from config.database import connect
from models.balance import balance
from tests.chaos.relay import Mailbox
from tests.chaos.witness import Witness


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts that must be 0, but for `accepted`, `acknowledged` and `unsure`."""

    accepted: int
    refused: int
    unanswered: int
    lost: int
    doubled: int
    misthreaded: int
    difference: int
    quarantined: int
    pending: int
    acknowledged: int
    acknowledged_twice: int
    unsure: int
    """Acknowledgements that may or may not have arrived when a worker died in the air: not sent again."""
    untold: int
    """Messages that a provider took, and whose state is not the last one that it told of."""
    slowest_seconds: float
    missing: tuple[str, ...] = ()
    """Of the lost: id, and the state of the inbox item that holds it, if there is one."""

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        wrong = (self.lost, self.doubled, self.misthreaded, self.difference, self.quarantined, self.pending)
        return not any((*wrong, self.acknowledged_twice, self.refused, self.unanswered, self.untold))


async def judge(witness: Witness, mailbox: Mailbox, database_url: str) -> Verdict:
    """Compare what the senders were told with what the tables hold."""
    database = connect(database_url, pool=1)
    async with database.engine.connect() as connection:
        stored = {(row.name, row.ticket_id, row.times) for row in await connection.execute(_STORED)}
        tickets = {row.subject: row.times for row in await connection.execute(_TICKETS)}
        balances = await balance(connection)
        [outbox] = await connection.execute(_OUTBOX)
        lines = (await connection.execute(_READ)).scalar_one()
        slowest = (await connection.execute(_SLOWEST)).scalar_one()
        names = {name for name, _ticket, _times in stored}
        absent = [sent.id for sent in witness.sent.values() if sent.accepted and sent.id not in names]
        missing = [
            f"{name}: {[tuple(row) for row in await connection.execute(_HELD, {'name': name})]}" for name in absent[:10]
        ]
    await database.dispose()
    where = {name: ticket_id for name, ticket_id, _times in stored}
    times = {name: count for name, _ticket, count in stored}
    accepted = [sent for sent in witness.sent.values() if sent.accepted]
    recipients = mailbox.recipients + witness.providers.recipients
    return Verdict(
        accepted=len(accepted),
        refused=sum(bool(sent.refused) for sent in witness.sent.values()),
        unanswered=sum(not sent.accepted and not sent.refused for sent in witness.sent.values()),
        lost=sum(sent.id not in where for sent in accepted),
        doubled=sum(times.get(s.id, 0) > 1 or (s.id == s.root and tickets.get(s.root, 0) > 1) for s in accepted),
        misthreaded=sum(where.get(sent.id) != where.get(sent.root) for sent in accepted if sent.root in where),
        difference=sum(abs(row.difference) for row in balances),
        quarantined=sum(row.quarantined for row in balances),
        pending=sum(row.pending for row in balances) + outbox.pending,
        acknowledged=sum(recipients.values()),
        acknowledged_twice=sum(count - 1 for count in recipients.values()),
        unsure=outbox.unsure,
        untold=witness.providers.told - lines,
        slowest_seconds=float(slowest or 0),
        missing=tuple(missing),
    )


_STORED = text(
    """
    SELECT CASE WHEN channel = 'form' THEN subject ELSE external_id END AS name, min(ticket_id) AS ticket_id,
        count(*) AS times
    FROM message WHERE direction = 'in' GROUP BY 1
    """
)
_READ = text("SELECT count(*) FROM message WHERE direction = 'out' AND delivery = 'read'")
_HELD = text(
    "SELECT id, channel, state, outcome, attempts, last_error, due_at - now() AS due FROM inbox"
    " WHERE position(convert_to(:name, 'UTF8') IN body) > 0"
)
_TICKETS = text("SELECT subject, count(*) AS times FROM ticket GROUP BY subject")
_OUTBOX = text(
    "SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'dead') AS unsure"
    " FROM outbox"
)
_SLOWEST = text("SELECT extract(epoch FROM max(settled_at - received_at)) FROM inbox")
