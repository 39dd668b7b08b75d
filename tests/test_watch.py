"""Alarms, from the ledger's rows to a mail and a webhook; the flow by minute; signs of life."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from config.letters import TEMPLATES
from config.settings import Settings
from models import alarm, flow, presence
from models.alive import alive
from tests.desk import Desk, free_port, letter
from workers.watch import Watch, certificate_end

SECRET = "whsec_" + base64.b64encode(b"a key of this test").decode()


class Ear:
    """A webhook's receiver: `status` is what it answers."""

    def __init__(self) -> None:
        self.port, self.status = free_port(), 204
        self.heard: list[tuple[dict[str, str], bytes]] = []

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    ear = Ear()
    app = web.Application()
    app.router.add_post("/alarms", ear.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", ear.port).start()
    yield ear
    await runner.cleanup()


@pytest.fixture
def settings(settings: Settings, ear: Ear) -> Settings:
    limits = {
        "addresses": ["ops@example.org"],
        "webhook": f"http://127.0.0.1:{ear.port}/alarms",
        "webhook_secret": SECRET,
        "every_seconds": 0.001,
        "quarantine_hour": 1,
        "undelivered_hour": 1,
        "disk_percent": 0,
    }
    return Settings(**{**settings.model_dump(exclude={"alarms"}), "alarms": limits})


def watch_of(desk: Desk, *, redis: bool = True) -> Watch:
    return Watch(desk.database, desk.ingest.office, lambda: redis)


async def kinds(desk: Desk) -> list[str]:
    async with desk.database.engine.connect() as connection:
        return [one.kind for one in await alarm.current(connection)]


TROUBLES = {
    "late": "UPDATE inbox SET due_at = now() - interval '2 minutes' RETURNING 1",
    "quarantine": "UPDATE inbox SET state = 'dead', outcome = 'quarantined', settled_at = now() RETURNING 1",
    "balance": "UPDATE inbox SET state = 'done', outcome = '', settled_at = now() RETURNING 1",
    "undelivered": "INSERT INTO outbox (unique_key, state, settled_at) VALUES ('x', 'dead', now()) RETURNING 1",
    "breaker": 'INSERT INTO message (reasons) VALUES (\'{"acknowledge": "A19: spent"}\') RETURNING 1',
    "fetching": "INSERT INTO cursor (name, last_error) VALUES ('email:x', 'LOGIN failed') RETURNING 1",
    "drift": "INSERT INTO cursor (name, drift) VALUES ('email:x', 3) RETURNING 1",
    "process": (
        "INSERT INTO presence (name, kind, seen_at) VALUES ('h:1', 'gateway', now() - interval '5 min') RETURNING 1"
    ),
    "silent": (
        "INSERT INTO flow (at, channel, received) SELECT now() - make_interval(weeks => week, mins => 10), 'email', 9"
        " FROM generate_series(1, 4) AS week RETURNING 1"
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_each_trouble_is_an_alarm_once_and_is_over_once(desk: Desk, ear: Ear, name: str) -> None:
    watch = watch_of(desk)
    await desk.send(letter())
    assert await watch.look() == 0
    await desk.rows(TROUBLES[name])
    assert await watch.look() == 1
    assert await watch.look() == 0, "it was told already"
    assert await kinds(desk) == [name]
    async with desk.database.engine.begin() as connection:
        await connection.execute(text("TRUNCATE inbox, outbox, message, cursor, presence, flow CASCADE"))
    assert await watch.look() == 1
    assert await kinds(desk) == []


async def test_an_alarm_reaches_its_address_and_its_webhook(desk: Desk, ear: Ear) -> None:
    watch = watch_of(desk)
    await desk.send(letter())
    await desk.rows(TROUBLES["balance"])
    await watch.look()
    await desk.dispatch()
    [mail] = desk.outgoing()
    assert b"To: ops@example.org" in mail
    assert b"Alarm: The balance does not add up" in mail
    assert b"Items: 1" in mail
    assert await watch.tell() == 1
    assert await watch.tell() == 0
    [(headers, body)] = ear.heard
    said: dict[str, Any] = json.loads(body)
    assert said["type"] == "alarm.raised"
    assert said["data"]["detail"]["items"] == [1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mark = base64.b64encode(hmac.digest(b"a key of this test", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{mark}"


async def test_a_webhook_that_is_away_hears_it_later_and_the_mail_goes_all_the_same(desk: Desk, ear: Ear) -> None:
    watch, ear.status = watch_of(desk, redis=False), 500
    assert await watch.look() == 1
    assert await watch.tell() == 0
    assert await watch.tell() == 0, "not before its time"
    ear.status = 204
    await desk.rows("UPDATE alarm SET told_after = now() RETURNING 1")
    assert await watch.tell() == 1
    first, second = (headers["webhook-id"] for headers, _body in ear.heard)
    assert first == second
    await desk.dispatch()
    assert len(desk.outgoing()) == 1


async def test_two_workers_raise_one_alarm(desk: Desk, ear: Ear) -> None:
    await desk.send(letter())
    await desk.rows(TROUBLES["balance"])
    await asyncio.gather(*(watch_of(desk).look() for _ in range(5)))
    [row] = await desk.rows("SELECT count(*) AS count FROM alarm")
    assert row.count == 1


async def test_the_flow_says_what_came_in_and_went_out_and_how_long_it_took(desk: Desk, ear: Ear) -> None:
    for number in range(3):
        await desk.send(letter(subject=f"Nr {number}", Message_ID=f"<{number}@example.com>"))
    await desk.settle()
    await desk.dispatch()
    await desk.rows(
        "UPDATE inbox SET received_at = received_at - interval '90 s', settled_at = settled_at - interval '88 s'"
        " RETURNING 1"
    )
    await desk.rows("UPDATE outbox SET settled_at = settled_at - interval '88 s', kind = 'reply' RETURNING 1")
    watch = watch_of(desk)
    assert await watch.count() == 11
    assert await watch.count() == 0, "every minute is counted once"
    async with desk.database.engine.connect() as connection:
        now = (await desk.rows("SELECT extract(epoch FROM now()) AS now"))[0].now
        for name, (length, slot) in flow.PERIODS.items():
            period = await flow.period(connection, name, float(now))
            assert len(period.slots) == length // slot
            assert (period.total("received"), period.total("settled"), period.total("delivered")) == (3, 3, 1)
            assert sum(period.settling) == 3
            assert 1.0 < (flow.percentile(period.settling, 0.5) or 0) < 5.0
            assert period.by_channel["email"]["received"] == 3


async def test_a_process_gives_signs_of_life_and_goes_in_order(desk: Desk, ear: Ear, tmp_path: Path) -> None:
    async def everybody() -> list[presence.Seen]:
        async with desk.database.engine.connect() as connection:
            return await presence.everybody(connection)

    async with alive(desk.database, "worker", tmp_path, lambda: {"settled": 7}):
        await desk.wait("SELECT count(*) FROM presence")
        [one] = await everybody()
        assert one.alive
        assert one.figures["settled"] == 7
        assert one.figures["disk_free"] > 0
    assert await everybody() == []


def test_every_kind_has_its_words_in_both_languages() -> None:
    words = tomllib.loads((TEMPLATES / "alarm" / "texts.toml").read_text("utf-8"))
    for language in ("fr", "en"):
        assert {kind for kind in words[language] if isinstance(words[language][kind], dict)} == set(alarm.KINDS)
        assert all(words[language][kind].keys() == {"title", "todo"} for kind in alarm.KINDS)


def test_what_is_no_certificate_has_no_end(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    assert certificate_end(None) is certificate_end(tmp_path / "x.pem") is certificate_end(tmp_path / "none") is None


@given(st.lists(st.integers(0, 1000), min_size=len(flow.EDGES) + 1, max_size=len(flow.EDGES) + 1), st.floats(0.01, 1))
def test_a_percentile_lies_within_its_slot(histogram: list[int], part: float) -> None:
    value = flow.percentile(histogram, part)
    if not sum(histogram):
        assert value is None
        return
    assert value is not None
    below = sum(count for count, edge in zip(histogram, flow.EDGES, strict=False) if edge < value)
    assert below <= part * sum(histogram) + 1e-6
