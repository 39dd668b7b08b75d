"""The IMAP door before servers that err, lie, stall and break off: one mail's poison, one server's trouble, no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from aiohttp import web

from channels import Lost
from channels.email.imap_envelope import Letter, Origin, seal
from channels.email.imap_session import Listed
from channels.email.login import Login, tokens
from config.settings import Settings
from gateway.cursors import LeasedCursor
from tests import scripted_imap
from tests.desk import Desk
from tests.mailboxes import Gateway, account, gateways, mail
from tests.scripted_imap import ScriptedImap, Talk, Trouble
from workers.reader import Reader

POSITIONS = 20


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with gateways(settings) as [running]:
        yield running


@pytest.fixture
async def server() -> AsyncIterator[ScriptedImap]:
    async with ScriptedImap({uid: mail(uid) for uid in (1, 2, 3)}).running() as running:
        yield running


@pytest.mark.parametrize(
    "trouble",
    [scripted_imap.nil, scripted_imap.refusal, scripted_imap.cut, scripted_imap.nonsense, scripted_imap.monstrous,
     scripted_imap.missing],
)  # fmt: skip
async def test_poison_at_any_position_holds_up_no_other_mail(gateway: Gateway, trouble: Trouble) -> None:
    async with AsyncExitStack() as stack:
        for position in range(1, POSITIONS + 1):
            poisoned = ScriptedImap({uid: mail(uid) for uid in range(1, POSITIONS + 1)})
            poisoned.troubles[position] = trouble
            await stack.enter_async_context(poisoned.running())
            gateway.fetch_from(account(poisoned.port), name=f"box{position}", lease_seconds=20)
        await gateway.wait_for(POSITIONS**2, 60)
        await gateway.stop()
    rows = await gateway.rows(
        "SELECT envelope->'facts'->>'mailbox' AS box, envelope->'facts'->>'uid' AS uid, body,"
        " envelope->'facts'->>'unfetched' AS reason FROM inbox ORDER BY id"
    )
    for position in range(1, POSITIONS + 1):
        mine = [row for row in rows if row.box == f"box{position}"]
        assert [int(row.uid) for row in mine] == list(range(1, POSITIONS + 1))
        assert [row.body for row in mine if not row.reason] == [
            mail(uid) for uid in range(1, POSITIONS + 1) if uid != position
        ]
        assert [int(row.uid) for row in mine if row.reason] == [position]


async def test_a_monstrous_literal_is_refused_before_a_byte_of_it_is_read(
    gateway: Gateway, server: ScriptedImap
) -> None:
    server.troubles[2] = scripted_imap.monstrous
    gateway.fetch_from(account(server.port))
    await gateway.wait_for(3)
    [row] = await gateway.rows("SELECT envelope->'facts'->>'unfetched' AS reason FROM inbox WHERE size = 0")
    assert "a literal of 10000000000 bytes" in row.reason


async def test_a_mail_that_the_server_refuses_is_in_quarantine_and_ours_as_soon_as_it_is_given(
    settings: Settings, reader: Reader, server: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.imap.CHECK_SECONDS", 0)
    server.troubles[2] = scripted_imap.refusal
    imap = {"support": account(server.port)}
    async with Desk(settings.model_copy(update={"imap": imap}), reader) as desk:
        await desk.wait("SELECT count(*) = 3 FROM inbox")
        await desk.settle()
        [balance] = await desk.balance()
        assert (balance.ticket, balance.quarantined, balance.difference) == (2, 1, 0)
        [item] = await desk.rows("SELECT last_error FROM inbox WHERE state = 'dead'")
        assert "BAD internal error" in item.last_error
        assert "folder INBOX of the mailbox support, UID 2" in item.last_error
        server.troubles.clear()
        await desk.wait("SELECT count(*) = 4 FROM inbox")
        await desk.settle()
        assert {ticket.subject for ticket in await desk.tickets()} == {f"Facture {uid}" for uid in (1, 2, 3)}


async def test_a_mail_given_only_in_part_is_kept_with_a_remark(
    settings: Settings, reader: Reader, server: ScriptedImap
) -> None:
    server.sizes[1] = 50_000
    async with Desk(settings.model_copy(update={"imap": {"support": account(server.port)}}), reader) as desk:
        await desk.wait("SELECT count(*) = 3 FROM inbox")
        await desk.settle()
        ticket = next(ticket for ticket in await desk.tickets() if ticket.subject == "Facture 1")
        assert any("of 50000 bytes" in remark for remark in (await desk.ticket(ticket.number)).messages[0].remarks)


async def test_a_silent_server_holds_up_no_other_mailbox(gateway: Gateway, server: ScriptedImap) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    gateway.fetch_from(account(port, timeout_seconds=0.3), name="silent")
    gateway.fetch_from(account(server.port))
    await gateway.wait_for(3)

    async def given_up() -> bool:
        rows = await gateway.rows("SELECT last_error FROM cursor WHERE name = 'email:silent/INBOX'")
        return bool(rows) and "TimeoutError" in rows[0].last_error

    await gateway.wait(given_up)
    silent.close()


async def test_a_server_that_drips_is_given_up(gateway: Gateway, server: ScriptedImap) -> None:
    def drip(talk: Talk, _tag: str, _uid: int) -> bytes:
        async def slowly() -> None:
            while not talk.writer.is_closing():
                talk.write(b"* 1 EXISTS\r\n")
                await asyncio.sleep(0.05)

        talk.dripping = asyncio.ensure_future(slowly())  # type: ignore[attr-defined]
        talk.hang_up = lambda: None  # type: ignore[method-assign]
        talk.over = False
        return b"* 1 FETCH (UID 2 BODY[] {5000}\r\nonly"

    server.troubles[2] = drip
    gateway.fetch_from(account(server.port, timeout_seconds=0.2), lease_seconds=20)
    await gateway.wait_for(3, 30)
    assert [row.reason is not None for row in await gateway.rows(
        "SELECT envelope->'facts'->>'unfetched' AS reason FROM inbox ORDER BY id"
    )] == [False, True, False]  # fmt: skip


async def test_a_mail_deleted_by_somebody_else_on_the_way_is_no_trouble(gateway: Gateway, server: ScriptedImap) -> None:
    def expunge(talk: Talk, _tag: str, uid: int) -> bytes:
        del talk.server.mails[uid]
        return b"* 2 EXPUNGE\r\n"

    server.troubles[2] = expunge
    gateway.fetch_from(account(server.port))
    await gateway.wait_for(2)
    await gateway.looked(2)
    assert await gateway.bodies() == [mail(1), mail(3)]
    assert (await gateway.standing()).last_error == ""


async def test_new_uidvalidity_with_the_same_uids_on_other_mails_loses_none(
    gateway: Gateway, server: ScriptedImap
) -> None:
    gateway.fetch_from(account(server.port))
    await gateway.wait_for(3)
    server.mails = {1: mail(3), 2: mail(7), 3: mail(8), 4: mail(1)}
    server.validity = 2
    await gateway.wait_for(7)
    assert (await gateway.bodies())[3:] == [mail(3), mail(7), mail(8), mail(1)]
    whys = [row.why for row in await gateway.rows("SELECT envelope->'facts'->>'import' AS why FROM inbox ORDER BY id")]
    assert whys == ["old"] * 3 + ["again"] * 4


async def test_a_folder_made_anew_under_its_old_uidvalidity_is_noticed(gateway: Gateway, server: ScriptedImap) -> None:
    gateway.fetch_from(account(server.port))
    await gateway.wait_for(3)
    server.mails = {1: mail(9)}
    await gateway.wait_for(4)
    assert (await gateway.bodies())[3] == mail(9)


async def test_gaps_between_uids_cost_nothing_and_uidnext_may_be_missing(gateway: Gateway) -> None:
    sparse = ScriptedImap({1: mail(1), 1_000_000: mail(2), 4_000_000_000: mail(3)})
    sparse.tell_uidnext = False
    async with sparse.running():
        gateway.fetch_from(account(sparse.port))
        await gateway.wait_for(3)
        del sparse.mails[4_000_000_000]
        await gateway.looked(2)
        sparse.mails[4_000_000_001] = mail(4)
        await gateway.wait_for(4)
        await gateway.looked(1)
    assert await gateway.bodies() == [mail(1), mail(2), mail(3), mail(4)]


async def test_news_that_come_with_the_answer_to_idle_are_not_overlooked(
    gateway: Gateway, server: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def idle_with_news(talk: Talk, tag: str, rest: str) -> None:
        if 4 not in talk.server.mails:
            talk.server.mails[4] = mail(4)
            talk.write(b"+ idling\r\n* 4 EXISTS\r\n")
            await talk.reader.readline()
            talk.ok(tag)
        else:
            await real(talk, tag, rest)

    real = Talk.do_idle
    monkeypatch.setattr(Talk, "do_idle", idle_with_news)
    gateway.fetch_from(account(server.port, idle=True, poll_seconds=600))
    await gateway.wait_for(4, 5)


async def test_a_read_only_folder_is_fetched_all_the_same_and_the_settings_mistake_is_told(
    gateway: Gateway, server: ScriptedImap
) -> None:
    server.read_only = True
    gateway.fetch_from(account(server.port, after="seen"))
    await gateway.wait_for(3)
    await gateway.looked(2)
    assert "read-only" in (await gateway.standing()).last_error
    assert server.flags == {}


async def test_a_server_without_move_is_served_by_copying(gateway: Gateway, server: ScriptedImap) -> None:
    async def copy(talk: Talk, tag: str, rest: str) -> None:
        talk.server.moved += talk._uids(rest.partition(" ")[0])
        talk.ok(tag)

    server.capabilities = "IMAP4rev1 UIDPLUS"
    Talk.do_copy = copy  # type: ignore[attr-defined]
    gateway.fetch_from(account(server.port, after="move:Done"))
    await gateway.wait_for(3)
    await gateway.looked(1)
    assert (server.moved, server.mails) == ([1, 2, 3], {})


# Who may fetch.


async def test_whoever_lost_the_lease_can_no_longer_store(settings: Settings) -> None:
    late = seal(
        Letter(Listed(1), mail(1)), Origin("email", "support@example.org", "x", "INBOX"), external_id="x", why="",
        now=datetime.now(UTC), trace_id="0" * 32,
    )  # fmt: skip
    async with gateways(settings, 2) as [first, second]:
        old, new = (LeasedCursor(one.inbox, "email:x/INBOX", name) for one, name in ((first, "a"), (second, "b")))
        assert await old.lease(0.01) == ""
        assert await old.store([], "1") == []

        async def taken() -> bool:
            return await new.lease(30) == "1"

        await first.wait(taken)
        assert await old.lease(30) is None
        with pytest.raises(Lost):
            await old.store([late], "2")
        assert await first.bodies() == []
        assert await new.lease(30) == "1"
        await new.release()
        assert await old.lease(30) == "1"


# OAuth.


class TokenEndpoint:
    """A provider's token endpoint that gives the tokens `t1`, `t2` … and new refresh tokens with them."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        if form.get("refresh_token") == "revoked":
            return web.json_response({"error": "invalid_grant"}, status=400)
        number = len(self.asked)
        return web.json_response({"access_token": f"t{number}", "expires_in": 3600, "refresh_token": f"r{number}"})


