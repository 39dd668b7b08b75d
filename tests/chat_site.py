"""What the tests of the chat share: its settings, and identities as a host site signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from config.settings import Settings

KEY = "a key that the shop and the desk share"
SITES = {
    "shop": {"origins": ["https://shop.example"], "identity_secret": KEY, "agent": "Marie", "ask": "must"},
    "night": {"hours": "mon-mon 03:00-03:01", "timezone": "Pacific/Kiritimati"},
}


def with_chat(settings: Settings, **chat: Any) -> Settings:
    """`settings` with two sites, and limits that tests do not meet by chance."""
    wanted = {"sites": SITES, "lines_per_minute": 6000, "catch_up_seconds": 0.2, **chat}
    return settings.model_copy(update={"chat": Settings(chat=wanted).chat})


def signed(key: str = KEY, **claims: Any) -> str:
    """An identity as a host site signs it."""
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{text}.{hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()}"
