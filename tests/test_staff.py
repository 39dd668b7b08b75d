"""Who is asking, and may they? Through the real gateway."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiohttp import ClientSession

from config.settings import Settings
from config.staff import Staff
from models import agents, password, proofs, sessions
from tests.desk import Desk
from tests.staff import PASSWORD, hire
from workers.reader import Reader

PAGE = {"Accept": "text/html"}


async def test_before_anybody_was_made_operations_are_open_here_and_the_console_says_how_to_begin(desk: Desk) -> None:
    for path in ("/operations", "/operations/state.json", "/metrics", "/healthz", "/readyz"):
        async with desk.http.get(desk.url + path) as answer:
            assert answer.status == 200, path
    async with desk.http.get(f"{desk.url}/console?lang=en", headers=PAGE) as answer:
        assert answer.status == 200
        assert "guichet agents add" in await answer.text()
    async with desk.http.get(f"{desk.url}/operations", headers={"X-Forwarded-For": "127.0.0.1"}) as answer:
        assert answer.status == 401


async def test_once_there_is_an_agent_operations_need_a_supervisor(desk: Desk) -> None:
    crew = await hire(desk)
    async with desk.http.get(f"{desk.url}/operations", headers=PAGE, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2Foperations")
    async with desk.http.get(f"{desk.url}/operations/state.json") as answer:
        assert (answer.status, answer.content_type) == (401, "application/problem+json")
    for who, status in (("marie", 403), ("sonia", 200), ("ada", 200)):
        async with await crew.http(who) as http, http.get(f"{desk.url}/operations") as answer:
            assert answer.status == status, who


async def test_while_the_database_is_away_operations_stay_for_whom_was_seen_signed_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = await hire(desk)
    async with await crew.http("sonia") as sonia, await crew.http("marie") as marie:
        for http in (sonia, marie):
            async with http.get(f"{desk.url}/account") as answer:
                assert answer.status == 200

        async def away(*_arguments: object, **_values: object) -> None:
            raise OSError("away")

        monkeypatch.setattr(sessions, "recognise", away)
        monkeypatch.setattr(sessions, "anybody", away)
        for http, path, status in (
            (sonia, "/operations", 200),
            (sonia, "/account", 503),
            (sonia, "/agents", 503),
            (marie, "/operations", 503),
            (desk.http, "/operations", 401),
        ):
            async with http.get(desk.url + path) as answer:
                assert answer.status == status, path


# --- passwords and sessions -----------------------------------------------------------------------------------------


async def sign_in(desk: Desk, email: str, said: str, http: ClientSession | None = None) -> tuple[int, str]:
    session = http or desk.http
    posted = {"email": email, "password": said}
    headers = {"Origin": desk.url} | PAGE
    url = f"{desk.url}/sign-in?lang=en"
    async with session.post(url, data=posted, headers=headers, allow_redirects=False) as answer:
        return answer.status, re.sub(r'value="[^"]*"', "", await answer.text())


async def test_unknown_wrong_and_disabled_get_the_same_answer(desk: Desk) -> None:
    await hire(desk)
    await desk.rows("UPDATE agent SET disabled_at = now() WHERE email LIKE 'paul%' RETURNING 1")
    answers = {
        await sign_in(desk, email, said)
        for email, said in (
            ("nobody@example.org", PASSWORD),
            ("marie@example.org", "wrong"),
            ("marie@example.org", ""),
            ("paul@example.org", PASSWORD),
        )
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401


async def test_the_clock_does_not_tell_who_has_an_account(desk: Desk) -> None:
    await hire(desk)
    password.matches(None, "warm")
    times: dict[str, list[float]] = {"marie@example.org": [], "nobody@example.org": []}
    for _round in range(4):
        for email, taken in times.items():
            begin = time.perf_counter()
            await sign_in(desk, email, "wrong")
            taken.append(time.perf_counter() - begin)
    quickest = [min(taken) for taken in times.values()]
    assert max(quickest) < 2 * min(quickest), times
    assert min(quickest) > 0.02, "both paid for the hash"


async def test_trying_passwords_is_bounded_by_account_and_by_address(settings: Settings, reader: Reader) -> None:
    staff = Staff(attempts_per_account=3, attempts_per_minute=8)
    async with Desk(settings.model_copy(update={"staff": staff}), reader) as desk:
        await hire(desk)
        found = [(await sign_in(desk, "marie@example.org", "wrong"))[0] for _ in range(4)]
        assert found == [401, 401, 401, 429]
        assert (await sign_in(desk, "MARIE@example.org", PASSWORD))[0] == 429, "even the right one waits"
        found = [(await sign_in(desk, f"{n}@example.org", "wrong"))[0] for n in range(4)]
        assert found == [401, 401, 401, 429]


async def test_half_a_day_is_half_a_day(settings: Settings, reader: Reader) -> None:
    staff = Staff(session_days=0.5, idle_hours=0.25)
    async with Desk(settings.model_copy(update={"staff": staff}), reader) as desk:
        crew = await hire(desk)
        async with await crew.http("marie") as http:
            [[hours]] = await desk.rows("SELECT extract(epoch FROM expires_at - now()) / 3600 FROM agent_session")
            assert 11.9 < hours < 12.1
            for minutes, status in ((14, 200), (16, 401)):
                await desk.rows(
                    "UPDATE agent_session SET seen_at = now() - make_interval(mins => :ago) RETURNING 1", ago=minutes
                )
                async with http.get(f"{desk.url}/account") as answer:
                    assert answer.status == status


async def test_each_sign_in_makes_a_new_cookie_and_ends_the_one_before(desk: Desk) -> None:
    crew = await hire(desk)
    async with await crew.http("marie") as http:
        first = {cookie.value for cookie in http.cookie_jar}
        await sign_in(desk, "marie@example.org", PASSWORD, http)
        second = {cookie.value for cookie in http.cookie_jar}
        assert not first & second
        cookie = next(iter(http.cookie_jar))
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
    [[stored]] = await desk.rows("SELECT token_hash FROM agent_session")
    assert stored == hashlib.sha256(second.pop().encode()).digest()


async def test_with_https_the_cookie_is_for_this_host_alone(settings: Settings, reader: Reader) -> None:
    async with Desk(settings.model_copy(update={"public_url": "https://desk.example"}), reader) as desk:
        await hire(desk)
        posted = {"email": "marie@example.org", "password": PASSWORD}
        headers = {"Origin": "https://desk.example"}
        async with desk.http.post(f"{desk.url}/sign-in", data=posted, headers=headers, allow_redirects=False) as answer:
            cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-guichet=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE agent_session SET expires_at = now() - interval '1 s' RETURNING 1",
        "UPDATE agent_session SET seen_at = now() - interval '9 hours' RETURNING 1",
        "DELETE FROM agent_session RETURNING 1",
        "UPDATE agent SET disabled_at = now() RETURNING 1",
    ],
    ids=["expired", "idle", "ended", "disabled"],
)
async def test_a_session_ends(desk: Desk, ending: str) -> None:
    crew = await hire(desk)
    async with await crew.http("marie") as http:
        async with http.get(f"{desk.url}/account") as answer:
            assert answer.status == 200
        await desk.rows(ending)
        async with http.get(f"{desk.url}/account") as answer:
            assert answer.status == 401


async def test_one_is_led_back_to_where_one_wanted_to_go_and_nowhere_else(desk: Desk) -> None:
    await hire(desk)
    for wanted, found in {
        "/account?done=profile": "/account?done=profile",
        "https://evil.example/": "/console",
        "//evil.example": "/console",
        "/\\evil.example": "/console",
        "/a\r\nX: y": "/console",
        "": "/console",
    }.items():
        posted = {"email": "marie@example.org", "password": PASSWORD, "next": wanted}
        headers = {"Origin": desk.url}
        async with desk.http.post(f"{desk.url}/sign-in", data=posted, headers=headers, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, found)


# --- links ----------------------------------------------------------------------------------------------------------

CHOSEN = "something else entirely"


async def forget(desk: Desk, email: str) -> tuple[int, str]:
    headers = {"Origin": desk.url} | PAGE
    async with desk.http.post(
        f"{desk.url}/sign-in/forgotten?lang=en", data={"email": email}, headers=headers
    ) as answer:
        return answer.status, await answer.text()


async def link_sent(desk: Desk) -> str:
    """The link in the newest letter."""
    await desk.dispatch()
    words = message_from_bytes(desk.outgoing()[-1], policy=default).get_body().get_content()  # type: ignore[union-attr]
    found = re.search(r"https?://\S+/(?:resets|invitations)/\S+", words)
    assert found is not None, words
    return found[0]


async def choose(desk: Desk, link: str, said: str = CHOSEN, again: str = CHOSEN) -> int:
    async with desk.http.post(
        link, data={"password": said, "again": again}, headers={"Origin": desk.url}, allow_redirects=False
    ) as answer:
        return answer.status


async def test_a_forgotten_password_is_chosen_anew_by_a_letter_once(desk: Desk) -> None:
    crew = await hire(desk)
    async with await crew.http("marie") as http:
        assert (await forget(desk, "nobody@example.org")) == (await forget(desk, " MARIE@example.org "))
        link = await link_sent(desk)
        payload = str(await desk.rows("SELECT payload FROM outbox"))
        assert link.rpartition("/")[2] not in payload, "the outbox holds no key"
        assert len(desk.outgoing()) == 1
        async with desk.http.get(link) as answer:
            assert answer.status == 200
            assert answer.headers["Referrer-Policy"] == "same-origin", "the address is the key"
        assert await choose(desk, link, "short", "short") == 422
        assert await choose(desk, link, again="another") == 422
        assert await choose(desk, link, "marie@example.org", "marie@example.org") == 422
        assert await choose(desk, link) == 303
        assert await choose(desk, link) == 404
        async with http.get(f"{desk.url}/account") as answer:
            assert answer.status == 401, "sessions from before have ended"
    assert (await sign_in(desk, "marie@example.org", PASSWORD))[0] == 401
    assert (await sign_in(desk, "marie@example.org", CHOSEN))[0] == 303


async def test_what_opens_nothing_looks_all_the_same(settings: Settings, reader: Reader) -> None:
    """T9: '', blank, NUL, used, expired, voided, another purpose, of a disabled agent: one and the same 404."""
    staff = Staff(attempts_per_minute=1000)
    async with Desk(settings.model_copy(update={"staff": staff}), reader) as desk:
        crew = await hire(desk)
        tokens = {}
        async with desk.database.engine.begin() as connection:
            for name, who in (("used", "marie"), ("expired", "paul"), ("disabled", "sonia"), ("voided", "ada")):
                tokens[name] = await proofs.make(
                    connection, crew.ids[who], "reset", hours=-1 if name == "expired" else 1
                )
            await proofs.redeem(connection, tokens["used"], "reset")
            await proofs.make(connection, crew.ids["ada"], "reset", hours=1)
            tokens["other purpose"] = await proofs.make(connection, crew.ids["marie"], "invitation", hours=1)
        await desk.rows("UPDATE agent SET disabled_at = now() WHERE email LIKE 'sonia%' RETURNING 1")
        tokens |= {"empty": "", "blank": "%20", "NUL": "%00", "null": "null", "none": "x" * 43, "hash": "0" * 64}
        answers = set()
        for token in tokens.values():
            async with desk.http.get(f"{desk.url}/resets/{token}", headers=PAGE) as answer:
                answers.add((answer.status, await answer.text()))
            assert await choose(desk, f"{desk.url}/resets/{token}") == 404
        assert len(answers) == 1
        assert next(iter(answers))[0] == 404


async def test_a_link_opens_once_however_many_ask_at_once(desk: Desk) -> None:
    crew = await hire(desk)
    async with desk.database.engine.begin() as connection:
        token = await proofs.make(connection, crew.ids["marie"], "reset", hours=1)
    found = await asyncio.gather(*(choose(desk, f"{desk.url}/resets/{token}") for _ in range(6)))
    assert sorted(found) == [303, 404, 404, 404, 404, 404]


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
    async with Desk(settings.model_copy(update={"staff": staff}), reader) as desk:
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
