"""How many SMS a text becomes. Pure; nothing fails.

A text of the GSM alphabet (3GPP TS 23.038 §6.2.1) fits 160 septets in one SMS, or 153 in each of several; letters of
its extension table take two. Any other letter makes the whole text UCS-2: 70 units, or 67 in each of several.
"""

from __future__ import annotations

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")


def segments(text: str) -> int:
    """SMS that `text` takes; 0 for an empty one."""
    if not text:
        return 0
    if all(letter in GSM or letter in EXTENDED for letter in text):
        return _split([2 if letter in EXTENDED else 1 for letter in text], 160, 153)
    return _split([2 if ord(letter) > 0xFFFF else 1 for letter in text], 70, 67)


def _split(widths: list[int], alone: int, each: int) -> int:
    """Parts that letters of these widths take, none of them cut in two."""
    if sum(widths) <= alone:
        return 1
    parts, room = 1, each
    for width in widths:
        if width > room:
            parts, room = parts + 1, each
        room -= width
    return parts
