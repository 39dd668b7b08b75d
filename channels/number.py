"""Telephone numbers: E.164 (ITU-T) where it is one, and what is no number that can be answered. Pure.

`phonenumbers` is loaded only for numbers that are not in E.164 already.
"""

from __future__ import annotations

import re

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SHORT_CODE = re.compile(r"\d{3,8}")


def is_e164(text: str) -> bool:
    """Whether `text` is a number with its country."""
    return _E164.fullmatch(text) is not None


def is_short_code(text: str) -> bool:
    """Whether `text` is one of the short numbers that only machines send from."""
    return _SHORT_CODE.fullmatch(text) is not None


def e164(text: str, region: str) -> str:
    """The number that `text` means in `region` (FR, US …), in E.164; '' where it means none."""
    text = text.strip()
    if is_e164(text):
        return text
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    written: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written
