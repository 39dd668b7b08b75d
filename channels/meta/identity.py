"""Who writes: the phone number, or the business-scoped user id of those who show none. Pure."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"\+?([1-9]\d{6,14})")
_USER_ID = re.compile(r"[A-Z]{2}(?:\.ENT)?\.[0-9A-Za-z]{1,128}")
"""Country, dot, id: developers.facebook.com, "Business-scoped user IDs"."""


def address_of(number: object, user_id: object = "") -> str:
    """E.164 of a wa_id, else the business-scoped user id, else whatever was given, else ''."""
    number, user_id = number if isinstance(number, str) else "", user_id if isinstance(user_id, str) else ""
    if found := _DIGITS.fullmatch(number):
        return "+" + found.group(1)
    return user_id or number


def is_user_id(address: str) -> bool:
    """Whether it is a business-scoped user id, which the API wants by another name than a number."""
    return _USER_ID.fullmatch(address) is not None
