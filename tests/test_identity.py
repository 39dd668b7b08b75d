"""Signing in by an identity provider: who is let in, and what is not believed (T22)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from config.settings import Settings
from config.staff import Staff
from gateway.staff import oidc
from tests.desk import Desk
from tests.fakes.identity import CLIENT, SECRET, Provider
from tests.staff import hire


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running
    assert running.wrong == []


@pytest.fixture
def settings(settings: Settings, provider: Provider) -> Settings:
    oidc = {"issuer": provider.url, "client_id": CLIENT, "client_secret": SECRET, "name": "Example"}
    staff = Staff.model_validate({"oidc": oidc, "attempts_per_minute": 1000})
    return settings.model_copy(update={"staff": staff})


async def arrive(desk: Desk, start: str = "/sign-in/identity") -> tuple[str, ClientSession]:
    """Go the whole way as a browser does; where one ends."""
    http = ClientSession(cookie_jar=CookieJar(unsafe=True))
    async with http.get(desk.url + start) as answer:
        return answer.url.path_qs, http


async def signed_in(desk: Desk, start: str = "/sign-in/identity") -> bool:
    ended, http = await arrive(desk, start)
    async with http, http.get(f"{desk.url}/account", allow_redirects=False) as answer:
        assert (answer.status == 200) == (not ended.startswith("/sign-in"))
        return answer.status == 200


async def subject_of(desk: Desk, who: str) -> str:
    return str((await desk.rows("SELECT oidc_subject FROM agent WHERE email = :who", who=f"{who}@example.org"))[0][0])


async def test_a_verified_address_joins_once_and_from_then_on_the_subject_counts(
    desk: Desk, provider: Provider
) -> None:
    await hire(desk)
    ended, http = await arrive(desk, "/sign-in/identity?next=/account%3Fdone%3Dprofile")
    await http.close()
    assert ended == "/account?done=profile"
    assert await subject_of(desk, "marie") == "s-1"
    provider.somebody = {"sub": "s-1", "email": "other@example.net", "email_verified": False}
    assert await signed_in(desk)
    events = await desk.rows("SELECT kind, new FROM access_event WHERE kind IN ('identity', 'signed_in') ORDER BY id")
    assert [tuple(row) for row in events] == [("identity", provider.url), *[("signed_in", "identity")] * 2]


@pytest.mark.parametrize(
    "somebody",
    [
        {"sub": "x", "email": "marie@example.org", "email_verified": False},
        {"sub": "x", "email": "marie@example.org"},
        {"sub": "x", "email": "marie@example.org", "email_verified": "true"},
        {"sub": "x", "email": "nobody@example.org", "email_verified": True},
        {"sub": "x", "email": "", "email_verified": True},
        {"sub": "x"},
    ],
    ids=["unverified", "unsaid", "a word", "unknown", "empty", "none"],
)
async def test_who_is_not_joined_does_not_come_in(desk: Desk, provider: Provider, somebody: dict[str, Any]) -> None:
    await hire(desk)
    provider.somebody = somebody
    assert not await signed_in(desk)
    assert await subject_of(desk, "marie") == ""


async def test_an_account_of_one_subject_is_never_joined_to_another(desk: Desk, provider: Provider) -> None:
    await hire(desk)
    assert await signed_in(desk)
    provider.somebody = {"sub": "s-2", "email": "marie@example.org", "email_verified": True}
    assert not await signed_in(desk)
    assert await subject_of(desk, "marie") == "s-1"


async def test_the_disabled_stay_out(desk: Desk, provider: Provider) -> None:
    await hire(desk)
    assert await signed_in(desk)
    await desk.rows("UPDATE agent SET disabled_at = now() WHERE email = 'marie@example.org' RETURNING 1")
    assert not await signed_in(desk)


async def test_an_address_that_only_userinfo_tells_counts(desk: Desk, provider: Provider) -> None:
    await hire(desk)
    provider.address_in_token = False
    assert await signed_in(desk)


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "other"},
    "two audiences, no azp": {"aud": [CLIENT, "other"]},
    "another azp": {"azp": "other"},
    "expired": {"exp": int(time.time()) - 3600},
    "never expires": {"exp": None},
    "issued in the future": {"iat": int(time.time()) + 3600},
    "another nonce": {"nonce": "other"},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_lies_is_not_believed(desk: Desk, provider: Provider, lie: str) -> None:
    await hire(desk)
    provider.lies = LIES[lie]
    assert not await signed_in(desk)
    assert await signed_in(desk), "and the next one, which tells the truth, is"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_only_the_providers_signature_counts(desk: Desk, provider: Provider, algorithm: str) -> None:
    await hire(desk)
    provider.algorithm = algorithm
    assert not await signed_in(desk)


async def test_a_key_that_is_not_published_counts_only_once_it_is(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "KEYS_PAUSE", 0)
    await hire(desk)
    assert await signed_in(desk)
    provider.key = "second"
    assert not await signed_in(desk)
    provider.published = "second"
    assert await signed_in(desk)


async def test_an_answer_counts_only_in_the_browser_that_asked(desk: Desk, provider: Provider) -> None:
    await hire(desk)
    attacker = ClientSession(cookie_jar=CookieJar(unsafe=True))
    async with attacker.get(f"{desk.url}/sign-in/identity", allow_redirects=False) as answer:
        there = answer.headers["Location"]
    async with attacker.get(there, allow_redirects=False) as answer:
        back = answer.headers["Location"]
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as victim, victim.get(back) as answer:
        assert answer.url.path == "/sign-in"
    async with attacker.get(back.replace("state=", "state=x")) as answer:
        assert answer.url.path == "/sign-in"
    await attacker.close()


async def test_a_provider_that_is_away_or_talks_nonsense_lets_nobody_in(desk: Desk, provider: Provider) -> None:
    await hire(desk)
    await provider.runner.cleanup()
    assert not await signed_in(desk)
