"""Webhooks that go out, to a receiver behind a real socket that reads the standard for itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from ipaddress import IPv6Address, ip_address
from typing import Any

import pytest
from aiohttp import ClientError, web
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from config.outside import forbidden, networks, session
from tests.api import Program, program
from tests.desk import Desk, free_port, letter
from workers.tell import Frontier, Tell
from workers.webhooks import SCHEDULE, Webhooks

ALL = ["ticket.created", "ticket.changed", "message.received", "message.sent", "message.noted", "message.delivery"]


class Receiver:
    """Somebody who is told."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pause = 0.0
        self.got: list[tuple[dict[str, str], bytes]] = []

    async def hook(self, request: web.Request) -> web.Response:
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        await asyncio.sleep(self.pause)
        return web.Response(status=self.status, headers=self.headers)

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self.hook)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        return runner

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.got]


def verify(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As standardwebhooks.com has it, written from its text alone."""
    assert secret.startswith("whsec_")
    key = base64.b64decode(secret[len("whsec_") :])
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    versions = [part.split(",", 1) for part in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(mark, expected) for version, mark in versions)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    runner = await one.start()
    yield one
    await runner.cleanup()


class Teller:
    """A worker's part in it."""

    def __init__(self, desk: Desk) -> None:
        self.tell, self.webhooks = Tell(desk.database), Webhooks(desk.database, desk.settings)

    async def __call__(self) -> None:
        for _ in range(2):  # the frontier may need a second look
            while await self.tell.drain() + await self.webhooks.drain():
                pass
            await self.webhooks.landed()


@pytest.fixture
async def teller(desk: Desk) -> AsyncIterator[Teller]:
    desk.settings.webhooks.allow_http = True
    desk.settings.webhooks.allowed_networks = ["127.0.0.1/32"]
    desk.settings.webhooks.timeout_seconds = 0.5
    one = Teller(desk)
    yield one
    await one.webhooks.close()


async def subscribe(desk: Desk, url: str, **other: Any) -> tuple[Program, int, str]:
    who = await program(desk)
    said = await who("POST", "/webhooks", {"url": url, "events": ALL, "every_team": True} | other)
    assert said.status == 201, said.body
    return who, said.body["subscription"]["id"], said.body["secret"]


async def test_what_happens_is_told_signed_and_without_a_customers_words(
    desk: Desk, teller: Teller, receiver: Receiver
) -> None:
    await desk.send(letter(Message_ID="<before@example.com>", subject="Avant"))
    await desk.settle()
    who, number, secret = await subscribe(desk, receiver.url)
    await desk.send(letter(Message_ID="<after@example.com>", subject="Apres"))
    await desk.settle()
    await desk.reply(2, "Bonjour Claire")
    await teller()
    kinds = {one["type"] for one in receiver.told()}
    assert kinds == {"message.received", "message.sent", "ticket.changed", "ticket.created"}
    fields = [one["data"] for one in receiver.told() if one["type"] == "ticket.changed"]
    assert ("status", "open", "waiting") in [(one["field"], one.get("old"), one.get("new")) for one in fields]
    assert {one["data"]["ticket"] for one in receiver.told()} == {2}
    for headers, body in receiver.got:
        assert verify(secret, headers, body)
        assert not verify(secret, {**headers, "webhook-id": "evt_0"}, body)
        assert not verify(secret, headers, body.replace(b"2", b"3"))
        for word in (b"claire", b"Claire", b"facture", b"Bonjour", b"Apres"):
            assert word not in body
    ids = [headers["webhook-id"] for headers, _body in receiver.got]
    assert len(set(ids)) == len(ids)
    await teller()
    assert len(receiver.got) == len(ids), "nothing is told twice"
    [first, *_] = (await who("GET", f"/webhooks/{number}/deliveries")).body["items"]
    assert (first["state"], first["tries"][0]["status"]) == ("done", 200)
    assert secret not in str((await who("GET", "/webhooks")).body)
    assert secret.removeprefix("whsec_") not in str(await desk.rows("SELECT * FROM webhook_subscription"))


async def test_it_is_told_again_under_the_same_id_until_the_schedule_ends(
    desk: Desk, teller: Teller, receiver: Receiver
) -> None:
    who, number, secret = await subscribe(desk, receiver.url)
    await who("POST", f"/webhooks/{number}/test", {})
    receiver.status = 500
    waits = []
    for _ in range(len(SCHEDULE) + 1):
        await teller()
        [row] = await desk.rows("SELECT state, extract(epoch FROM due_at - now()) AS wait FROM webhook_delivery")
        waits.append(float(row.wait))
        await desk.rows("UPDATE webhook_delivery SET due_at = now() RETURNING 1")
    assert row.state == "dead"
    for wait, step in zip(waits, SCHEDULE, strict=False):
        assert step - 2 <= wait <= step * 1.21
    assert len({headers["webhook-id"] for headers, _body in receiver.got}) == 1
    assert len(receiver.got) == len(SCHEDULE) + 1
    await teller()
    assert len(receiver.got) == len(SCHEDULE) + 1
    receiver.status = 204
    assert (await who("POST", f"/webhooks/{number}/replay", {})).body == {"count": 1}
    await teller()
    [row] = await desk.rows("SELECT state FROM webhook_delivery")
    assert row.state == "done"
    assert all(verify(secret, *one) for one in receiver.got)
    [shown] = (await who("GET", "/webhooks")).body["items"]
    assert shown["failing_since"] is None


@pytest.mark.parametrize(
    ("status", "headers", "pause", "error"),
    [
        (302, {"Location": "http://169.254.169.254/latest"}, 0, "answered 302"),
        (503, {"Retry-After": "3600"}, 0, "answered 503"),
        (200, {}, 1.0, "no answer within 0.5 s"),
    ],
)
async def test_what_is_no_yes_is_tried_later(
    desk: Desk, teller: Teller, receiver: Receiver, status: int, headers: dict[str, str], pause: float, error: str
) -> None:
    who, number, _secret = await subscribe(desk, receiver.url)
    receiver.status, receiver.headers, receiver.pause = status, headers, pause
    await who("POST", f"/webhooks/{number}/test", {})
    await teller()
    [row] = await desk.rows(
        "SELECT state, last_error, extract(epoch FROM due_at - now()) AS wait FROM webhook_delivery"
    )
    assert (row.state, row.last_error) == ("pending", error)
    assert (row.wait > 3000) == (status == 503)
    assert len(receiver.got) == 1


async def test_who_is_gone_or_fails_for_five_days_is_told_nothing_more(
    desk: Desk, teller: Teller, receiver: Receiver
) -> None:
    who, number, _secret = await subscribe(desk, receiver.url)
    receiver.status = 410
    await who("POST", f"/webhooks/{number}/test", {})
    await teller()
    shown = (await who("GET", f"/webhooks/{number}")).body
    assert shown["disabled_reason"].startswith("410")
    assert (await who("PATCH", f"/webhooks/{number}", {"enabled": True})).body["disabled_at"] is None
    receiver.status = 500
    await who("POST", f"/webhooks/{number}/test", {})
    await teller()
    assert (await who("GET", f"/webhooks/{number}")).body["disabled_at"] is None
    await desk.rows("UPDATE webhook_subscription SET failing_since = now() - interval '6 days' RETURNING 1")
    await desk.rows("UPDATE webhook_delivery SET due_at = now() RETURNING 1")
    await teller()
    assert (await who("GET", f"/webhooks/{number}")).body["disabled_reason"] == "it failed for too long"


async def test_while_a_secret_changes_both_sign(desk: Desk, teller: Teller, receiver: Receiver) -> None:
    who, number, old = await subscribe(desk, receiver.url)
    changed = await who("POST", f"/webhooks/{number}/secret", {}, Idempotency_Key="rotate")
    new = changed.body["secret"]
    again = await who("POST", f"/webhooks/{number}/secret", {}, Idempotency_Key="rotate")
    assert (again.status, again.body["secret"]) == (200, None), "a secret is shown once"
    await who("POST", f"/webhooks/{number}/test", {})
    await teller()
    assert old != new
    assert verify(old, *receiver.got[0])
    assert verify(new, *receiver.got[0])
    await desk.rows("UPDATE webhook_subscription SET previous_until = now() RETURNING 1")
    await who("POST", f"/webhooks/{number}/test", {})
    await teller()
    assert not verify(old, *receiver.got[1])
    assert verify(new, *receiver.got[1])


async def test_a_team_is_told_of_its_tickets_alone(desk: Desk, teller: Teller, receiver: Receiver) -> None:
    await subscribe(desk, receiver.url, every_team=False, teams=["billing"])
    for name in ("billing", "technical", "none"):
        await desk.send(letter(Message_ID=f"<{name}@example.com>", subject=name))
        await desk.settle()
    await desk.rows("UPDATE ticket SET team = subject WHERE subject <> 'none' RETURNING 1")
    await teller()
    seen = {one["data"]["ticket"] for one in receiver.told()}
    [hidden] = await desk.rows("SELECT id FROM ticket WHERE team = 'technical'")
    assert len(seen) == 2
    assert hidden.id not in seen


async def test_a_row_that_is_committed_late_is_told_all_the_same(
    desk: Desk, teller: Teller, receiver: Receiver
) -> None:
    await desk.send(letter())
    await desk.settle()
    await subscribe(desk, receiver.url)
    event = text("INSERT INTO ticket_event (ticket_id, actor, kind, new) VALUES (1, 'agent:1', 'priority', :new)")
    async with desk.database.engine.connect() as slow:
        await slow.execute(event, {"new": "low"})
        async with desk.database.engine.begin() as fast:
            await fast.execute(event, {"new": "high"})
        await teller()
        assert receiver.told() == [], "an id before it may still come"
        await slow.commit()
    await teller()
    assert [one["data"]["new"] for one in receiver.told()] == ["low", "high"]


async def test_the_frontier_waits_for_whoever_has_drawn_an_id(desk: Desk) -> None:
    frontier = Frontier("message_id_seq")
    async with desk.database.engine.connect() as slow, desk.database.engine.connect() as looking:
        assert await frontier.move(looking) == 0
        await slow.execute(text("SELECT nextval('message_id_seq')"))
        assert await frontier.move(looking) == 0
        async with desk.database.engine.begin() as other:
            await other.execute(text("SELECT nextval('message_id_seq')"))
        await looking.rollback()
        assert await frontier.move(looking) == 0
        await slow.rollback()
        assert max([await frontier.move(looking) for _ in range(2)]) == 2


async def test_a_slow_address_keeps_nobody_else_waiting(desk: Desk, teller: Teller, receiver: Receiver) -> None:
    slow = Receiver()
    slow.pause = 5
    runner = await slow.start()
    desk.settings.webhooks.timeout_seconds = 3
    who, first, _secret = await subscribe(desk, slow.url)
    _who, second, _secret = await subscribe(desk, receiver.url)
    for number in (*[first] * 8, second):
        await who("POST", f"/webhooks/{number}/test", {})
    begun = asyncio.get_running_loop().time()
    await teller.webhooks.drain()
    assert len(receiver.got) == 1
    assert asyncio.get_running_loop().time() - begun < 2
    await who("POST", f"/webhooks/{second}/test", {})
    await teller.webhooks.drain()
    assert len(receiver.got) == 2
    assert len(slow.got) == 5
    await runner.cleanup()


# --- addresses that must not be called (T12) ----------------------------------------------------------------------

FORMS = [  # every notation that something takes for an address
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0",
    "0.0.0.0",
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
    "[0:0:0:0:0:ffff:8.8.8.8]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "[2001:db8::1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]",
    "[2001:0:7f00:1::]", "localhost", "localhost.", "LOCALHOST", "ip6-localhost", "127.0.0.1.",
    "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1",
]  # fmt: skip


async def test_no_form_of_an_address_within_is_ever_reached(receiver: Receiver) -> None:
    assert len(FORMS) >= 40
    async with session(2) as client:

        async def refused(form: str) -> bool:
            try:
                async with client.post(f"http://{form}:{receiver.port}/hook", data=b"x", allow_redirects=False):
                    return False
            except (ClientError, OSError, ValueError, TimeoutError):
                return True

        answers = await asyncio.gather(*map(refused, FORMS))
    assert [form for form, no in zip(FORMS, answers, strict=True) if not no] == []
    assert receiver.got == []


async def test_the_same_forms_reach_the_receiver_where_the_settings_allow_it(receiver: Receiver) -> None:
    """So that the test above can fail: these are addresses of the receiver, once they may be called."""
    async with session(2, networks(["127.0.0.0/8"])) as client:
        for form in ("127.0.0.1", "0x7f.0.0.1", "localhost"):
            async with client.post(f"http://{form}:{receiver.port}/hook", data=b"x") as answer:
                assert answer.status == 200
    assert len(receiver.got) == 3


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.sampled_from([ip_address("10.0.0.1")])))
def test_whatever_carries_an_address_of_ours_is_forbidden(address: object) -> None:
    inner = address if address.version == 4 else address.ipv4_mapped or address.sixtofour
    if not address.is_global or (inner is not None and not inner.is_global):
        assert forbidden(str(address)) != ""
    if address.version == 4:
        number = int(address)
        for carrier in (number, 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
            assert forbidden(str(IPv6Address(carrier))) != "", "even where what it carries is public"


async def test_a_name_that_turns_inward_later_is_caught_when_it_is_called(
    desk: Desk, teller: Teller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: the name was public when it was subscribed, and is one of ours when it is resolved for the call."""
    desk.settings.webhooks.allowed_networks = []
    teller.webhooks = Webhooks(desk.database, desk.settings)
    who, number, _secret = await subscribe(desk, f"http://rebinding.example:{receiver.port}/hook")
    loop = asyncio.get_running_loop()
    ask = loop.getaddrinfo

    async def rebound(host: str, port: int, **other: Any) -> Any:
        return await ask("127.0.0.1" if host == "rebinding.example" else host, port, **other)

    monkeypatch.setattr(loop, "getaddrinfo", rebound, raising=False)
    await who("POST", f"/webhooks/{number}/test", {})
    await teller.webhooks.drain()
    await teller.webhooks.landed()
    [attempt] = await desk.rows("SELECT status, error FROM webhook_attempt")
    assert attempt.status is None
    assert receiver.got == []


def test_public_addresses_and_networks_of_the_settings_may_be_called() -> None:
    for address in ("8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4007::1"):
        assert forbidden(address) == ""
    assert forbidden("10.1.2.3", networks(["10.1.0.0/16"])) == ""
    assert forbidden("10.2.2.3", networks(["10.1.0.0/16"])) != ""
    assert forbidden("::ffff:10.1.2.3", networks(["10.1.0.0/16"])) != ""
    assert forbidden("fe80::1%eth0") != ""
    assert forbidden("name") != ""
