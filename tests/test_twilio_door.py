"""Twilio's door: which signatures count, whatever a proxy made of the address, and what is never believed."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from tests.desk import Desk
from tests.fakes.twilio import (
    OTHER_ACCOUNT,
    OTHER_NUMBER,
    OTHER_TOKEN,
    TOKEN,
    Pairs,
    encode,
    message,
    ringing,
    sign,
    sign_json,
    signature,
    status,
)
from tests.provider_desk import call, known, outcomes
from workers.reader import Reader

pytest_plugins = ("tests.provider_fixtures",)
URL = "https://desk.example.org/webhooks/twilio"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def signed(value: str) -> dict[str, str]:
    return {**FORM, "X-Twilio-Signature": value}


async def test_nothing_forged_is_accepted(phone_desk: Desk) -> None:  # B65
    fields = message()
    longer = [*fields, ("Extra", "1")]
    forged = {
        "no header": FORM,
        "empty": signed(""),
        "no base64": signed("é"),
        "another token": sign(URL, fields, "guess"),
        "an empty token": sign(URL, fields, ""),
        "another account's token": sign(URL, fields, OTHER_TOKEN),
        "another address": sign("https://evil.example/webhooks/twilio", fields),
        "another path": sign(f"{URL}/status", fields),
        "other fields": sign(URL, longer),
        "the address alone": signed(signature(URL, [])),
        "SHA-256 without saying so": signed(signature(URL, fields, hashed="sha256")),
    }
    for name, headers in forged.items():
        assert (await call(phone_desk, fields, headers=headers))[0] == 401, name
    assert (await call(phone_desk, longer, headers=sign(URL, fields)))[0] == 401
    for path in ("/status", "/voice"):
        assert (await call(phone_desk, ringing(), path, headers=FORM))[0] == 401
    assert await phone_desk.balance() == []


async def test_a_desk_without_a_token_believes_nobody(settings: Settings, phone_reader: Reader) -> None:
    async with Desk(settings.model_copy(update={"public_url": "https://desk.example.org"}), phone_reader) as desk:
        for headers in (sign(URL, message()), sign(URL, message(), ""), FORM):
            assert (await call(desk, message(), headers=headers))[0] == 401
        assert await desk.balance() == []


async def test_repeated_and_new_parameters_are_signed_with_all_their_values(phone_desk: Desk) -> None:  # B67
    fields: Pairs = [
        *message(),
        ("Tag", "b"),
        ("Tag", "a"),
        ("Tag", "b"),
        ("ChannelMetadata", '{"type":"x"}'),
        ("Né", "é "),
    ]
    assert (await call(phone_desk, fields))[0] == 200
    await phone_desk.settle()
    assert await outcomes(phone_desk) == ["ticket"]


async def post(desk: Desk, url: str, body: bytes, headers: dict[str, str]) -> int:
    target = url.partition("/webhooks")[2]
    async with desk.http.post(f"{desk.url}/webhooks{target}", data=body, headers=headers) as answer:
        return answer.status


async def test_json_is_believed_by_its_digest_in_the_address(phone_desk: Desk) -> None:  # B67
    value = dict(message())
    url, body, headers = sign_json(URL, value)
    assert await post(phone_desk, url, body.replace(b"commande", b"facture"), headers) == 401
    assert await post(phone_desk, url, body, headers) == 200
    bare = {"Content-Type": "application/json", "X-Twilio-Signature": signature(URL, [])}
    assert await post(phone_desk, URL, body, bare) == 401, "a signature that covers no body"
    await phone_desk.settle()
    assert await outcomes(phone_desk) == ["ticket"]


async def proxied(settings: Settings, reader: Reader, url: str, headers: dict[str, str], **more: Any) -> int:
    """The answer to a message that was signed for `url` and came through a proxy."""
    parts = {**known(), **more}
    async with Desk(settings.model_copy(update=parts), reader) as desk:
        given = sign(url, message()) | headers
        async with desk.http.post(f"{desk.url}/webhooks/twilio", data=encode(message()), headers=given) as answer:
            return answer.status


async def test_the_public_address_counts_whatever_the_proxy_says(
    settings: Settings, phone_reader: Reader
) -> None:  # B67
    trusting = settings.http.model_copy(update={"trusted_proxies": ["127.0.0.0/8"]})
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "tickets.example.net"}
    cases: list[tuple[int, str, dict[str, str], dict[str, Any]]] = [
        (200, "https://desk.example.org:443/webhooks/twilio", {}, {}),
        (200, "https://desk.example.org/desk/webhooks/twilio", {}, {"public_url": "https://desk.example.org/desk/"}),
        (200, "https://tickets.example.net/webhooks/twilio", forwarded, {"public_url": "", "http": trusting}),
        (401, "https://tickets.example.net/webhooks/twilio", forwarded, {"public_url": ""}),
    ]
    for wanted, url, headers, more in cases:
        assert await proxied(settings, phone_reader, url, headers, **more) == wanted, url


async def test_each_account_signs_for_itself_and_both_tokens_count_while_one_is_changed(
    settings: Settings, phone_reader: Reader
) -> None:
    other = message(AccountSid=OTHER_ACCOUNT, To=OTHER_NUMBER)
    changing = known(twilio={"auth_token": "new", "secondary_auth_token": TOKEN, "signing_key": "shared"})
    async with Desk(settings.model_copy(update=changing), phone_reader) as desk:
        shared = signed(signature(URL, message(), "shared", "sha256"))
        shared["X-Twilio-Webhooks-Signature-Settings"] = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
        tries = [
            (message(), sign(URL, message(), "new"), 200),
            (message(), sign(URL, message(), TOKEN), 200),
            (message(), shared, 200),
            (other, sign(URL, other, OTHER_TOKEN), 200),
            (other, sign(URL, other, "new"), 401),
        ]
        for fields, headers, wanted in tries:
            assert (await call(desk, fields, headers=headers))[0] == wanted


async def test_other_ways_of_asking_are_told_what_is_wrong(phone_desk: Desk) -> None:  # B73, B74
    async with phone_desk.http.get(f"{phone_desk.url}/webhooks/twilio") as answer:
        assert answer.status == 405
    assert (await call(phone_desk, message(), headers={**sign(URL, message()), "Content-Type": "text/plain"}))[0] == 415
    huge = message(Body="x" * 300_000)
    assert (await call(phone_desk, huge))[0] == 413
    many = [(f"p{n}", "") for n in range(1_000)]
    assert (await call(phone_desk, many))[0] == 400
    headers = signed(signature(URL, [("Body", "\ufffd")]))
    assert await post(phone_desk, URL, b"Body=%FF", headers) == 400
    assert await phone_desk.balance() == []


async def test_a_request_that_names_no_message_is_kept_for_people(phone_desk: Desk) -> None:
    nameless = [(name, value) for name, value in message() if not name.endswith("Sid") or name == "AccountSid"]
    assert (await call(phone_desk, nameless))[0] == 200
    assert (await call(phone_desk, nameless))[0] == 200, "Twilio's retry, known by its idempotency token"
    await phone_desk.settle()
    assert await outcomes(phone_desk) == ["quarantined"]


async def test_statuses_are_stored_once_each(phone_desk: Desk) -> None:
    for state in ("sent", "delivered", "sent"):
        assert (await call(phone_desk, status("SM9", state), "/status?message=eEB5"))[0] == 200
    await phone_desk.settle()
    assert await outcomes(phone_desk) == ["machine", "machine"]
    assert await phone_desk.rows("SELECT 1 FROM message") == []
