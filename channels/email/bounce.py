"""What a bounce, a delay or a delivery notice says became of our message.

Enters: a `Mail` that `bounce_signs.is_bounce` took for one. Leaves: a `DeliveryReport` for each recipient that it
names, at least one in all. The report part (RFC 3464, RFC 6533) is believed first, then the same fields and JSON in
plain text, then the words. Nothing fails; what cannot be found is ''.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from channels.email.bounce_signs import is_delay, is_object, notice_text
from channels.email.bounce_status import enhanced_codes, most_telling, status_by_words, tells_nothing
from channels.email.bounce_text import MAX_FAILURES, Failure, failures, split_returned
from channels.email.mail import Mail
from channels.email.report_fields import (
    ADDRESS,
    MAX_TEXT,
    STATUS_REPORTS,
    Fields,
    address_in,
    groups,
    original_id,
    returned_text,
    typed_address,
)
from models.envelope import DeliveryReport

MAX_REASON = 500
_STATES = {"delayed": "delayed", "delivered": "delivered", "relayed": "delivered", "expanded": "delivered"}
"""Actions of RFC 3464 §2.3.3; any other, and none at all, means that delivery failed."""


class Notice(msgspec.Struct, frozen=True):
    """The pieces of a bounce, taken apart once."""

    mail: Mail
    words: str
    """What the mail system wrote itself."""
    returned: str
    """The returned message or its header."""
    message_id: str
    delayed: bool

    def report(self, state: str, recipient: str, status: str, reason: str) -> DeliveryReport:
        """A report about the message that this notice is about."""
        return DeliveryReport(
            state=state,
            recipient=recipient,
            message_id=self.message_id,
            status=status,
            reason=" ".join(reason.replace("\0", " ").split())[:MAX_REASON],
        )


def read_bounce(mail: Mail) -> tuple[DeliveryReport, ...]:
    """One report for each recipient that `mail` names; where it names none, one with recipient ''."""
    notice = _take_apart(mail)
    entries = _entries(notice)
    reports = [_from_fields(notice, fields) for fields in entries] or list(_from_json(notice)) or _from_words(notice)
    if not any(report.recipient for report in reports):
        named = _named_elsewhere(notice)
        reports = [msgspec.structs.replace(reports[0], recipient=recipient) for recipient in named] or reports[:1]
    return tuple({(report.recipient, report.state): report for report in reversed(reports)}.values())[::-1]


def _take_apart(mail: Mail) -> Notice:
    words, below = split_returned(notice_text(mail))
    returned = returned_text(mail) or below
    return Notice(mail, words, returned, original_id(mail, returned), is_delay(mail.subject, words))


def _entries(notice: Notice) -> list[Fields]:
    """The fields of each recipient, from report parts, or from plain text where a server writes them there."""
    texts = [
        part.text or part.content.decode("utf-8", "replace")
        for part in notice.mail.parts
        if part.content_type in STATUS_REPORTS
    ]
    if not texts and "-recipient:" in notice.words.lower():
        texts = ["\n".join(line.strip() for line in notice.words.split("\n"))]
    entries: list[Fields] = []
    stray: Fields = {}
    for fields in groups("\n\n".join(texts)):
        if len(entries) == MAX_FAILURES:
            break
        if "final-recipient" in fields or "original-recipient" in fields:
            entries.append({**stray, **fields})
            stray = {}
        elif entries:
            entries[-1] = {**fields, **entries[-1]}
        elif "action" in fields or "status" in fields:
            stray = fields
    return entries


def _from_fields(notice: Notice, fields: Fields) -> DeliveryReport:
    """Read one recipient's fields (RFC 3464 §2.3). The address that we wrote to counts, not where it was forwarded."""
    recipient = ""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        recipient = recipient or typed_address(fields.get(name, ""))
    action = fields.get("action", "").split(" ")[0].lower().strip("()[],;")
    declared, diagnostic = fields.get("status", ""), fields.get("diagnostic-code", "")
    state = _STATES.get(action, "failed")
    if not action and (declared.startswith("4") or notice.delayed):
        state = "delayed"
    if state == "delivered":
        return notice.report(state, recipient, declared[:8].strip() if declared.startswith("2") else "", diagnostic)
    words = _words_about(notice.words, recipient)
    status = _status(declared, diagnostic, words, delayed=state == "delayed")
    return notice.report(state, recipient, status, diagnostic.partition(";")[2] or diagnostic or words)


