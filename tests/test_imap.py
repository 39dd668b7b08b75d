"""The IMAP door before a real Dovecot: what lies in a mailbox becomes a ticket, once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.settings import ImapAccount, Settings
from tests.desk import Desk
from tests.dovecot import PASSWORD, Box, Dovecot, dovecot
from tests.mailboxes import Gateway, account, gateways, mail
from tests.processes import ROOT, clean_environment
from tests.scripted_imap import breaking_line
from workers.reader import Reader

CATCH_UP = 10_000
"""Mails after a month away."""


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
def box(server: Dovecot, request: pytest.FixtureRequest) -> Box:
    """A mailbox of this test's own."""
    return server.box(f"box{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with gateways(settings) as [running]:
        yield running


def of(box: Box, **values: Any) -> ImapAccount:
    """Settings of the box."""
    return account(values.pop("port", box.server.port), username=box.user, **values)


def desk_of(settings: Settings, reader: Reader, **accounts: ImapAccount) -> Desk:
    """A desk that fetches from mailboxes."""
    return Desk(settings.model_copy(update={"imap": accounts}), reader)


async def settled(desk: Desk, count: int, seconds: float = 10) -> None:
    """Wait for `count` items, and settle them."""
    await desk.wait(f"SELECT count(*) >= {count} FROM inbox", seconds)
    await desk.settle()


FIRST_LOOK = "SELECT count(*) > 0 AND bool_and(last_success IS NOT NULL) FROM cursor"


async def test_a_mail_becomes_an_acknowledged_ticket_within_seconds_by_idle(
    settings: Settings, reader: Reader, box: Box
) -> None:
    async with desk_of(settings, reader, support=of(box, idle=True, poll_seconds=600, import_old=False)) as desk:
        await desk.wait(FIRST_LOOK)
        await asyncio.to_thread(box.deliver, mail(1))
        await settled(desk, 1, 5)
        [ticket] = await desk.tickets()
        assert (ticket.subject, ticket.channel, ticket.acknowledged) == ("Facture 1", "email", True)
        whole = await desk.ticket(ticket.number)
        assert whole.messages[0].sender == "c1@example.com"
    assert box.uids(criteria="SEEN") == []


async def test_accounts_and_folders_are_all_fetched_and_junk_is_kept_unanswered(
    settings: Settings, reader: Reader, server: Dovecot, box: Box
) -> None:
    other = server.box(f"{box.user}-sales")
    box.deliver(mail(1))
    box.deliver(mail(2), folder="Junk")
    other.deliver(mail(3))
    ours = of(box, import_old=False, folders=[{"name": "INBOX"}, {"name": "Junk", "junk": True}])
    async with desk_of(settings, reader, support=ours, sales=of(other, import_old=False)) as desk:
        await desk.wait("SELECT count(last_success) = 3 FROM cursor")
        box.deliver(mail(4))
        box.deliver(mail(5), folder="Junk")
        other.deliver(mail(6))
        await settled(desk, 3)
        tickets = {ticket.subject: ticket.acknowledged for ticket in await desk.tickets()}
        assert tickets == {"Facture 4": True, "Facture 5": False, "Facture 6": True}


async def test_what_lay_there_before_is_left_alone_unless_it_is_wanted_and_then_nothing_is_sent(
    settings: Settings, reader: Reader, box: Box
) -> None:
    box.deliver(mail(1), mail(2))
    async with desk_of(settings, reader, fresh=of(box, import_old=False), whole=of(box, import_old=True)) as desk:
        await settled(desk, 2)
        assert [ticket.acknowledged for ticket in await desk.tickets()] == [False, False]
        [row] = await desk.rows("SELECT DISTINCT envelope->'facts'->>'mailbox' AS name FROM inbox")
        assert row.name == "whole"
        box.deliver(mail(3))
        await settled(desk, 4)
        assert [(b.ticket, b.duplicate) for b in await desk.balance()] == [(3, 1)]
        assert {t.subject for t in await desk.tickets() if t.acknowledged} == {"Facture 3"}


async def test_a_renumbered_folder_is_fetched_again_and_nothing_doubles(
    settings: Settings, reader: Reader, box: Box
) -> None:
    box.deliver(mail(100), mail(101), arrived=datetime(2020, 1, 1, tzinfo=UTC))
    no_id = b"From: x@example.com\r\nSubject: no id\r\n\r\nhello\r\n"
    async with desk_of(settings, reader, support=of(box, import_old=False)) as desk:
        await desk.wait(FIRST_LOOK)
        box.deliver(*(mail(number) for number in range(5)), no_id)
        await settled(desk, 6)
        await asyncio.to_thread(box.renumber)
        await desk.wait("SELECT count(*) = 12 FROM inbox")  # those of before our time stay where they are
        box.deliver(mail(6))
        await settled(desk, 13)
        [balance] = await desk.balance()
        assert (balance.duplicate, balance.difference, balance.ticket) == (6, 0, 7)
        acknowledged = {ticket.subject for ticket in await desk.tickets() if ticket.acknowledged}
        assert acknowledged == {*(f"Facture {number}" for number in range(5)), "no id", "Facture 6"}


async def test_ten_thousand_mails_of_a_month_away_are_all_taken_in_and_the_way_is_shown(
    gateway: Gateway, box: Box
) -> None:
    box.deliver(mail(-1))
    ours = of(box, import_old=False)
    gateway.fetch_from(ours)
    await gateway.looked(1)
    await gateway.stop()
    async with gateway.database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE cursor SET last_success = now() - interval '30 days'")
    await asyncio.to_thread(box.deliver_many, [mail(number) for number in range(CATCH_UP)])
    shown: list[int] = []
    gateway.fetch_from(ours)
    while len(await gateway.rows("SELECT 1 FROM inbox")) < CATCH_UP:
        shown.append((await gateway.standing()).backlog)
        await asyncio.sleep(0.05)
    await gateway.looked(1)
    assert await gateway.bodies() == [mail(number) for number in range(CATCH_UP)]
    standing = await gateway.standing()
    assert (standing.backlog, standing.last_error, standing.drift) == (0, "", 0)
    assert 0 < max(shown) < CATCH_UP, "what is left is told while it shrinks"
    assert await gateway.rows("SELECT 1 FROM inbox WHERE envelope->'facts' ? 'import'") == []


async def test_a_line_that_breaks_at_random_bytes_loses_and_doubles_nothing(gateway: Gateway, box: Box) -> None:
    chance = random.Random(7)
    expected = [mail(number, body="x" * chance.randrange(20, 4000) + "\r\n") for number in range(60)]
    box.deliver(*expected)
    async with breaking_line(box.server.port, chance, most=120_000) as (port, cuts):
        gateway.fetch_from(account(port, username=box.user))
        await gateway.wait_for(60, 30)
        await gateway.wait(lambda: _true(len(cuts) >= 3), 30)
        await gateway.stop()
    assert [body for body in await gateway.bodies() if body] == expected


async def _true(value: bool) -> bool:
    return value


async def test_two_gateways_share_a_mailbox_and_one_takes_over_when_the_other_dies(
    settings: Settings, box: Box
) -> None:
    async with gateways(settings, 2) as [first, second]:
        for gateway in (first, second):
            gateway.fetch_from(of(box), lease_seconds=0.6)
        box.deliver(*(mail(number) for number in range(10)))
        await first.wait_for(10)
        holder = (await first.rows("SELECT holder FROM cursor"))[0].holder
        dying, living = (first, second) if first.mailboxes[0]._cursor.holder == holder else (second, first)
        await dying.die()
        box.deliver(mail(11))
        await living.wait_for(11)
        assert len(await living.bodies()) == 11
        assert (await living.rows("SELECT holder FROM cursor"))[0].holder != holder


async def test_a_gateway_that_dies_in_the_middle_again_and_again_loses_and_doubles_nothing(
    settings: Settings, box: Box
) -> None:
    chance = random.Random(3)
    await asyncio.to_thread(box.deliver_many, [mail(number) for number in range(600)])
    for _ in range(6):
        async with gateways(settings) as [gateway]:
            gateway.fetch_from(of(box, after="move:Done"), lease_seconds=0.1)
            done = len(await gateway.bodies())
            await gateway.wait_for(min(600, done + chance.randrange(1, 120)))
            await gateway.die()
    async with gateways(settings) as [gateway]:
        gateway.fetch_from(of(box, after="move:Done"), lease_seconds=0.5)
        await gateway.wait_for(600)
        await gateway.looked(2)
        bodies = await gateway.bodies()
    assert len(bodies) == len(set(bodies)) == 600
    assert (len(box.uids("INBOX")), len(box.uids("Done"))) == (0, 600)


@pytest.mark.parametrize("point", ["X17", "X18", "X19"])
async def test_a_kill_at_every_crash_point_costs_nothing(
    settings: Settings, box: Box, tmp_path: Path, point: str
) -> None:
    box.deliver(*(mail(number) for number in range(5)))
    faults = tmp_path / "faults"
    faults.mkdir()
    (faults / point).touch()
    ours = of(box, after="delete")
    line = [sys.executable, "-m", "tests.mailboxes", settings.database_url, str(tmp_path), str(ours.port), box.user]
    died = await asyncio.to_thread(
        subprocess.run, line, env=clean_environment(GUICHET_FAULTS=str(faults)), cwd=ROOT, timeout=30
    )
    assert (died.returncode, list(faults.iterdir())) == (-9, [])
    async with gateways(settings) as [gateway]:
        gateway.fetch_from(ours)
        await gateway.wait_for(5)
        await gateway.looked(2)
        assert sorted(await gateway.bodies()) == sorted(mail(number) for number in range(5))
    assert box.uids() == []


@pytest.mark.parametrize(("after", "left", "seen"), [("keep", 3, 0), ("seen", 3, 3), ("delete", 0, 0)])
async def test_mails_are_marked_or_deleted_only_as_the_settings_say(
    gateway: Gateway, box: Box, after: str, left: int, seen: int
) -> None:
    box.deliver(mail(1), mail(2), mail(3))
    gateway.fetch_from(of(box, after=after))
    await gateway.wait_for(3)
    await gateway.looked(2)
    assert (len(box.uids()), len(box.uids(criteria="SEEN"))) == (left, seen)


async def test_nothing_is_deleted_of_which_we_do_not_have_the_bytes(settings: Settings, box: Box) -> None:
    smaller = settings.model_copy(update={"smtp": settings.smtp.model_copy(update={"max_message_bytes": 10_000})})
    box.deliver(mail(1), mail(2, body="x" * 20_000 + "\r\n"), mail(3))
    async with gateways(smaller) as [gateway]:
        gateway.fetch_from(of(box, after="delete"))
        await gateway.wait_for(3)
        await gateway.looked(2)
    assert len(box.uids()) == 1


async def test_a_mail_beyond_the_limit_becomes_a_ticket_that_says_so(
    settings: Settings, reader: Reader, box: Box
) -> None:
    smaller = settings.model_copy(update={"smtp": settings.smtp.model_copy(update={"max_message_bytes": 100_000})})
    async with desk_of(smaller, reader, support=of(box, import_old=False)) as desk:
        await desk.wait(FIRST_LOOK)
        box.deliver(mail(1, body="x" * 2_000_000 + "\r\n"), mail(2))
        await settled(desk, 2)
        large, small = sorted(await desk.tickets(), key=lambda ticket: ticket.subject)
        assert (large.subject, large.acknowledged, small.subject) == ("Facture 1", True, "Facture 2")
        [message] = [m for m in (await desk.ticket(large.number)).messages if m.direction == "in"]
        assert "too large, 2 MB" in message.text


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_connections_are_protected_and_the_server_is_checked(gateway: Gateway, box: Box, security: str) -> None:
    box.deliver(mail(1))
    values = {"security": security, "port": box.server.tls_port if security == "tls" else box.server.port}
    gateway.fetch_from(of(box, **values, tls_ca=box.server.certificate))
    await gateway.wait_for(1)
    gateway.fetch_from(of(box, **values), name="unknown-authority")
    await gateway.wait(lambda: _failed(gateway, "unknown-authority", "CERTIFICATE_VERIFY_FAILED"))


async def _failed(gateway: Gateway, name: str, reason: str) -> bool:
    rows = await gateway.rows(f"SELECT last_error FROM cursor WHERE name = 'email:{name}/INBOX'")
    return bool(rows) and reason in rows[0].last_error


async def test_trouble_with_one_folder_stops_no_other_and_is_told_without_the_password(
    gateway: Gateway, box: Box
) -> None:
    box.deliver(mail(1))
    gateway.fetch_from(of(box, password="wrong-secret", poll_seconds=60), name="locked")
    gateway.fetch_from(of(box, folders=[{"name": "Nowhere"}]), name="missing")
    gateway.fetch_from(of(box))
    await gateway.wait_for(1)
    await gateway.wait(lambda: _failed(gateway, "locked", "does not let"))
    rows = await gateway.rows("SELECT last_error FROM cursor ORDER BY name")
    assert not any("wrong-secret" in row.last_error or PASSWORD in row.last_error for row in rows)
    box.deliver(mail(2))
    await gateway.wait_for(2)


async def test_a_gap_between_server_and_inbox_is_seen(gateway: Gateway, box: Box) -> None:
    box.deliver(mail(1), mail(2), mail(3))
    gateway.fetch_from(of(box))
    await gateway.wait_for(3)
    await gateway.looked(1)
    async with gateway.database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM inbox WHERE envelope->'facts'->>'uid' = '2'")
    gateway.mailboxes[0].check_seconds = 0
    await gateway.looked(2)
    assert (await gateway.standing()).drift == 1
