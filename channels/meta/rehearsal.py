"""A webhook as Meta would send it. Enters: who writes what. Leaves: the signed request, or None: see `Channel`."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

import msgspec

from channels import Rehearsed
from channels.loopback import is_here
from config.telephony import Meta

NUMBER, BUSINESS = "106540352242922", "102290129340398"
"""Meta's own examples, where the settings name no number of ours."""


def rehearsed(settings: Meta, number: str, text: str, name: str, *, now: datetime) -> Rehearsed | None:
    """`number` writes `text`."""
    secret = settings.app_secret.get_secret_value()
    if not secret or not is_here(settings.api_url):
        return None
    ours = next(iter(settings.phone_number_ids), NUMBER)
    who, wamid = number.removeprefix("+"), f"wamid.{name}"
    message = {
        "from": who,
        "id": wamid,
        "timestamp": str(int(now.timestamp())),
        "type": "text",
        "text": {"body": text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": ours},
        "contacts": [{"profile": {"name": "Rehearsal"}, "wa_id": who}],
        "messages": [message],
    }
    entry = {"id": settings.business_account_id or BUSINESS, "changes": [{"value": value, "field": "messages"}]}
    body = msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}
    return Rehearsed("/webhooks/meta", headers, body, wamid)