def _status(declared: str, diagnostic: str, words: str, *, delayed: bool) -> str:
    """The most telling code of a report: its Status, its diagnostic, then its free text; else derived from words."""
    code = most_telling(enhanced_codes(declared) + enhanced_codes(diagnostic))
    if tells_nothing(code):
        code = most_telling([code, *enhanced_codes(words)] if code else enhanced_codes(words))
    return code or status_by_words(diagnostic, delayed=delayed) or _guess(words, delayed=delayed)


def _guess(words: str, *, delayed: bool) -> str:
    return status_by_words(words, delayed=delayed) or ("4.0.0" if delayed else "5.0.0")


def _words_about(words: str, recipient: str) -> str:
    """What a notification says from the first mention of `recipient` on."""
    place = words.lower().find(recipient) if recipient else -1
    return words[place : place + 1_500] if place >= 0 else words[:4_000]


def _from_words(notice: Notice) -> list[DeliveryReport]:
    found = failures(notice.words, _ours(notice))
    named = _failed_header(notice.mail)
    if named:
        by_text = {failure.recipient: failure for failure in found}
        found = [by_text.get(name) or Failure(name, _words_about(notice.words, name)) for name in named]
    found = found or [Failure("", notice.words[:4_000])]
    return [_from_failure(notice, failure, alone=len(found) == 1) for failure in found]


def _from_failure(notice: Notice, failure: Failure, *, alone: bool) -> DeliveryReport:
    """A report from words. Those beside the address come first; a lone recipient owns the whole text."""
    status = most_telling(enhanced_codes(failure.words) or enhanced_codes(notice.words[:4_000])) if alone else ""
    for words in (failure.words, notice.words[:4_000]):
        code = most_telling(enhanced_codes(words))
        told = code if not tells_nothing(code) else status_by_words(words, delayed=notice.delayed) or code
        status = told if tells_nothing(status) and told else status
        if not alone and status:
            break
    state = "delayed" if notice.delayed else "failed"
    return notice.report(state, failure.recipient, status or _guess("", delayed=notice.delayed), failure.words)


def _failed_header(mail: Mail) -> list[str]:
    """Addresses of X-Failed-Recipients, which Exim and Gmail write."""
    values = ",".join(mail.headers.all("x-failed-recipients"))[:MAX_TEXT]
    found = (address_in(value) for value in values.split(",")[:100])
    return list(dict.fromkeys(filter(None, found)))


def _named_elsewhere(notice: Notice) -> list[str]:
    """The recipient by the last means: the failed-recipients header, the words, then To of the returned message."""
    found = _failed_header(notice.mail) or [failure.recipient for failure in failures(notice.words, _ours(notice))]
    if found:
        return found
    for fields in groups(notice.returned):
        if recipient := address_in(fields.get("to", "")):
            return [recipient]
    everywhere = (found[0].lower() for found in ADDRESS.finditer(notice.words))
    return list(islice((address for address in everywhere if address not in _ours(notice)), 1))


def _ours(notice: Notice) -> set[str]:
    """Addresses of who sent the original message: where the notice went, and who the original says it is from."""
    addresses = {address.address for address in notice.mail.to}
    for name in ("delivered-to", "x-original-to", "envelope-to"):
        addresses.update(address_in(value) for value in notice.mail.headers.all(name))
    for fields in groups(notice.returned[:8_192]):
        addresses.update(address_in(fields.get(name, "")) for name in ("from", "return-path", "sender", "reply-to"))
        if "from" in fields:
            break
    return addresses


def _from_json(notice: Notice) -> Iterator[DeliveryReport]:
    """Bounce notices in JSON, as cloud relays send them by mail: a list of objects with an address and a status."""
    if not is_object(notice.mail):
        return
    document = _first_object(notice.mail.text.lstrip()[: 4 * MAX_TEXT])
    message = document.get("Message")
    if isinstance(message, str):
        document = _first_object(message)
    bounce = document.get("bounce")
    if not isinstance(bounce, dict) or not isinstance(bounce.get("bouncedRecipients"), list):
        return
    transient = bounce.get("bounceType") == "Transient"
    for entry in bounce["bouncedRecipients"][:100]:
        if isinstance(entry, dict):
            yield _from_object(notice, entry, delayed=transient)


def _from_object(notice: Notice, entry: dict[str, Any], *, delayed: bool) -> DeliveryReport:
    fields = {key.lower(): value for key, value in entry.items() if isinstance(value, str)}
    diagnostic = fields.get("diagnosticcode", "")
    status = _status(fields.get("status", ""), diagnostic, "", delayed=delayed)
    state = _STATES.get(fields.get("action", "").lower(), "failed")
    return notice.report(state, address_in(fields.get("emailaddress", "")), status, diagnostic)


def _first_object(text: str) -> dict[str, Any]:
    """The JSON object that `text` begins with, {} where there is none; line breaks inside strings are forgiven."""
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
