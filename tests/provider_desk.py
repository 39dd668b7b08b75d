"""A desk with both providers' stand-ins behind it, and how their webhooks reach it."""

from __future__ import annotations

from typing import Any

from config.telephony import Conversation, Meta, Twilio
from tests.desk import Desk
from tests.fakes import meta, twilio


def known(**more: Any) -> dict[str, Any]:
    """The parts of the settings by which a desk knows both providers. `more`: changes by section."""
    of_meta = {
        "app_secret": meta.SECRET,
        "verify_token": meta.VERIFY,
        "access_token": meta.TOKEN,
        "phone_number_ids": [meta.NUMBER],
        "business_account_id": meta.BUSINESS,
        **more.get("meta", {}),
    }
    of_twilio = {
        "account_sid": twilio.ACCOUNT,
        "auth_token": twilio.TOKEN,
        "numbers": [twilio.NUMBER],
        "accounts": [twilio.SECOND],
        "reconcile_seconds": 0,
        "sms_per_second": 50,
        **more.get("twilio", {}),
    }
    return {
        "public_url": more.get("public_url", "https://desk.example.org"),
        "meta": Meta(**of_meta),
        "twilio": Twilio(**of_twilio),
        "conversation": Conversation(**{"quiet_seconds": 0, **more.get("conversation", {})}),
    }


async def tell(desk: Desk, body: bytes, headers: dict[str, str] | None = None) -> int:
    """Post a webhook of Meta; the answer."""
    async with desk.http.post(
        f"{desk.url}/webhooks/meta", data=body, headers=meta.sign(body) if headers is None else headers
    ) as answer:
        await answer.read()
        return answer.status


async def hear(desk: Desk, *messages: dict[str, Any], **options: Any) -> None:
    """Post messages in one webhook of Meta, and settle them."""
    assert await tell(desk, meta.webhook(messages, **options)) == 200
    await desk.settle()


async def call(
    desk: Desk, fields: twilio.Pairs, path: str = "", *, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Post a request of Twilio, signed for the public address; the answer and its text."""
    target = f"/webhooks/twilio{path}"
    signed = twilio.sign(f"https://desk.example.org{target}", fields)
    async with desk.http.post(
        f"{desk.url}{target}", data=twilio.encode(fields), headers=signed if headers is None else headers
    ) as answer:
        return answer.status, await answer.text()


async def text(desk: Desk, **fields: str) -> None:
    """Post a message of Twilio, and settle it."""
    assert (await call(desk, twilio.message(**fields)))[0] == 200
    await desk.settle()


async def outcomes(desk: Desk) -> list[str]:
    """What became of each item of the inbox, in order."""
    return [row.outcome for row in await desk.rows("SELECT outcome FROM inbox ORDER BY id")]
