"""Meta's door: who gets in, and what everybody else is told. Nothing unsigned is ever stored."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from channels.webhook import Hold, Turned
from config.settings import Settings
from tests.desk import Desk
from tests.fakes.meta import SECRET, VERIFY, message, sign, webhook
from tests.provider_desk import known, tell
from workers.reader import Reader

pytest_plugins = ("tests.provider_fixtures",)
BODY = webhook([message(text="Bonjour")])
JSON = {"Content-Type": "application/json"}


async def ask(desk: Desk, **query: str) -> tuple[int, str]:
    given = {f"hub.{name}": value for name, value in query.items()}
    async with desk.http.get(f"{desk.url}/webhooks/meta", params=given) as answer:
        return answer.status, await answer.text()


async def test_meta_is_shown_that_the_address_is_ours(phone_desk: Desk) -> None:
    assert await ask(phone_desk, mode="subscribe", verify_token=VERIFY, challenge="1158201444") == (200, "1158201444")
    for wrong in (
        {"mode": "subscribe", "verify_token": "guess", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "", "challenge": "1"},
        {"mode": "subscribe", "challenge": "1"},
        {"mode": "unsubscribe", "verify_token": VERIFY, "challenge": "1"},
        {"mode": "subscribe", "verify_token": VERIFY, "challenge": "<script>"},
        {},
    ):
        assert (await ask(phone_desk, **wrong))[0] == 403


def mac(body: bytes, secret: str = SECRET, digest: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, digest).hexdigest()


FORGED: dict[str, dict[str, str]] = {
    "no header": JSON,
    "empty header": {**JSON, "X-Hub-Signature-256": ""},
    "no algorithm": {**JSON, "X-Hub-Signature-256": mac(BODY)},
    "another algorithm's name": {**JSON, "X-Hub-Signature-256": f"sha1={mac(BODY)}"},
    "SHA-1 alone": {**JSON, "X-Hub-Signature": f"sha1={mac(BODY, digest='sha1')}"},
    "SHA-1 in the other header": {**JSON, "X-Hub-Signature-256": f"sha256={mac(BODY, digest='sha1')}"},
    "another secret": {**JSON, "X-Hub-Signature-256": f"sha256={mac(BODY, 'guess')}"},
    "an empty secret": {**JSON, "X-Hub-Signature-256": f"sha256={mac(BODY, '')}"},
    "another body": {**JSON, "X-Hub-Signature-256": f"sha256={mac(BODY + b' ')}"},
    "cut short": {**JSON, "X-Hub-Signature-256": f"sha256={mac(BODY)[:-1]}"},
    "upper case": {**JSON, "X-Hub-Signature-256": f"sha256={mac(BODY).upper()}"},
    "a plain digest": {**JSON, "X-Hub-Signature-256": f"sha256={hashlib.sha256(BODY).hexdigest()}"},
    "letters that are none": {**JSON, "X-Hub-Signature-256": "sha256=" + "é" * 32},
    "two signatures": {**JSON, "X-Hub-Signature-256": f"sha256={'0' * 64}, sha256={mac(BODY)}"},
}


async def test_nothing_forged_is_accepted(phone_desk: Desk) -> None:  # B65
    for name, headers in FORGED.items():
        assert await tell(phone_desk, BODY, headers) == 401, name
    for changed in (BODY.replace(b"Bonjour", b"Bonsoir"), BODY + b" ", BODY[:-1], b""):
        assert await tell(phone_desk, changed, sign(BODY)) == 401
    assert await phone_desk.balance() == []
    async with phone_desk.http.get(f"{phone_desk.url}/metrics") as answer:
        metrics = await answer.text()
    assert 'guichet_webhook_refused_total{channel="meta",reason="unsigned"} 10.0' in metrics
    assert 'guichet_webhook_refused_total{channel="meta",reason="signature"} 8.0' in metrics


async def test_a_desk_without_a_secret_believes_nobody(settings: Settings, phone_reader: Reader) -> None:  # B65
    bare = type(settings.meta)()
    async with Desk(settings.model_copy(update={"meta": bare}), phone_reader) as desk:
        for headers in (sign(BODY), sign(BODY, ""), JSON):
            assert await tell(desk, BODY, headers) == 401
        assert (await ask(desk, mode="subscribe", verify_token="", challenge="1"))[0] == 403
        assert await desk.balance() == []


async def test_both_secrets_count_while_one_is_being_changed(settings: Settings, phone_reader: Reader) -> None:
    changing = known(meta={"app_secret": "new", "previous_app_secret": SECRET})
    async with Desk(settings.model_copy(update=changing), phone_reader) as desk:
        assert [await tell(desk, BODY, sign(BODY, secret)) for secret in ("new", SECRET, "older")] == [200, 200, 401]


async def test_a_replayed_webhook_changes_nothing(phone_desk: Desk) -> None:  # B66
    assert [await tell(phone_desk, BODY) for _time in range(3)] == 3 * [200]
    await phone_desk.settle()
    assert [(row.received, row.ticket) for row in await phone_desk.balance()] == [(1, 1)]


DEEP = b'{"object":"whatsapp_business_account","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BROKEN = {
    "no JSON": b"hello",
    "NaN": b'{"object":"whatsapp_business_account","entry":[{"id":NaN}]}',
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "bad UTF-8": BODY.replace(b"Bonjour", b"\xff\xfe"),
    "too deep": DEEP,
    "a list": b"[]",
    "no entry": b'{"object":"whatsapp_business_account"}',
    "nothing": b"",
}


async def test_what_is_signed_and_no_webhook_is_said_to_be_none(phone_desk: Desk) -> None:  # B73
    for name, body in BROKEN.items():
        assert await tell(phone_desk, body) == 400, name
    assert await phone_desk.balance() == []


async def test_signed_bytes_within_an_entry_that_nobody_can_read_are_kept(phone_desk: Desk) -> None:
    body = (
        b'{"object":"whatsapp_business_account","entry":[{"id":"1"},"x",{"changes":[{"field":"messages","value":3}]}]}'
    )
    assert await tell(phone_desk, body) == 200
    await phone_desk.settle()
    [row] = await phone_desk.balance()
    assert (row.received, row.quarantined, row.difference) == (2, 2, 0)


async def test_other_ways_of_asking_are_told_what_is_wrong(phone_desk: Desk) -> None:  # B73, B74
    url = f"{phone_desk.url}/webhooks/meta"
    async with phone_desk.http.put(url, data=BODY, headers=sign(BODY)) as answer:
        assert answer.status == 405
    assert await tell(phone_desk, BODY, {**sign(BODY), "Content-Type": "text/plain"}) == 415
    bomb = gzip.compress(b" " * 50_000_000)
    assert await tell(phone_desk, bomb, {**sign(bomb), "Content-Encoding": "gzip"}) == 415
    large = b" " * (4 * 2**20 + 1)
    assert await tell(phone_desk, large, sign(large)) == 413
    assert await phone_desk.balance() == []


async def test_three_megabytes_are_accepted(phone_desk: Desk) -> None:
    messages = [message(wamid=f"wamid.L{n}", text=str(n) * 3_000) for n in range(200)]
    body = webhook(messages, padding="x" * (3_000_000 - len(webhook(messages))))
    assert len(body) > 3_000_000
    assert await tell(phone_desk, body) == 200
    rows = await phone_desk.rows("SELECT count(*) AS items, count(DISTINCT lane) AS lanes FROM inbox")
    assert [(row.items, row.lanes) for row in rows] == [(201, 2)]


def test_many_large_bodies_at_once_are_put_off() -> None:
    hold = Hold(10)
    with hold.counting(6):
        with pytest.raises(Turned) as turned, hold.counting(5):
            pass
        assert turned.value.status == 503
    with hold.counting(10):
        pass


async def test_a_body_that_does_not_come_is_not_waited_for(settings: Settings, phone_reader: Reader) -> None:  # B75
    hasty = settings.http.model_copy(update={"body_seconds": 0.3})
    async with Desk(settings.model_copy(update={**known(), "http": hasty}), phone_reader) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.http.port)
        head = {"Host": "x", "Content-Length": str(len(BODY)), **sign(BODY)}
        lines = ["POST /webhooks/meta HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + BODY[:10])
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 408")
        writer.close()
        assert await desk.balance() == []


@asynccontextmanager
async def renamed(desk: Desk) -> AsyncIterator[None]:
    """Meanwhile no message can be stored."""

    async def execute(statement: str) -> None:
        async with desk.database.engine.begin() as connection:
            await connection.execute(text(statement))

    await execute("ALTER TABLE inbox RENAME TO inbox_away")
    try:
        yield
    finally:
        await execute("ALTER TABLE inbox_away RENAME TO inbox")


async def test_while_the_database_is_away_meta_is_told_to_come_again(phone_desk: Desk) -> None:
    post = phone_desk.http.post(f"{phone_desk.url}/webhooks/meta", data=BODY, headers=sign(BODY))
    async with renamed(phone_desk), post as answer:
        assert (answer.status, answer.headers["Retry-After"], await answer.text()) == (503, "10", "")
    assert await tell(phone_desk, BODY) == 200
