"""Twilio's error codes in words (twilio.com/docs/api/errors), for those that tell an agent what to do. Pure."""

from __future__ import annotations

STOPPED = frozenset((21610,))
"""The recipient said STOP, to Twilio or to the carrier."""
LATER = frozenset((14107, 20429, 30001, 63018, 63038))
"""Limits of pace, and queues that are full."""
CREDENTIALS = frozenset((20003, 20005, 20404))
"""A token that is wrong, an account that is suspended or unknown: the operator can mend it, the message waits."""
WORDS = {
    21211: "the number is not valid",
    21408: "our account may not send to this country",
    21606: "our number cannot send SMS",
    21610: "the recipient said STOP",
    21614: "the number is no mobile number",
    21617: "the message is too long",
    30003: "the phone is switched off or out of reach",
    30004: "the recipient blocks messages",
    30005: "the number does not exist",
    30006: "the number is a landline, or its carrier takes no SMS",
    30007: "the carrier took it for spam",
    30008: "the carrier does not say why",
    30034: "our number is not registered for messages to the United States (A2P 10DLC)",
    63001: "our WhatsApp sender is not accepted",
    63003: "the number is not on WhatsApp",
    63007: "our number is no WhatsApp sender",
    63016: "the customer wrote more than 24 hours ago: send a template",
    63018: "too many messages in a short time",
    63024: "the recipient is not on WhatsApp",
    63032: "WhatsApp does not let us write to this customer now",
    63051: "WhatsApp has locked our business account",
}


def words(code: int, told: str = "") -> str:
    """What an error means: Twilio's own words, and ours."""
    return f"{told} ({WORDS[code]})" if told and code in WORDS else told or WORDS.get(code, "")
