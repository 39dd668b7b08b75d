"""Accounts: what administrators change about others, agents about themselves, and the command about all."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from typing import Any

from aiohttp import ClientSession

from config.settings import Settings
from config.staff import Staff
from models import agents
from tests.desk import Desk
from tests.provider_desk import known
from tests.staff import CHOSEN, PASSWORD, choose, hire, link_sent, sign_in
from workers.reader import Reader

# --- administration -------------------------------------------------------------------------------------------------


async def post(http: ClientSession, url: str, **fields: Any) -> int:
    async with http.post(url, data=fields, allow_redirects=False) as answer:
        return answer.status


async def test_an_administrator_invites_changes_and_shuts_out(desk: Desk) -> None:
    crew = await hire(desk)
    async with await crew.http("ada") as ada:
        invited = {"email": "lou@example.org", "name": "Lou", "role": "agent", "team": "billing"}
        assert await post(ada, f"{desk.url}/agents", **invited) == 303
        assert await post(ada, f"{desk.url}/agents", **invited | {"email": "LOU@example.org"}) == 422
        assert await post(ada, f"{desk.url}/agents", **invited | {"email": "no address"}) == 422
        assert await choose(desk, await link_sent(desk)) == 303
        status, _page = await sign_in(desk, "lou@example.org", CHOSEN, lou := await crew.http())
        assert status == 303
        [[number]] = await desk.rows("SELECT id FROM agent WHERE email = 'lou@example.org'")
        place = f"{desk.url}/agents/{number}"
        async with lou.get(f"{desk.url}/operations") as answer:
            assert answer.status == 403
        assert await post(ada, f"{place}/access", role="supervisor", team="technical") == 303
        async with lou.get(f"{desk.url}/operations") as answer:
            assert answer.status == 200, "at the next request"
        assert await post(ada, f"{place}/access", role="emperor") == 400
        assert await post(ada, f"{place}/access", role="agent", team="unknown") == 400
        assert await post(ada, f"{place}/disable") == 303
        async with lou.get(f"{desk.url}/account") as answer:
            assert answer.status == 401
        await lou.close()
        assert await post(ada, f"{desk.url}/agents/{crew.ids['ada']}/disable") == 422
        assert await post(ada, f"{desk.url}/agents/{crew.ids['ada']}/access", role="agent") == 422
        async with ada.get(place) as answer:
            assert answer.status == 200
        for nonsense in ("0", "-1", "x", "9" * 30):
            async with ada.get(f"{desk.url}/agents/{nonsense}") as answer:
                assert answer.status == 404
    kinds = await desk.rows(
        "SELECT kind, actor, old, new FROM access_event WHERE agent_id = :id ORDER BY id", id=number
    )
    label = f"agent:{crew.ids['ada']}"
    assert [tuple(row) for row in kinds if row.actor == label] == [
        ("invited", label, "", "agent"),
        ("teams", label, "", "billing"),
        ("role", label, "agent", "supervisor"),
        ("teams", label, "billing", "technical"),
        ("disabled", label, "", ""),
    ]


async def test_two_administrators_cannot_shut_each_other_out(desk: Desk) -> None:
    crew = await hire(desk)
    ids = (crew.ids["ada"], crew.ids["sonia"])

    async def shut(whom: int) -> str:
        try:
            async with desk.database.engine.begin() as connection:
                await agents.disable(connection, agents.COMMAND_LINE, whom)
        except agents.LastAdministrator:
            return "kept"
        return "out"

    for _round in range(10):
        await desk.rows(
            "UPDATE agent SET role = 'administrator', disabled_at = NULL WHERE id = ANY(:ids) RETURNING 1",
            ids=list(ids),
        )
        assert sorted(await asyncio.gather(*(shut(one) for one in ids))) == ["kept", "out"]


# --- one's own account ----------------------------------------------------------------------------------------------


async def test_a_password_is_changed_by_whoever_knows_it_and_other_browsers_are_signed_out(desk: Desk) -> None:
    crew = await hire(desk)
    async with await crew.http("marie") as here, await crew.http("marie") as there:
        fields = {"old": "wrong", "password": CHOSEN, "again": CHOSEN}
        assert await post(here, f"{desk.url}/account/password", **fields) == 422
        assert await post(here, f"{desk.url}/account/password", **fields | {"old": PASSWORD}) == 303
        async with here.get(f"{desk.url}/account") as answer:
            assert answer.status == 200
        async with there.get(f"{desk.url}/account") as answer:
            assert answer.status == 401


async def test_browsers_are_signed_out_one_by_one_or_all_others_and_never_somebody_elses(desk: Desk) -> None:
    crew = await hire(desk)
    windows = [await crew.http("marie") for _ in range(3)]
    paul = await crew.http("paul")
    [[others]] = await desk.rows(
        "SELECT left(encode(token_hash, 'hex'), 16) FROM agent_session WHERE agent_id = :id", id=crew.ids["paul"]
    )
    await post(windows[0], f"{desk.url}/account/sessions", session=others)
    async with paul.get(f"{desk.url}/account") as answer:
        assert answer.status == 200
    await post(windows[0], f"{desk.url}/account/sessions", session="others")
    found = []
    for http in windows:
        async with http.get(f"{desk.url}/account") as answer:
            found.append(answer.status)
        await http.close()
    await paul.close()
    assert found == [200, 401, 401]


async def test_a_telephone_counts_once_its_code_came_back(settings: Settings, reader: Reader) -> None:
    staff = Staff(text_by="twilio", text_from="+33757000001")
    telephony = {"staff": staff, "twilio": known()["twilio"]}
    async with Desk(settings.model_copy(update=telephony), reader) as desk:
        crew = await hire(desk)
        async with await crew.http("marie") as http:
            account = f"{desk.url}/account"
            assert await post(http, f"{account}/telephone", telephone="hello") == 422
            assert await post(http, f"{account}/notify", channel="twilio") == 422, "not before it is proved"
            assert await post(http, f"{account}/telephone", telephone="06 12 34 56 78") == 303
            [[sent]] = await desk.rows("SELECT payload->>'text' FROM outbox WHERE channel = 'twilio'")
            code = re.findall(r"\d{6}", sent)[0]
            wrong = f"{(int(code) + 1) % 1_000_000:06}"
            assert await post(http, f"{account}/telephone/code", code=wrong) == 422
            assert await post(http, f"{account}/telephone/code", code=f"{code[:3]} {code[3:]}") == 303
            assert await post(http, f"{account}/telephone/code", code=code) == 422, "once"
            assert await post(http, f"{account}/notify", channel="twilio", quiet_from="20:00", quiet_to="08:00") == 303
            assert await post(http, f"{account}/notify", channel="twilio", quiet_from="20:00") == 422
        row = (await desk.rows("SELECT * FROM agent WHERE email LIKE 'marie%'"))[0]
        assert (row.telephone, row.notify_channel, row.quiet_hours) == ("+33612345678", "twilio", "20:00-08:00")
        assert row.telephone_verified_at is not None


async def test_a_code_is_not_to_be_guessed(settings: Settings, reader: Reader) -> None:
    staff = Staff(text_by="twilio", text_from="+33757000001")
    async with Desk(settings.model_copy(update={"staff": staff}), reader) as desk:
        crew = await hire(desk)
        async with await crew.http("marie") as http:
            account = f"{desk.url}/account"
            await post(http, f"{account}/telephone", telephone="+33612345678")
            [[sent]] = await desk.rows("SELECT payload->>'text' FROM outbox WHERE channel = 'twilio'")
            code = re.findall(r"\d{6}", sent)[0]
            guesses = [f"{(int(code) + 1 + n) % 1_000_000:06}" for n in range(6)]
            found = [await post(http, f"{account}/telephone/code", code=guess) for guess in guesses]
            assert found == [422] * 5 + [429]
            assert await post(http, f"{account}/telephone/code", code=code) == 429
        [[number]] = await desk.rows("SELECT telephone FROM agent WHERE email LIKE 'marie%'")
        assert number == ""


async def test_presence_language_and_name_are_ones_own(desk: Desk) -> None:
    crew = await hire(desk)
    async with await crew.http("marie") as http:
        assert await post(http, f"{desk.url}/account/presence", presence="available", next="/account") == 303
        assert await post(http, f"{desk.url}/account/presence", presence="asleep") == 400
        assert await post(http, f"{desk.url}/account/language", language="fr") == 303
        profile = {"name": "Marie D.", "language": "fr", "timezone": "America/Montreal", "role": "administrator"}
        assert await post(http, f"{desk.url}/account", **profile) == 303
        assert await post(http, f"{desk.url}/account", **profile | {"timezone": "Mars/Olympus"}) == 422
        async with http.get(f"{desk.url}/account") as answer:
            assert answer.headers["Content-Language"] == "fr"
            assert "Marie D." in await answer.text()
    row = (await desk.rows("SELECT * FROM agent WHERE email LIKE 'marie%'"))[0]
    assert (row.presence, row.timezone, row.role) == ("available", "America/Montreal", "agent")


# --- the command ----------------------------------------------------------------------------------------------------


def guichet(desk: Desk, *line: str) -> tuple[int, str]:
    environment = os.environ | {
        "DATABASE_URL": desk.settings.database_url,
        "REDIS_URL": desk.settings.redis_url,
        "GUICHET_VAR": str(desk.settings.var),
        "GUICHET_HTTP__PORT": str(desk.settings.http.port),
    }
    done = subprocess.run(
        [sys.executable, "-m", "guichet", "agents", *line], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


async def test_the_first_administrator_is_made_by_a_command_and_comes_in_by_its_link(desk: Desk) -> None:
    status, said = await asyncio.to_thread(
        guichet, desk, "add", "ada@example.org", "--name", "Ada", "--role", "administrator", "--json"
    )
    assert status == 0, said
    made = json.loads(said)
    assert (made["email"], made["role"], made["state"]) == ("ada@example.org", "administrator", "invited")
    assert await choose(desk, made["link"]) == 303
    status, said = await asyncio.to_thread(guichet, desk, "disable", "ada@example.org")
    assert (status, "Somebody must be left" in said) == (1, True), said
    status, said = await asyncio.to_thread(guichet, desk, "list", "--json")
    assert json.loads(said)["state"] == "active"
