"""Retention: what is old goes with its files, what is young or undecided stays, the balance and the figures hold."""

from __future__ import annotations

from config.objects import Objects
from config.settings import Settings
from config.watching import Care
from tests.desk import Desk, letter
from workers.retention import Retention


def retention(desk: Desk, **care: object) -> Retention:
    settings: Settings = desk.settings.model_copy(update={"care": Care.model_validate(care)})
    return Retention(desk.database, Objects(settings), settings)


async def fill(desk: Desk) -> None:
    for number in range(3):
        mail = letter("words of old", subject=f"Nr {number}", Message_ID=f"<{number}@example.com>")
        mail.add_attachment(b"x%d" % number * 300_000, maintype="application", subtype="x", filename="f.bin")
        await desk.send(mail)
    await desk.settle()


async def drain(some: Retention) -> None:
    while await some.drain():
        pass


async def test_closed_tickets_go_after_their_time_or_that_of_their_category(desk: Desk) -> None:
    await fill(desk)
    await desk.rows("UPDATE ticket SET updated_at = now() - interval '10 days', category = 'other' RETURNING 1")
    await desk.rows("UPDATE ticket SET status = 'closed' WHERE id > 1 RETURNING 1")
    await desk.rows("UPDATE ticket SET category = 'billing' WHERE id = 3 RETURNING 1")
    await drain(retention(desk, closed_days=400, category_days={"billing": 5}, raw_days=0))
    assert [ticket.subject for ticket in await desk.tickets()] == ["Nr 0", "Nr 1", ""]
    [row] = await desk.rows("SELECT count(*) FROM message WHERE ticket_id = 3 AND text LIKE '%old%'")
    assert row.count == 0
    await drain(retention(desk, closed_days=5, raw_days=0))
    assert [ticket.subject for ticket in await desk.tickets()] == ["Nr 0", "", ""]
    await drain(retention(desk, closed_days=0, raw_days=0))
    assert all(row.difference == 0 for row in await desk.balance())


async def test_raw_bytes_go_and_what_was_read_of_them_stays(desk: Desk) -> None:
    await fill(desk)
    await desk.rows("UPDATE inbox SET received_at = now() - interval '100 days' WHERE id < 3 RETURNING 1")
    await drain(retention(desk, raw_days=90))
    rows = await desk.rows("SELECT id FROM inbox WHERE body IS NOT NULL OR body_sha256 <> '' ORDER BY id")
    assert [row.id for row in rows] == [3]
    files = sum(path.is_file() for path in (desk.settings.var / "objects").rglob("*"))
    await desk.rows("UPDATE unneeded_object SET since = now() - interval '2 hours' RETURNING 1")
    await drain(retention(desk, raw_days=90))
    assert sum(path.is_file() for path in (desk.settings.var / "objects").rglob("*")) == files - 2
    assert "words of old" in (await desk.ticket(1)).messages[0].text
    for row in await desk.rows("SELECT sha256 FROM attachment WHERE content IS NULL"):
        assert await Objects(desk.settings).get(row.sha256)


async def test_what_lies_in_quarantine_keeps_its_bytes(desk: Desk) -> None:
    await fill(desk)
    await desk.rows("UPDATE inbox SET received_at = now() - interval '100 days' RETURNING 1")
    await desk.rows("UPDATE inbox SET state = 'dead', outcome = 'quarantined' WHERE id = 2 RETURNING 1")
    await drain(retention(desk, raw_days=90))
    rows = await desk.rows("SELECT id FROM inbox WHERE body IS NOT NULL OR body_sha256 <> '' ORDER BY id")
    assert [row.id for row in rows] == [2, 3]
