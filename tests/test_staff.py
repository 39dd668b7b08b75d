"""Who is asking, and may they? Through the real gateway."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp import ClientSession, CookieJar
from argon2 import PasswordHasher, Type
from hypothesis import given, strategies

from config.settings import Settings
from config.staff import Staff
from gateway.staff import place
from models import password, proofs, sessions
from tests.desk import Desk
from tests.staff import CHOSEN, PAGE, PASSWORD, REAL_COST, choose, hire, link_sent, sign_in
from workers.reader import Reader


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


async def test_the_clock_does_not_tell_who_has_an_account(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await hire(desk)
    await desk.rows("UPDATE agent SET disabled_at = now() WHERE email LIKE 'paul%' RETURNING 1")
    paid: list[int] = []

    class Counting(PasswordHasher):
        def verify(self, *said: Any, **named: Any) -> Any:
            paid[-1] += 1
            return super().verify(*said, **named)

    monkeypatch.setattr(password, "_HASHER", Counting(time_cost=1, memory_cost=1024, parallelism=1))
    for email in ("marie@example.org", "nobody@example.org", "paul@example.org"):
        paid.append(0)
        await sign_in(desk, email, "wrong")
    assert paid == [1, 1, 1], "each paid for one hash"
    assert (REAL_COST.memory_cost, REAL_COST.time_cost, REAL_COST.type) == (65_536, 3, Type.ID)


async def test_trying_passwords_is_bounded_by_account_and_by_address(settings: Settings, reader: Reader) -> None:
    staff = Staff(attempts_per_account=3, attempts_per_minute=8)
    async with Desk(settings.model_copy(update={"staff": staff}), reader) as desk:
        await hire(desk)
        found = [(await sign_in(desk, "marie@example.org", "wrong"))[0] for _ in range(4)]
        assert found == [401, 401, 401, 429]
        assert (await sign_in(desk, "MARIE@example.org", PASSWORD))[0] == 429, "even the right one waits"
        found = [(await sign_in(desk, f"{n}@example.org", "wrong"))[0] for n in range(4)]
        assert found == [401, 401, 401, 429]


async def test_many_guesses_at_once_are_no_more_than_one_after_the_other(settings: Settings, reader: Reader) -> None:
    staff = Staff(attempts_per_account=3, attempts_per_minute=100)
    async with Desk(settings.model_copy(update={"staff": staff}), reader) as desk:
        await hire(desk)
        found = await asyncio.gather(*(sign_in(desk, "marie@example.org", f"wrong {n}") for n in range(20)))
        assert sorted(status for status, _page in found) == [401] * 3 + [429] * 17
        for _n in range(5):
            assert (await sign_in(desk, "paul@example.org", PASSWORD))[0] == 303, "the right one uses nothing up"


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


async def forget(desk: Desk, email: str) -> tuple[int, str]:
    headers = {"Origin": desk.url} | PAGE
    async with desk.http.post(
        f"{desk.url}/sign-in/forgotten?lang=en", data={"email": email}, headers=headers
    ) as answer:
        return answer.status, await answer.text()


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


async def test_no_secret_stands_in_a_log_line_or_in_the_history(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    await hire(desk)
    await forget(desk, "marie@example.org")
    link = await link_sent(desk)
    assert await choose(desk, link) == 303
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        await sign_in(desk, "marie@example.org", CHOSEN, http)
        cookie = next(iter(http.cookie_jar)).value
    written = "".join(capfd.readouterr()) + str(await desk.rows("SELECT * FROM access_event"))
    assert "password_chosen" in written
    assert [one for one in (PASSWORD, CHOSEN, cookie, link.rpartition("/")[2], "argon2") if one in written] == []


async def test_what_has_expired_is_forgotten(desk: Desk) -> None:
    crew = await hire(desk)
    async with await crew.http("marie"), await crew.http("paul"):
        await desk.rows("UPDATE agent_session SET expires_at = now() WHERE agent_id = 1 RETURNING 1")
        async with desk.database.engine.begin() as connection:
            assert await sessions.sweep(connection) == 1
        assert len(await desk.rows("SELECT 1 FROM agent_session")) == 1


@given(strategies.text(alphabet="/\\.:@?#abe\t\n\x00 %20", max_size=12))
def test_where_one_is_sent_is_always_a_place_of_ours(said: str) -> None:
    found = place(said)
    assert found == "" or urlsplit(urljoin("https://desk.example/sign-in", found)).netloc == "desk.example"
    assert found in ("", said)


async def test_a_link_opens_once_however_many_ask_at_once(desk: Desk) -> None:
    crew = await hire(desk)
    async with desk.database.engine.begin() as connection:
        token = await proofs.make(connection, crew.ids["marie"], "reset", hours=1)
    found = await asyncio.gather(*(choose(desk, f"{desk.url}/resets/{token}") for _ in range(6)))
    assert sorted(found) == [303, 404, 404, 404, 404, 404]


async def test_behind_a_proxy_that_adds_a_path_all_links_have_it(settings: Settings, reader: Reader) -> None:
    public = f"http://127.0.0.1:{settings.http.port}/support"
    async with Desk(settings.model_copy(update={"public_url": public}), reader) as desk:
        await hire(desk)
        async with desk.http.get(f"{desk.url}/account", headers=PAGE, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/support/sign-in?next=%2Faccount"
        back = {"Origin": desk.url, "Referer": f"{public}/account"} | PAGE
        async with desk.http.post(f"{desk.url}/account", headers=back, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/support/sign-in?next=%2Faccount"
        async with desk.http.get(f"{desk.url}/sign-in?next=/account") as answer:
            links = re.findall(r'(?:href|src|action)="([^"]*)"', await answer.text())
        assert [link for link in links if not link.startswith(("/support/", "#", "?"))] == []
