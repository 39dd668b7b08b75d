"""Which enhanced status code (RFC 3463) a bounce means.

Enters: the codes and words of one report. Leaves: the code that tells most, or ''. Pure; nothing fails.
"""

from __future__ import annotations

import re

from channels.email.bounce_phrases import PHRASES
from channels.email.phrases import any_of, fold

_ENHANCED = re.compile(r"(?:(?<![\w./-])|(?<=\b[45]\d\d-))([245]\.\d{1,3}\.\d{1,3})(?![\w-]|\.\d)", re.ASCII)
_REPLY = re.compile(
    r"(?<![\w.,:/@=+-])([45][0-7]\d)(?=[\s:;,)\]>#-]|\.?$)(?!\s(?:byte|kb|mb|day|hour|min|sec|of\b))", re.ASCII
)
_VERSION = re.compile(r"(?:version|release|ver\.?|build)\s*$", re.IGNORECASE)
_NO_WORDS = re.compile(r"https?:\S+|[\w.+=-]*@[\w.-]+|\b[\w-]+(?:\.[\w-]+){2,}", re.ASCII)
MAX_WORDS = 1_000
"""Characters of a diagnostic that are searched for phrases."""
REPLIES = {
    "421": "4.3.2",
    "450": "4.2.0",
    "451": "4.3.0",
    "452": "4.3.1",
    "454": "4.7.0",
    "471": "4.7.1",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "521": "5.3.2",
    "530": "5.7.0",
    "535": "5.7.8",
    "551": "5.1.6",
    "552": "5.2.2",
    "553": "5.1.3",
    "555": "5.5.4",
    "556": "5.1.10",
    "570": "5.7.0",
    "571": "5.7.1",
}
"""What a bare SMTP reply code says (RFC 5321 §4.2.3, RFC 7504) where the words beside it say nothing."""


def enhanced_codes(text: str) -> list[str]:
    """Every code of failure or delay in `text`, in order; neither versions nor IP addresses."""
    return [
        found[1]
        for found in _ENHANCED.finditer(text)
        if found[1][0] != "2" and not _VERSION.search(text[max(0, found.start() - 12) : found.start()])
    ]


def reply_code(text: str) -> str:
    """The first SMTP reply code 4yz or 5yz in `text`, or ''."""
    found = _REPLY.search(text)
    return found[1] if found else ""


def most_telling(codes: list[str]) -> str:
    """The code that tells most, the earliest of equals; '' of none."""
    return max(codes, key=_weight, default="")


def _weight(code: str) -> int:
    """0 to 3. X.0.0 tells nothing, and X.4.7 hides the actual problem (RFC 3463 §3.5)."""
    _, subject, detail = code.split(".")
    if int(subject) == int(detail) == 0:
        return 0
    if subject == "5" or (subject, detail) == ("4", "7"):
        return 1
    return 2 if detail == "0" else 3


def status_by_words(text: str, *, delayed: bool) -> str:
    """Derive a code from the words and the reply code in `text`; '' where they say nothing."""
    reply = reply_code(text)
    grade = reply[:1] or ("4" if delayed or "deferred" in text.lower() else "")
    words = " ".join(_NO_WORDS.sub(" ", fold(text[: 2 * MAX_WORDS])).split())[:MAX_WORDS]
    for status, phrases in PHRASES:
        if any_of(phrases).search(words):
            return (grade or status[0]) + status[1:]
    if reply == "550" and "rcpt to" in text.lower():
        return "5.1.1"
    return REPLIES.get(reply, f"{grade}.0.0" if reply else "")


def tells_nothing(code: str) -> bool:
    """True of no code and of X.0.0."""
    return not code or _weight(code) == 0