@pytest.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    serving = TokenEndpoint()
    app = web.Application()
    app.router.add_post("/token", serving.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    yield serving
    await runner.cleanup()


def oauth(endpoint: TokenEndpoint, refresh_token: str = "r0") -> dict[str, str]:
    return {
        "token_url": endpoint.url, "client_id": "guichet", "client_secret": "hush", "refresh_token": refresh_token,
        "scope": "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    }  # fmt: skip


async def test_xoauth2_logs_in_and_a_token_that_the_server_rejects_is_renewed(
    gateway: Gateway, server: ScriptedImap, endpoint: TokenEndpoint
) -> None:
    server.tokens = {"t2"}
    gateway.fetch_from(account(server.port, oauth=oauth(endpoint)))
    await gateway.wait_for(3)
    assert server.logins == [f"user=claire\1auth=Bearer t{number}\1\1" for number in (1, 2)]
    assert endpoint.asked[0] == {
        "grant_type": "refresh_token", "client_id": "guichet", "client_secret": "hush", "refresh_token": "r0",
        "scope": "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    }  # fmt: skip


async def test_a_token_is_renewed_before_it_ends_and_a_new_refresh_token_outlives_us(
    settings: Settings, endpoint: TokenEndpoint
) -> None:
    now = 1000.0
    ours = account(1, oauth=oauth(endpoint))
    login = Login(ours.username, ours.password, ours.oauth, tokens(settings.var), clock=lambda: now)
    assert [(await login.secret()).token for _ in range(3)] == ["t1"] * 3
    now += 3500
    assert (await login.secret()).token == "t2"
    again = Login(ours.username, ours.password, ours.oauth, tokens(settings.var))
    assert (await again.secret()).token == "t3"
    assert [form["refresh_token"] for form in endpoint.asked] == ["r0", "r1", "r2"]
    [kept] = tokens(settings.var).iterdir()
    assert kept.stat().st_mode & 0o077 == 0


async def test_a_revoked_grant_is_told_without_secrets(
    gateway: Gateway, server: ScriptedImap, endpoint: TokenEndpoint
) -> None:
    gateway.fetch_from(account(server.port, oauth=oauth(endpoint, "revoked")))

    async def told() -> bool:
        rows = await gateway.rows("SELECT last_error FROM cursor")
        return bool(rows) and rows[0].last_error == "the token endpoint answers 400: invalid_grant"

    await gateway.wait(told)
