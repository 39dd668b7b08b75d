"""Is this mail a bounce or a delay notice? Told by who sent it, how it begins and what it carries.

Enters: a `Mail` and what its transport said. Leaves: yes or no, and in the case of text whether delivery is only
delayed. A person who quotes, forwards or asks about a bounce sends from an own address: without a mail system behind
the sender, words alone never suffice.
"""

from __future__ import annotations

import re
from enum import IntEnum

from channels.email.bounce_text import failures, split_returned
from channels.email.bounce_words import (
    ABOUT_MAIL,
    DAEMON_NAME,
    DELAYED,
    DELAYED_SUBJECT,
    FIRST_WORDS,
    GIVEN_UP,
    KEEPER_NAME,
    SUBJECT,
    WORDS,
)
from channels.email.mail import Mail
from channels.email.phrases import any_of, fold
from channels.email.report_fields import MAX_TEXT, RETURNED, STATUS_REPORTS

_DAEMON = re.compile(
    r"mail(?:er)?[._ -]?(?:daemon|subsystem|delivery[._-]?(?:sub)?system)|mdaemon|double-bounce|mmdf|uucp"
    r"|microsoftexchange[0-9a-f]{32}"
)
_KEEPER = re.compile(r"poo?st[._-]?master|mail-?router|sysadmin|administrator|mailer|mail-?system|bounces?|ndr")
QUOTED_SUBJECT = re.compile(
    r"\s*(?:re|fwd?|tr|aw|wg|rv|rif|sv|vs|antw|odp|rép|res|enc|回复|转发|答复)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
NO_REPLY = re.compile(
    r"(?:[\w.+-]{0,60}[._+-])?(?:no|do[._-]?not|dont|not)[._-]?reply|(?:ne[._-]?pas|no|nao|nicht|non)[._-]?"
    r"(?:repondre|responder|responda|antworten|rispondere)|noreponse|keine-?antwort",
)
"""A local part that says nobody reads it."""
_TAG = re.compile(r"\s*\[(?!bounce)[^\]]{1,40}\]\s*")
_BRACKETS = " ([*!<#-"
_OPENING = 3_000


class Sender(IntEnum):
    """How surely a mail system, not a person, signs as the sender."""

    OTHER = 0
    NO_REPLY = 1
    KEEPER = 2
    """Postmaster and the like: an address of machines and, now and then, of people."""
    DAEMON = 3


def sender_of(mail: Mail) -> Sender:
    """Judge the From field: its address, its name, or its lack of either."""
    field = mail.headers.first("from")[:400]
    address, name = (mail.senders[0].address, mail.senders[0].name) if mail.senders else ("", field)
    path = mail.headers.first("return-path")[:400]
    if "mailer-daemon" in path.lower() or (
        not address and (field.rstrip().endswith("<>") or "mailer-daemon" in field.lower())
    ):
        return Sender.DAEMON
    local = address.partition("@")[0]
    name = fold(name[:200]).strip("\"' ")
    if _DAEMON.fullmatch(local) or any_of(DAEMON_NAME).match(name):
        return Sender.DAEMON
    if _KEEPER.fullmatch(local) or any_of(KEEPER_NAME).match(name):
        return Sender.KEEPER
    automatic = mail.headers.first("auto-submitted").lstrip().lower().startswith("auto")
    return Sender.NO_REPLY if automatic or NO_REPLY.match(local) else Sender.OTHER


def is_bounce(mail: Mail, *, null_path: bool) -> bool:
    """Whether `mail` says that a mail was not delivered, or not yet. `null_path`: it came with MAIL FROM:<>."""
    if "x-failed-recipients" in mail.headers or mail.content_type == "message/delivery-status":
        return True
    if mail.content_type == "multipart/report" and mail.parameters.get("report-type", "").lower() == "delivery-status":
        return True
    types = {part.content_type for part in mail.parts}
    sender = sender_of(mail)
    if not types.isdisjoint(STATUS_REPORTS):
        return sender != Sender.OTHER or null_path or says_undelivered(mail.subject)
    if sender == Sender.OTHER and not null_path:
        return says_undelivered(mail.subject) and _begins_as_bounce(mail)
    return is_object(mail) or _is_worded(mail, sender, null_path=null_path, returned=not types.isdisjoint(RETURNED))


def _is_worded(mail: Mail, sender: Sender, *, null_path: bool, returned: bool) -> bool:
    """Whether words make a bounce of what no person sent; the less sure the sender, the more of them."""
    subject = says_undelivered(mail.subject)
    words = any_of(WORDS).search(opening(mail)) is not None
    if sender == Sender.DAEMON or (null_path and sender == Sender.KEEPER):
        return null_path or subject or words or returned
    if null_path:
        return (subject or returned) and (words or returned)
    if not words:
        return False
    if sender == Sender.KEEPER:
        return returned or (subject and _names_failure(mail))
    about_mail = any_of(ABOUT_MAIL).search(fold(mail.subject[:200])) is not None
    return subject and (returned or (about_mail and _names_failure(mail)))


def _begins_as_bounce(mail: Mail) -> bool:
    """Whether the very first words are a mail system's, and nothing is asked: a gateway that signs as nobody known."""
    text = opening(mail)
    return "?" not in text and any_of(FIRST_WORDS).match(text) is not None and _names_failure(mail)


def _names_failure(mail: Mail) -> bool:
    """Whether the text names an address that was not reached: a postmaster who writes to us names ours, or none."""
    ours = {address.address for address in (*mail.to, *mail.cc, *mail.senders)}
    return bool(failures(split_returned(notice_text(mail))[0], ours))


def is_object(mail: Mail) -> bool:
    """Whether the text is a cloud relay's notice in JSON."""
    return mail.text[:200].lstrip().startswith("{") and "bouncedRecipients" in mail.text[:MAX_TEXT]


def says_undelivered(subject: str) -> bool:
    """Whether a subject begins as a bounce's does. What follows Re: or Fwd: was written by a person's mail program."""
    if QUOTED_SUBJECT.match(subject):
        return False
    folded = _TAG.sub("", fold(subject[:200]), count=1).lstrip(_BRACKETS)
    return any_of(SUBJECT).match(folded) is not None


def is_delay(subject: str, words: str) -> bool:
    """Whether a notification without a machine-readable action speaks of a delay only."""
    text = fold(words[:_OPENING])
    if any_of(GIVEN_UP).search(text):
        return False
    return any_of(DELAYED).search(text) is not None or any_of(DELAYED_SUBJECT).search(fold(subject[:200])) is not None


def opening(mail: Mail) -> str:
    """The folded beginning of the text, on one line."""
    return " ".join(fold(mail.text[:_OPENING]).split())


def notice_text(mail: Mail) -> str:
    """All text of a notification that stands before the returned message."""
    texts = []
    for part in mail.parts:
        if part.content_type in RETURNED:
            break
        if part.content_type == "text/plain":
            texts.append(part.text)
    joined = "\n\n".join(texts)
    return joined if joined.strip() else mail.text
