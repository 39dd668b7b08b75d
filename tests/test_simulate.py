"""Simulated customers: their mails are what they say, the doors take them, and the judge sees what is wrong."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from itertools import count

import pytest
from rich.console import Console

from channels import load as load_channels
from config.settings import Settings
from gateway.simulate import run
from gateway.simulated_doors import Doors, Tally, recipients
from gateway.simulated_lines import Lines
from gateway.simulated_mail import LEAST_BYTES, MOST_BYTES, Customers, SimulatedMail
from gateway.simulated_sender import Connection, stuffed
from gateway.simulated_texts import load
from gateway.simulation_summary import complaints, percentile, sum_up
from gateway.witness import Verdict, Witness
from models.balance import Balance
from tests.desk import Desk
from tests.fakes.meta import Meta
from tests.fakes.twilio import Twilio
from tests.provider_desk import known

pytest_plugins = ("tests.provider_fixtures",)

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def mails() -> list[SimulatedMail]:
    customers = Customers(7, start=START)
    return [customers.next() for _ in range(4_000)]


def test_the_same_seed_and_time_give_the_same_bytes_and_another_time_new_mail() -> None:
    first, again, later = (
        [mail.raw for mail in (customers.next() for _ in range(50))]
        for customers in (Customers(3, start=START), Customers(3, start=START), Customers(3, start=datetime.now(UTC)))
    )
    assert first == again
    assert not set(first) & set(later)


def test_there_are_letters_on_every_matter_in_both_languages() -> None:
    written = Counter((letter.category, letter.language) for letter in load().mails)
    assert len(load().mails) >= 60
    assert {language for _category, language in written} == {"fr", "en"}
    assert len(written) == 2 * len({category for category, _language in written}) == 16


def test_sizes_and_shares_are_those_of_a_support_desk(mails: list[SimulatedMail]) -> None:
    sizes = [len(mail.raw) for mail in mails if mail.kind in ("new", "reply")]
    assert min(sizes) > LEAST_BYTES * 0.7
    assert max(sizes) < MOST_BYTES * 1.1
    assert 7_000 < statistics.median(sizes) < 9_000
    kinds = Counter(mail.kind for mail in mails)
    assert 0.27 < kinds["reply"] / (kinds["new"] + kinds["reply"]) < 0.33
    assert 0.02 < kinds["repeat"] / len(mails) < 0.04
    assert min(kinds[kind] for kind in ("copy", "absence", "bounce", "newsletter")) > 0
    assert 0.62 < sum(b"text/html" in mail.raw for mail in mails) / len(mails) < 0.72
    assert 0.17 < sum(b"Content-Disposition: attachment" in mail.raw for mail in mails) / len(mails) < 0.23


def test_few_customers_write_often_and_many_once(mails: list[SimulatedMail]) -> None:
    senders = Counter(mail.sender for mail in mails if mail.sender)
    assert senders.most_common(1)[0][1] > 0.1 * len(mails)
    assert sum(times == 1 for times in senders.values()) > 0.4 * len(senders)
    assert len({sender.partition("@")[2] for sender in senders}) > 300


def test_a_reply_names_the_mails_before_it_and_quotes(mails: list[SimulatedMail]) -> None:
    sent = {mail.message_id: mail for mail in mails if mail.kind in ("new", "reply")}
    replies = [mail for mail in mails if mail.kind == "reply"]
    assert all(sent[mail.parent].sender == mail.sender for mail in replies)
    assert all(sent[mail.root].kind == "new" for mail in replies)
    for mail in replies[:50]:
        message = message_from_bytes(mail.raw, policy=policy.default)
        assert message["In-Reply-To"] == f"<{mail.parent}>"
        assert message["References"].split()[0] == f"<{mail.root}>"
        assert "\n> " in message.get_body(("plain",)).get_content()


def test_every_mail_is_well_formed(mails: list[SimulatedMail]) -> None:
    for mail in mails[:300]:
        assert mail.raw.endswith(b"\r\n")
        assert b"\n" not in mail.raw.replace(b"\r\n", b"")
        assert max(map(len, mail.raw.split(b"\r\n"))) <= 998
        message = message_from_bytes(mail.raw, policy=policy.default)
        assert not [defect for part in message.walk() for defect in part.defects]
        assert message["Message-ID"] == f"<{mail.message_id}>"
        assert "{" not in message["Subject"]


def test_a_dot_at_the_beginning_of_a_line_is_doubled() -> None:
    assert stuffed(b".a\r\n..b\r\nc.\r\n") == b"..a\r\n...b\r\nc.\r\n.\r\n"


def test_recipients_fit_the_patterns_of_the_settings() -> None:
    assert recipients(["support@*"]) == ["support@example.org", "support@example.com"]
    assert recipients(["aide@firme.example", "*@help.example"]) == ["aide@firme.example", "support@help.example"]
    assert recipients(["aide@firme.example"]) == ["aide@firme.example", "aide@firme.example"]


@asynccontextmanager
async def smtp_server(decide: Callable[[bytes], Awaitable[int]]) -> AsyncIterator[int]:
    """A server that answers each mail with the code that `decide` gives; 0 hangs up without a word."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            match line[:4].upper():
                case b"EHLO":
                    writer.write(b"250-hello\r\n250 PIPELINING\r\n")
                case b"DATA":
                    writer.write(b"354 go on\r\n")
                    code = await decide(await reader.readuntil(b"\r\n.\r\n"))
                    if not code:
                        writer.close()
                        return
                    writer.write(b"%d said\r\n" % code)
                case b"QUIT":
                    break
                case _:
                    writer.write(b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_connection_tells_which_code_decided() -> None:
    codes = iter((250, 451, 552))

    async def decide(_content: bytes) -> int:
        return next(codes)

    async with smtp_server(decide) as port, await Connection.open("127.0.0.1", port) as connection:
        heard = [await connection.send("a@example.com", "b@example.org", b"Subject: x\r\n\r\n") for _ in range(3)]
    assert heard == [250, 451, 552]


async def test_what_is_put_off_comes_again_until_it_is_taken_and_a_permanent_no_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.simulated_doors.FIRST_WAIT", 0.01)
    seen: Counter[bytes] = Counter()

    async def decide(content: bytes) -> int:
        seen[content] += 1
        if seen[content] < 3:
            return 0 if seen[content] == 1 else 451
        return 552 if b"Message-ID: <" + never.message_id.encode() in content else 250

    customers = Customers(1, start=START, shares={"new": 1})
    taken, never = customers.next(), customers.next()
    witness = Witness()
    async with smtp_server(decide) as port:
        settings = Settings(smtp={"port": port})
        async with Doors(settings, witness, connections=2, visitors=0) as doors:
            for mail in (taken, never):
                doors.send(mail, asyncio.get_running_loop().time())
            async with asyncio.timeout(10):
                while await doors.unanswered():  # noqa: ASYNC110 - the doors count, they do not signal
                    await asyncio.sleep(0.01)
    assert witness.accepted == [taken]
    assert doors.tally.never == {552: 1}
    assert doors.tally.later == 4


@asynccontextmanager
async def working(desk: Desk) -> AsyncIterator[None]:
    """A desk that settles and delivers by itself."""

    async def work() -> None:
        for _ in count():
            await desk.settle()
            await desk.dispatch()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_simulation_ends_with_everything_at_its_place(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    async with working(desk):
        code = await run(desk.settings, desk.settings.database_url, rate=60, seconds=3, seed=2, forms=0.1)
    shown = capsys.readouterr().out
    assert code == 0, shown
    assert "balance shows no difference" in " ".join(shown.split())
    rows = {row.channel: row for row in await desk.balance()}
    assert rows["form"].ticket > 5
    assert rows["email"].appended > 20
    assert rows["email"].ticket > 60


async def test_short_lines_are_played_where_stand_ins_run(
    phone_desk: Desk, graph: Meta, carrier: Twilio, capsys: pytest.CaptureFixture[str]
) -> None:
    here = phone_desk.settings.model_copy(update={"public_url": "https://desk.example.org"})
    async with working(phone_desk):
        code = await run(here, here.database_url, rate=40, seconds=2, seed=3, forms=0, lines=0.8)
    assert code == 0, capsys.readouterr().out
    rows = {row.channel: row for row in await phone_desk.balance()}
    assert min(rows["meta"].appended, rows["twilio"].appended, rows["meta"].ticket, rows["twilio"].ticket) > 1
    await phone_desk.dispatch()
    assert graph.taken
    assert carrier.taken
    assert graph.wrong + carrier.wrong == []


def test_nothing_is_rehearsed_with_the_real_providers() -> None:
    real = Settings(**known())
    assert Lines.of(load_channels(real).values(), 1, START).channels == []


async def test_the_judge_sees_what_is_lost_doubled_and_misplaced(desk: Desk) -> None:
    customers = Customers(5, start=START, recipients=("support@example.org",), shares={"new": 70, "reply": 30})
    mails = [customers.next() for _ in range(40)]
    reply = next(mail for mail in mails if mail.kind == "reply")
    witness = Witness()
    async with desk.database.engine.begin() as connection:
        await witness.begin(connection)
    async with await Connection.open("127.0.0.1", desk.settings.smtp.port) as connection:
        for mail in mails[1:]:
            assert await connection.send(mail.sender, mail.recipient, mail.raw) == 250
    for mail in mails:
        witness.heard_yes(mail)
    await desk.settle()
    await desk.rows(
        "UPDATE inbox SET ticket_id = ticket_id + 1 WHERE position(cast(:id AS bytea) IN body) > 0"
        " AND outcome = 'appended' RETURNING id",
        id=f"Message-ID: <{reply.message_id}>".encode(),
    )
    await desk.rows(
        "INSERT INTO inbox (door_key, body, account, state, outcome, ticket_id)"
        " SELECT gen_random_uuid(), body, account, state, outcome, ticket_id FROM inbox"
        " WHERE position(cast(:id AS bytea) IN body) > 0 RETURNING id",
        id=f"Message-ID: <{mails[1].message_id}>".encode(),
    )
    async with desk.database.engine.begin() as connection:
        verdict = await witness.judge(connection)
    assert verdict.lost == [mails[0].message_id]
    assert verdict.doubled == [mails[1].message_id]
    assert reply.message_id in verdict.misplaced
    assert not verdict.sound


def verdict_of(**found: object) -> Verdict:
    nothing: dict[str, object] = {
        "items": 1, "outcomes": {"ticket": 1}, "lost": [], "doubled": [], "misplaced": [], "replies": 0,
        "settle_seconds": [0.01], "rules": {"A22": 1}, "queued": 1,
    }  # fmt: skip
    return Verdict(**{**nothing, **found})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tally", "verdict", "difference"),
    [
        (Tally(sent=1, yes=1), verdict_of(lost=["a"]), 0),
        (Tally(sent=1, yes=1), verdict_of(doubled=["a"]), 0),
        (Tally(sent=1, yes=1), verdict_of(misplaced=["a"]), 0),
        (Tally(sent=1, yes=1), verdict_of(outcomes={"pending": 1}), 0),
        (Tally(sent=1, yes=1), verdict_of(), 1),
        (Tally(sent=2, yes=1), verdict_of(), 0),
        (Tally(sent=2, yes=1, never={550: 1}), verdict_of(), 0),
    ],
)
def test_whatever_is_wrong_shows_in_the_exit_status(tally: Tally, verdict: Verdict, difference: int) -> None:
    rows = [Balance(channel="x", received=1 + difference, ticket=1, difference=difference)]
    assert len(complaints(tally, verdict, rows)) == 1
    assert sum_up(Console(quiet=True), tally, verdict, rows) == 1


def test_all_well_is_exit_status_0() -> None:
    rows = [Balance(channel="x", received=1, ticket=1)]
    assert sum_up(Console(quiet=True), Tally(sent=1, yes=1, mail_seconds=[0.01]), verdict_of(), rows) == 0


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile(range(1, 101), share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 51, 100, 100]
