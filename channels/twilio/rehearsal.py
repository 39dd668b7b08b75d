"""A request as Twilio would send it. Enters: who writes what. Leaves: the signed request, or None: see `Channel`."""

from __future__ import annotations

import hashlib
from typing import Any

from channels import Rehearsed
from channels.loopback import is_here
from channels.twilio.accounts import WHATSAPP, accounts
from channels.twilio.fields import Fields, encode

NUMBER = "+33757000001"
"""Where the settings name no number of ours."""


def rehearsed(settings: Any, number: str, text: str, name: str) -> Rehearsed | None:
    """`number` writes `text`, by WhatsApp or, every second customer, by SMS."""
    account = next(iter(accounts(settings.twilio)), None)
    if account is None or not is_here(settings.twilio.api_url):
        return None
    from twilio.request_validator import RequestValidator

    prefix = WHATSAPP if int(number[-1]) % 2 else ""
    sid = f"SM{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"
    pairs = [
        ("MessageSid", sid),
        ("AccountSid", account.account_sid),
        ("From", prefix + number),
        ("To", prefix + next(iter(account.numbers), NUMBER)),
        ("Body", text),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
    ]
    path = "/webhooks/twilio"
    validator = RequestValidator(account.auth_token.get_secret_value())
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": validator.compute_signature(settings.base_url + path, Fields(pairs)),
    }
    return Rehearsed(path, headers, encode(pairs), sid)
